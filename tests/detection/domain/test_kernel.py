"""One series cut anywhere is one series; states survive storage; late points change nothing."""

import math
from dataclasses import astuple
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.detection.domain import kernel
from services.detection.domain.checks import CHECKS, PARAMS, STATES, step_all
from services.detection.domain.running import reach
from services.detection.domain.track import TRACK
from tests.detection.domain.makers import T0, make_batch, make_plan, run, told

LEVELS = [*[50.0] * 8, 50.01, *[50.8, 49.2, 51.5] * 3, 70.0, 150.0, 0.0, 0.0, -30.0, 300.0, math.nan, math.inf]
GAPS = [*[1] * 20, 0, -3, 2, 5, 40, 300]
FLAGS = "N" * 40 + "SMFDCTB\0x"
# Short thresholds, so that a hundred points meet every branch.
EAGER = {
    "CONST": {"min_points": 3, "min_hours": 0, "hold_hours": 6},
    "SPIKE": {"min_values": 4, "factor": 2, "relative": 0.05},
    "RANGE": {"hold_hours": 1},
    "EX-H": {"valid_minutes": 20, "hold_hours": 2},
    "ZERO": {"min_hours": 0.3, "zero_share": 0.9, "history_hours": 0, "memory_days": 0.5},
    "EX-TREND": {"share": 0.5, "min_hours": 2, "rise": 0, "valid_minutes": 1},
    "HUG": {"share": 0.1, "band": 0.1, "spread": 1, "min_hours": 2, "valid_minutes": 1},
    "STEP": {"relative": 0.01, "factor": 0, "span_share": 0, "settle_hours": 2, "valid_minutes": 1, "hold_hours": 72},
    "LOWVAR": {"min_hours": 2, "span_share": 1, "relative": 1, "floor_share": 0, "valid_minutes": 1},
    "RATE": {"factor": 1, "min_values": 3, "steps": 0, "span_share": 0, "settle_values": 0, "calm_intervals": 2},
    "TEMP850": {"low": 49.5, "mean_minutes": 20, "valid_share": 0.5},
}
POINT = st.tuples(st.sampled_from(GAPS), st.sampled_from(LEVELS), st.sampled_from(FLAGS))
KIND = st.sampled_from([("minute", 600), ("hour", 3600)])


def eager(kind: str, step: int):
    return make_plan(kind, interval=step, overrides=EAGER)


def series(points: list[tuple[int, float, str]], step: int) -> kernel.Batch:
    times = T0 + step * np.cumsum([gap for gap, _, _ in points], dtype=np.int64)
    values, letters = [v for _, v, _ in points], "".join(flag for _, _, flag in points)
    return make_batch(values, times=times, flags=letters, low=-20.0, high=60.0)


def part(batch: kernel.Batch, first: int, last: int) -> kernel.Batch:
    return kernel.Batch(*(column[first:last] for column in astuple(batch)))


def same(one: kernel.Hits, other: kernel.Hits) -> None:
    for left, right in zip(astuple(one), astuple(other), strict=True):
        np.testing.assert_array_equal(left, right)


def joined(parts: list[kernel.Hits]) -> kernel.Hits:
    return kernel.Hits(*(np.concatenate(columns) for columns in zip(*map(astuple, parts), strict=True)))


@settings(max_examples=300, deadline=None)
@given(st.lists(POINT, min_size=1, max_size=150), st.lists(st.integers(0, 150), max_size=8), KIND)
def test_any_cutting_gives_the_hits_and_the_state_of_one_batch(
    points: list[tuple[int, float, str]], cuts: list[int], kind: tuple[str, int]
):
    the_plan, batch = eager(*kind), series(points, kind[1])
    whole = run(the_plan, batch)

    stored, hits, late = kernel.dump_state(kernel.new_states()[0]), [], 0
    places = [0, *sorted(min(cut, len(points)) for cut in cuts), len(points)]
    for first, last in pairwise(places):
        outcome = kernel.advance(kernel.load_states([stored]), the_plan.vector, part(batch, first, last))
        stored = kernel.dump_state(outcome.states[0])
        hits.append(outcome.hits)
        late += int(outcome.late[0])

    same(joined(hits), whole.hits)
    assert stored == kernel.dump_state(whole.states[0])
    assert late == int(whole.late[0])


@settings(max_examples=100, deadline=None)
@given(st.lists(POINT, min_size=1, max_size=150), KIND)
def test_hits_open_and_close_in_turn_and_the_open_ones_are_in_the_state(
    points: list[tuple[int, float, str]], kind: tuple[str, int]
):
    the_plan, batch = eager(*kind), series(points, kind[1])
    outcome = run(the_plan, batch)

    running: dict[int, int] = {}
    last = 0
    for i in range(len(outcome.hits)):
        check, start = int(outcome.hits.check[i]), int(outcome.hits.start[i])
        if outcome.hits.opened[i]:
            assert check not in running
            running[check] = start
        elif (
            CHECKS[check].name not in ("spike", "range", "exceedance", "negative", "shift", "rate")
            or running.get(check) == start
        ):
            assert running.pop(check) == start
        assert outcome.hits.start[i] <= outcome.hits.end[i]
        last = max(last, int(outcome.hits.at[i]))
    still = kernel.open_hits(outcome.states, the_plan.vector.reshape(1, -1))

    assert dict(zip(still.check.tolist(), still.start.tolist(), strict=True)) == running
    assert last <= batch.t.max()


def test_every_check_fires_in_the_property_tests_world():
    rng = np.random.default_rng(3)
    points = [(int(rng.choice(GAPS)), float(rng.choice(LEVELS)), FLAGS[rng.integers(len(FLAGS))]) for _ in range(3000)]
    fired = set(run(eager("minute", 600), series(points, 600)).hits.check.tolist())

    assert fired == set(range(len(CHECKS)))


def test_late_points_are_counted_and_looked_at_only_by_checks_that_need_no_order():
    the_plan = make_plan()
    batch = make_batch([50, 51, 52], high=60)
    before = run(the_plan, batch)
    late = make_batch([500, 70, 51], times=[T0 + 3600, T0 + 1800, T0 + 7200], high=60)
    after = kernel.advance(before.states, the_plan.vector, late)

    assert after.late.tolist() == [3]
    assert np.array_equal(after.states, before.states)
    assert told(after.hits) == [
        ("range", False, 1, 2, 500, 200, 1),
        ("exceedance", False, 1, 2, 500, 60, 1),
        ("exceedance", False, 0.5, 1.5, 70, 60, 1),
    ]


def test_late_minutes_and_marked_hours_are_no_late_exceedance():
    minutes = make_plan("minute", only="exceedance")
    hours = make_plan(only="exceedance")
    before = run(minutes, make_batch([50] * 100, step=60, high=60))
    marked = run(hours, make_batch([50, 51, 52], high=60))

    assert told(kernel.advance(before.states, minutes.vector, make_batch([90] * 60, step=60, high=60)).hits) == []
    late = make_batch([90, 91], flags="MD", high=60)
    assert told(kernel.advance(marked.states, hours.vector, late).hits) == []


def test_a_late_mean_inside_the_running_exceedance_was_told():
    the_plan = make_plan(only="exceedance")
    before = run(the_plan, make_batch([50, 70, 71, 72], high=60))
    again = kernel.advance(before.states, the_plan.vector, make_batch([61, 99, 99, 99], high=60))

    assert told(again.hits) == [("exceedance", False, 0, 1, 61, 60, 1)]


def test_a_check_that_is_switched_off_ends_its_hit_and_forgets():
    batch = make_batch([50, 70, 71], high=60)
    before = run(make_plan(only="exceedance"), batch)
    off = make_plan(off=frozenset({"EX-H"}), only="exceedance")
    after = kernel.advance(before.states, off.vector, make_batch([90], times=[T0 + 3 * 3600], high=60))

    assert off.codes == make_plan(only="exceedance").codes
    assert told(after.hits) == [("exceedance", False, 1, 3, 71, 60, 2)]
    fresh = kernel.advance(kernel.new_states(), off.vector, make_batch([90], times=[T0 + 3 * 3600], high=60))
    assert np.array_equal(after.states[:, STATES[0] :], fresh.states[:, STATES[0] :])


def test_reach_is_the_start_of_what_runs_or_is_about_to():
    constant = run(make_plan(only="constant"), make_batch([50, 42, 42, 42], high=60))
    short = run(make_plan("minute", only="missing"), make_batch([1.0] * 90, step=60))
    absent = kernel.advance(
        short.states,
        make_plan("minute", only="missing").vector,
        make_batch([1.0], times=[T0 + 5 * 3600]),
    )

    assert reach(kernel.new_states()).tolist() == [np.inf]
    assert reach(constant.states).tolist() == [T0 + 3600]
    assert reach(run(make_plan(only="range"), make_batch([50, 51])).states).tolist() == [T0 + 3600]
    assert reach(absent.states).tolist() == [T0 + 3600]


def test_a_point_sent_twice_is_not_told_twice():
    the_plan = make_plan(only="range")
    batch = make_batch([50, 500, 600, 500, 51, 700])
    first = run(the_plan, batch)
    again = kernel.advance(first.states, the_plan.vector, batch)

    assert len(first.hits) == 3
    assert told(again.hits) == []


def test_a_re_sent_series_says_only_what_needs_no_order():
    the_plan, batch = make_plan(), make_batch([50.0, 70.0, 55.0] * 20, high=60)
    first = run(the_plan, batch)
    again = kernel.advance(first.states, the_plan.vector, batch)

    assert len(first.hits) == 40
    assert [hit[:4] for hit in told(again.hits)] == [("exceedance", False, 3 * i + 1, 3 * i + 2) for i in range(20)]
    assert again.late.tolist() == [60]
    assert np.array_equal(again.states, first.states)


def test_many_series_at_once_are_the_same_as_each_alone():
    rng = np.random.default_rng(5)
    plans = [eager("minute", 600), eager("hour", 3600), make_plan(only="missing"), make_plan()]
    lists = [
        [(int(rng.choice(GAPS)), float(rng.choice(LEVELS)), FLAGS[rng.integers(len(FLAGS))]) for _ in range(number)]
        for number in (700, 0, 400, 1)
    ]
    batches = [series(points, int(one.vector[0])) for points, one in zip(lists, plans, strict=True)]
    alone = [run(one, batch) for one, batch in zip(plans, batches, strict=True)]
    together = kernel.advance_many(
        kernel.new_states(4),
        np.stack([one.vector for one in plans]),
        kernel.Batch(*(np.concatenate(columns) for columns in zip(*map(astuple, batches), strict=True))),
        np.cumsum([0, *map(len, lists)]),
    )

    assert len(together.hits) > 300  # more than one buffer
    for i, one in enumerate(alone):
        mine = together.hits.series == i
        picked = kernel.Hits(*(column[mine] for column in astuple(together.hits)))
        np.testing.assert_array_equal(picked.start, one.hits.start)
        np.testing.assert_array_equal(picked.check, one.hits.check)
        np.testing.assert_array_equal(together.states[i], one.states[0])
        assert together.late[i] == one.late[0]


def test_the_caller_s_state_is_not_changed():
    states = kernel.new_states()
    before = states.copy()
    kernel.advance(states, make_plan().vector, make_batch([1, 2, 3]))

    assert np.array_equal(states, before)


def test_state_fits_two_kilobytes_and_survives_bytes():
    outcome = run(make_plan(), make_batch([50.0, 70.0, 51.0], high=60))
    stored = kernel.dump_state(outcome.states[0])

    assert len(stored) == 8 * kernel.STATE_SIZE <= 2048
    assert np.array_equal(kernel.load_states([stored, None])[0], outcome.states[0])
    assert np.array_equal(kernel.load_states([stored, None])[1], kernel.new_states()[0])


@pytest.mark.parametrize("stored", [b"", b"\0" * 8, b"\0" * 8 * kernel.STATE_SIZE])
def test_a_state_of_another_layout_is_refused(stored: bytes):
    with pytest.raises(kernel.StateLayoutError):
        kernel.load_states([stored])


@pytest.mark.parametrize(("column", "field"), [("v", "v"), ("flags", "flags"), ("limits", "limits"), ("t", "offsets")])
def test_columns_that_do_not_fit_are_refused(column: str, field: str):
    batch = make_batch([1, 2, 3])
    parts = {name: getattr(batch, name) for name in ("t", "v", "flags", "limits")}
    parts[column] = parts[column][:2]
    offsets = np.array([0, 3])
    with pytest.raises(kernel.BatchError) as refused:
        kernel.advance_many(kernel.new_states(), make_plan().vector.reshape(1, -1), kernel.Batch(**parts), offsets)

    assert refused.value.context["field"] in (field, "v")


def test_the_calls_stand_in_the_order_of_the_registry():
    calls = [
        name.lstrip("_") for name in step_all.py_func.__code__.co_names if name.lstrip("_") in {c.name for c in CHECKS}
    ]

    assert calls == [check.name for check in CHECKS]


def test_each_check_has_room_for_all_it_names():
    for place, check in enumerate(CHECKS):
        assert PARAMS[place + 1] - PARAMS[place] == 1 + len(check.slots)
        assert STATES[place + 1] - STATES[place] == len(TRACK) + len(check.state)
