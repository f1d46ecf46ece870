"""Silence is told by the clock exactly as the next point would tell it."""

from dataclasses import astuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.detection.domain import kernel
from services.detection.domain.compiled import Floats
from services.detection.domain.rules import Plan
from tests.detection.domain.makers import T0, make_batch, make_plan, run, told


def tick(states: Floats, the_plan: Plan, now: float) -> kernel.Outcome:
    return kernel.overdue(states, the_plan.vector.reshape(1, -1), np.array([float(now)]))


def test_a_silent_hour_series_is_raised_once_and_ended_by_the_next_point():
    the_plan = make_plan(only="missing")
    states = run(the_plan, make_batch([1, 2])).states
    hour = 3600

    assert told(tick(states, the_plan, T0 + 3 * hour + 29 * 60).hits) == []  # the grace of 30 minutes
    raised = tick(states, the_plan, T0 + 3 * hour + 30 * 60)
    assert told(raised.hits) == [("missing", True, 2, 3, 0, 1, 1)]
    again = tick(raised.states, the_plan, T0 + 8 * hour)
    assert told(again.hits) == []
    running = kernel.open_hits(again.states, the_plan.vector.reshape(1, -1))
    assert told(running) == [("missing", True, 2, 7, 0, 5, 5)]

    back = kernel.advance(again.states, the_plan.vector, make_batch([3], times=[T0 + 9 * hour]))
    assert told(back.hits) == [("missing", False, 2, 9, 0, 7, 7)]


def test_records_delivered_late_end_the_hit_as_empty():
    the_plan = make_plan(only="missing")
    states = run(the_plan, make_batch([1, 2])).states
    raised = tick(states, the_plan, T0 + 9 * 3600).states
    back = kernel.advance(raised, the_plan.vector, make_batch([3, 4], times=[T0 + 2 * 3600, T0 + 3 * 3600]))

    assert told(back.hits) == [("missing", False, 2, 2, 0, 0, 0)]


def test_a_series_without_a_point_or_rule_is_never_overdue():
    the_plan = make_plan(only="missing")

    assert told(tick(kernel.new_states(), the_plan, T0).hits) == []
    other = make_plan(only="spike")
    assert told(tick(run(other, make_batch([1, 2])).states, other, T0 + 10**6).hits) == []


STEP = st.tuples(st.sampled_from([1, 1, 1, 1, 2, 3, 8, 50]), st.integers(0, 3), st.floats(0.0, 1.0))


@settings(max_examples=300, deadline=None)
@given(st.lists(STEP, min_size=2, max_size=60), st.sampled_from([("minute", 600), ("hour", 3600)]))
def test_timers_between_points_change_neither_hits_nor_state(
    steps: list[tuple[int, int, float]], kind: tuple[str, int]
):
    """A timer of any density, as long as points arrive in the order of the clock."""
    the_plan = make_plan(kind[0], interval=kind[1], only="missing")
    times = T0 + kind[1] * np.cumsum([gap for gap, _, _ in steps])
    whole = run(the_plan, make_batch([1.0] * len(times), times=times))

    states, hits = kernel.new_states(), []
    for i, (_, ticks, where) in enumerate(steps):
        outcome = kernel.advance(states, the_plan.vector, make_batch([1.0], times=[times[i]]))
        states = outcome.states
        hits.append(outcome.hits)
        for number in range(ticks if i + 1 < len(steps) else 0):
            share = where + (1.0 - where) * number / max(ticks, 1)
            ticked = tick(states, the_plan, times[i] + share * (times[i + 1] - times[i]))
            states = ticked.states
            hits.append(ticked.hits)
    found = [astuple(one) for one in hits]
    joined = kernel.Hits(*(np.concatenate(columns) for columns in zip(*found, strict=True)))

    assert np.array_equal(states, whole.states)
    for name in ("check", "opened", "start"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole.hits, name))
    ended = ~whole.hits.opened
    for name in ("end", "at", "value", "reference", "count"):
        np.testing.assert_array_equal(getattr(joined, name)[ended], getattr(whole.hits, name)[ended])
    np.testing.assert_array_equal(joined.at, whole.hits.at)
