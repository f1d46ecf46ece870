"""The table of commands walked in every cell, and the small rules around it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.ingest.domain.commands import life
from services.ingest.domain.commands.answers import match
from services.ingest.domain.commands.catalogue import catalogue, find_kind
from services.ingest.domain.commands.frames import Station, request, shown
from services.ingest.domain.commands.gaps import Gap, find_gaps, join, portions
from services.ingest.domain.commands.model import SYSTEM, Command
from services.ingest.domain.commands.policy import policy
from services.ingest.hj212.codec import Frame, Framer, parse_segment
from shared.contracts.ingest.commands import CommandEvent as Event
from shared.contracts.ingest.commands import CommandOrigin, ParameterType
from shared.contracts.ingest.commands import CommandState as State
from shared.errors import ConflictError

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SAMPLES = {
    ParameterType.FACTOR: "w01018", ParameterType.TIME: NOW.isoformat(), ParameterType.CLOCK: "08:30",
    ParameterType.TEXT: "12.5", ParameterType.INFO: "i13007",
}  # fmt: skip


def make(code: str = "read_time", state: State = State.QUEUED, **fields: Any) -> Command:
    kind = find_kind(code)
    params = {
        item.name: SAMPLES.get(item.type) or item.default or next(iter(item.choices), "3") for item in kind.parameters
    }
    defaults: dict[str, Any] = {
        "number": 1, "mn": "MN1234567", "edition": kind.editions[0] if "2017" not in kind.editions else "2017",
        "params": {name: text for name, text in params.items() if name != kind.secret},
        "secret": "s" * 16 if kind.secret else None, "outcome": None, "return_code": None, "reason": "",
        "origin": CommandOrigin.PERSON, "requested_by": SYSTEM, "requested_at": NOW, "approved_by": None,
        "approved_at": None, "valid_until": NOW + HOUR, "qn": None, "tries": 1, "sent_at": None, "due_at": None,
        "accepted_at": None, "finished_at": None, "result": (), "frames": 0, "values_arrived": 0, "version": 1,
        "changed_at": NOW,
    }  # fmt: skip
    ids = {name: uuid4() for name in ("id", "device_id", "outlet_id", "enterprise_id")}
    return Command(code=code, state=state, **ids, **{**defaults, **fields})


@pytest.mark.parametrize("state", State)
def test_every_cell_of_the_table_leads_somewhere_or_is_refused(state: State) -> None:
    for event in Event:
        command = make(state=state, outcome=life.NO_ANSWER, frames=1)
        row = life.find_row(state, event)
        if row is None:
            with pytest.raises(ConflictError) as refused:
                life.move(command, event, NOW)
            assert refused.value.code == "illegal_transition"
            continue
        moved = life.move(command, event, NOW)
        assert (moved.state, moved.version) == (row.target, 2)
        assert (moved.finished_at is not None) == (row.target in life.FINAL)
        assert moved.due_at is None or row.target in life.IN_FLIGHT


def test_every_state_can_be_reached_and_left() -> None:
    targets = {row.target for row in life.ROWS}
    sources = {state for row in life.ROWS for state in row.sources}

    assert targets | {State.AWAITING_APPROVAL} == set(State)
    assert sources >= set(State) - life.FINAL
    assert {row.event for row in life.ROWS} == set(Event)
    assert {name for row in life.ROWS for name in row.guards} == set(life.GUARDS)


@pytest.mark.parametrize(("code", "tries", "then"), [
    ("read_time", 1, State.QUEUED), ("read_time", policy().tries, State.TIMED_OUT),
    ("calibrate_zero_span", 1, State.TIMED_OUT), ("set_password", 1, State.TIMED_OUT),
    ("sample_now", 1, State.TIMED_OUT),
])  # fmt: skip
def test_without_an_answer(code: str, tries: int, then: State) -> None:
    after = life.overdue(make(code, State.SENT, tries=tries), NOW)

    assert after.state is then
    assert after.secret == make(code).secret  # a late 9012 still needs it


def test_the_secret_is_gone_at_the_end() -> None:
    command = make("set_password", State.ACCEPTED)

    assert life.move(command, Event.SUCCEED, NOW).secret is None
    assert life.move(command, Event.BREAK_OFF, NOW).secret == command.secret


def test_a_true_failure_is_final() -> None:
    failed = life.move(make(state=State.ACCEPTED), Event.FAIL, NOW, code=5)

    assert (failed.outcome, failed.return_code) == ("failed", 5)
    assert not life.takes(failed, Event.SUCCEED)
    assert life.takes(life.move(make(state=State.ACCEPTED), Event.BREAK_OFF, NOW), Event.SUCCEED)


@pytest.mark.parametrize("code", catalogue())
def test_every_command_can_be_written_and_read_back(code: str) -> None:
    kind = find_kind(code)
    for edition in kind.editions:
        data = request(replace(make(code), edition=edition), Station("32", "123456", edition), "20260301120000001", NOW)
        (event,) = Framer().feed(data)
        assert isinstance(event, Frame)
        packet = parse_segment(event.segment)
        assert (packet.cn, packet.qn, packet.mn, packet.ack_wanted) == (
            kind.cn, "20260301120000001", "MN1234567", True,
        )  # fmt: skip
        assert "ssssss" not in shown(data)
        assert "PW=123456" not in shown(data)


def test_an_answer_goes_to_its_own_command_first() -> None:
    old = make(state=State.TIMED_OUT, qn="20260301115900000", outcome=life.NO_ANSWER)
    current = make("read_realtime_interval", State.SENT, qn="20260301120000000")

    def answer(qn: str) -> Any:
        text = f"QN={qn};ST=91;CN=9011;PW=123456;MN=MN1234567;Flag=4;CP=&&QnRtn=1&&"
        return match(parse_segment(text.encode()), [current, old])

    assert answer("20260301115900000")[0] is old
    assert answer("20260301120000000")[0] is current
    assert answer("20200101000000000")[0] is current
    assert match(parse_segment(b"ST=91;CN=9011;PW=1;MN=X;Flag=4;CP=&&QnRtn=1&&"), [old]) is None


def test_live_uploads_are_no_part_of_a_fetch() -> None:
    span = {"since": (NOW - HOUR * 9).isoformat(), "until": (NOW - HOUR * 6).isoformat()}
    fetch = make("fetch_hours", State.ACCEPTED, params=span)

    def upload(hour: str) -> Any:
        text = f"QN=1;ST=32;CN=2061;PW=1;MN=X;Flag=5;CP=&&DataTime=20260301{hour}0000;w01018-Avg=1&&"
        return match(parse_segment(text.encode()), [fetch])

    assert [upload(hour) is not None for hour in ("03", "05", "11")] == [True, True, False]


def test_gaps_are_cut_at_midnight_and_joined_within_a_day() -> None:
    since = datetime(2026, 2, 28, 14, 0, tzinfo=UTC)  # 22:00 in Beijing
    found = find_gaps([int(since.timestamp())], since, since + HOUR * 6, HOUR)
    assert found.gaps == [Gap(since + HOUR, since + HOUR * 6, 5)]

    cut = portions(found.gaps, HOUR * 3, HOUR)
    assert [((gap.since - since) // HOUR, gap.missing) for gap in cut] == [(1, 1), (2, 3), (5, 1)]
    assert join([cut[1], cut[2]], HOUR * 4) == [Gap(cut[1].since, cut[2].until, 4)]
    assert join([cut[0], cut[1]], HOUR * 9) == [cut[0], cut[1]]
