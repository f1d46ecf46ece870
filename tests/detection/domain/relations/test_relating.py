"""Cutting an outlet's rows changes nothing, nor does the order in which the packets of one time arrive."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.detection.domain.backtest import Choice
from services.detection.domain.checks.definition import Traits
from services.detection.domain.history import Line, find_hits_of_outlet
from services.detection.domain.hits import Hit, SeriesKey
from services.detection.domain.kernel import Batch
from services.detection.domain.relating import Place, advance, reach, running_hits
from services.detection.domain.relations.memory import Memory, MemoryLayoutError, dump, load
from services.detection.domain.relations.table import Table, table_of
from services.detection.domain.rules import parameters
from services.detection.domain.thresholds.timeline import ALWAYS_DEFAULT, Timeline
from tests.detection.domain.makers import OUTLET, T0, make_rules
from tests.detection.domain.relations.rows import HOURS, POWER, make_columns, traits_of

RULES = make_rules()


def traits(factor: str) -> Traits:
    return traits_of(factor, "thermal_power")


def key(factor: str) -> SeriesKey:
    return SeriesKey(OUTLET, factor, traits(factor).kind, timedelta(hours=1))


PLACE = Place(
    interval=3600.0, rules=RULES, active=frozenset(rule.code for rule in RULES), traits=traits, key=key,
    numbers=lambda rule, factor: parameters(rule, traits(factor)),
)  # fmt: skip
TABLE = table_of(make_columns())


def play(tables: Sequence[Table], place: Place = PLACE) -> tuple[list[Hit], bytes]:
    """Hits and final memory; the memory goes through its bytes between two tables, as live."""
    data, hits = None, []
    for table in tables:
        memory = load(data)
        hits += advance(memory, table, place)
        data = dump(memory)
    return hits, data or b""


WHOLE = play([TABLE])


def by_key(hits: Sequence[Hit]) -> list[tuple[object, ...]]:
    return sorted((hit.decided_at, hit.key, hit.opened, hit.until, hit.count, hit.value, hit.reference) for hit in hits)


def test_what_is_wrong_is_found_and_nothing_else():
    opened = {(hit.rule, hit.series.factor, int((hit.started_at.timestamp() - T0) // 3600))
              for hit in WHOLE[0] if hit.opened}  # fmt: skip

    assert opened == {
        ("CONV", "a21026-Zs", 200), ("MASS", "a21026-Cou", 225), ("DILUTE", "a19001", 240),
        ("STOP-RUN", "a00000", 270), ("MON-OFF", "a21026", 300),
    }  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(1, HOURS - 1), max_size=40))
def test_any_cutting_gives_the_same_hits_and_memory(cuts: set[int]):
    edges = [0, *sorted(cuts), HOURS]
    hits, data = play([TABLE.part(begin, end) for begin, end in pairwise(edges)])

    assert by_key(hits) == by_key(WHOLE[0])
    assert data == WHOLE[1]


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_packets_of_one_time_may_come_one_by_one(data: st.DataObject):
    """From the second row on, when it is known which factors an outlet has."""
    parts = [TABLE.part(0, 2)]
    for row in range(2, HOURS):
        if row % 10 == 0:
            first = data.draw(st.sets(st.sampled_from(TABLE.factors), min_size=1), label=f"first packet of {row}")
            parts.append(TABLE.part(row, row + 1).named(sorted(first)))
        parts.append(TABLE.part(row, row + 1))
    hits, memory = play(parts)

    assert by_key(hits) == by_key(WHOLE[0])
    assert memory == WHOLE[1]


def test_a_row_that_comes_again_is_late_and_changes_nothing():
    hits, data = play([TABLE.part(0, 230), TABLE.part(150, 230), TABLE.part(230, HOURS), TABLE.part(0, HOURS)])

    assert (by_key(hits), data) == (by_key(WHOLE[0]), WHOLE[1])


def test_a_factor_that_stays_away_is_waited_for_until_the_next_row():
    partial = TABLE.part(2, 3).named([one for one in TABLE.factors if one != POWER])
    memory = Memory()
    advance(memory, TABLE.part(0, 2), PLACE)
    advance(memory, partial, PLACE)
    assert memory.waiting is not None
    assert memory.last == int(TABLE.t[1])
    advance(memory, TABLE.part(3, 4), PLACE)
    assert memory.waiting is None
    assert memory.last == int(TABLE.t[3])


def test_a_rule_that_is_switched_off_ends_its_hit():
    memory = Memory()
    advance(memory, TABLE.part(0, 210), PLACE)
    assert [hit.rule for hit in running_hits(memory, PLACE)] == ["CONV"]
    assert reach(memory) == T0 + 200 * 3600
    off = replace(PLACE, active=PLACE.active - {"CONV"})
    hits = advance(memory, TABLE.part(210, 211), off)

    assert [(hit.rule, hit.opened, hit.count) for hit in hits] == [("CONV", False, 10)]
    assert memory.hits == {}


def test_history_of_an_outlet_tells_the_same():
    lines = [Line(traits(factor), key(factor), batch) for factor, batch in make_columns().items()]
    told = {hit.rule for hit in WHOLE[0]}
    hits = [hit for hit in find_hits_of_outlet(RULES, lines) if hit.rule in told]
    without = find_hits_of_outlet(RULES, lines, Choice(off=frozenset({"CONV"})))

    assert by_key(hits) == by_key(WHOLE[0])
    assert "CONV" not in {hit.rule for hit in without}
    assert {"MASS", "DILUTE"} <= {hit.rule for hit in without}


def test_load_and_power_are_looked_at_for_absence_only():
    t = T0 + 3600 * np.arange(100, dtype=np.int64)
    batch = Batch(t[t != t[50]], np.full(99, 5000.0), np.full(99, ord("N"), dtype=np.uint8), np.full((99, 2), np.nan))
    hits = find_hits_of_outlet(RULES, [Line(traits(POWER), key(POWER), batch)])

    assert {hit.rule for hit in hits} == {"MISS"}


def test_memory_of_another_layout_is_refused():
    with pytest.raises(MemoryLayoutError):
        load(dump(Memory(layout=1)))
    with pytest.raises(MemoryLayoutError):
        load(b"\xc1")


def test_memory_is_small():
    assert len(WHOLE[1]) < 2048


def test_history_judges_by_the_numbers_that_a_series_has_of_its_own():
    """From hour 205 on this outlet's converted value may be off by as much as it likes."""
    lenient = Timeline((T0 + 205 * 3600.0,), ((), (("CONV", (("tolerance", 1.0),)),)))
    lines = [
        Line(traits(factor), key(factor), batch, lenient if factor == "a21026-Zs" else ALWAYS_DEFAULT)
        for factor, batch in make_columns().items()
    ]
    told = {(hit.opened, hit.count) for hit in find_hits_of_outlet(RULES, lines) if hit.rule == "CONV"}

    assert told == {(True, 3), (False, 5)}
