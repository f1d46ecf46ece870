from dataclasses import replace

import pytest

from park.demo import load
from park.field import FieldTeller
from park.model import DAY, HOUR, MINUTE
from services.ingest.domain.field import read_told, states_of
from services.ingest.hj212.codec import Frame, Framer, Packet, parse_segment
from shared.contracts.ingest import Medium
from shared.contracts.ingest.qa import QaKind

THREE = 1_772_305_200 - 1_772_305_200 % DAY + 19 * HOUR
"""03:00 of a day in Beijing."""


def packets(frames: list[tuple[str, bytes]]) -> list[Packet]:
    events = Framer().feed(b"".join(frame for _, frame in frames))
    return [parse_segment(event.segment) for event in events if isinstance(event, Frame)]


@pytest.mark.parametrize(("key", "medium"), [("E-007/DW001", Medium.WATER), ("E-006/DA001", Medium.GAS)])
def test_a_logger_of_2025_tells_its_daily_check_once_and_the_states_around_it(key: str, medium: Medium) -> None:
    model = load().outlets[key].model
    teller = FieldTeller(model)
    sent = teller.due(THREE + 20 * MINUTE)
    again, next_day = teller.due(THREE + 21 * MINUTE), teller.due(THREE + DAY + 20 * MINUTE)
    begin, check, end, logger = [read_told(packet, medium) for packet in packets(sent)]
    kinds = {QaKind.STANDARD_CHECK} if medium is Medium.WATER else {QaKind.ZERO, QaKind.SPAN}

    assert model.edition == "2025"
    assert (again, len(next_day)) == ([], 4)
    assert FieldTeller(model).due(THREE + 23 * HOUR) == sent, "a logger that starts later says the same"
    assert {each.kind for each in check.checks} == kinds
    assert {each.factor for each in check.checks} == {state.factor for state in states_of(begin)}
    assert [{state.state for state in states_of(told)} for told in (begin, end, logger)] == [{3}, {0}, {0}]
    assert (begin.at.timestamp(), end.at.timestamp()) == (THREE, THREE + 15 * MINUTE)


def test_a_logger_without_analysers_that_are_checked_tells_nothing() -> None:
    model = load().outlets["E-007/DW001"].model
    bare = replace(model, factors=tuple(factor for factor in model.factors if factor.code == "w00000"))
    assert FieldTeller(bare).due(THREE + HOUR) == []
