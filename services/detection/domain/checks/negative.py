"""Negative 负值: below zero by more than zero drift explains."""

from __future__ import annotations

import math
from collections.abc import Mapping

from services.detection.domain.checks.definition import HOUR, Check, Parameter, Traits
from services.detection.domain.compiled import Memory, compiled
from services.detection.domain.points import Point
from services.detection.domain.track import LAST, ON, OPEN, START, TRACK, Report, Sample, follow, outside, tell_late

LOW, HOLD = 1, 2
PAST_FIRST, PAST_LAST = len(TRACK), len(TRACK) + 1


@compiled
def step(check: int, point: Point, params: Memory, state: Memory, report: Report) -> None:
    """Open while valid values stand below `low`; without a bound nothing is judged.

    Source: zero drift of gas analysers, HJ 75-2017; QARTOD gross range test.
    """
    if params[ON] == 0.0 or not point.judged:
        return
    sample = Sample(point.t, point.v, point.interval, point.t)
    was_open, start, last = state[OPEN], state[START], state[LAST]
    follow(check, sample, outside(point.v, params[LOW], math.nan), params[HOLD], state, report)
    if was_open == 1.0 and (state[OPEN] == 0.0 or state[START] != start):
        state[PAST_FIRST] = start
        state[PAST_LAST] = last


@compiled
def step_late(check: int, point: Point, params: Memory, state: Memory, report: Report) -> None:
    """A late negative value is a hit of its own, unless the running hit or the one before it has it."""
    if params[ON] == 0.0 or not point.judged or state[PAST_FIRST] <= point.t <= state[PAST_LAST]:
        return
    sample = Sample(point.t, point.v, point.interval, point.t)
    tell_late(check, sample, outside(point.v, params[LOW], math.nan), state, report)


def vector(values: Mapping[str, float], traits: Traits) -> tuple[float, ...]:
    """Bound: a share of the span below zero, without a span some steps of the resolution; NaN where none is given."""
    by_span = values["share"] * (math.nan if traits.span is None else traits.span)
    by_step = values["steps"] * (traits.resolution or 0.0)
    return (-(by_step if math.isnan(by_span) else by_span), values["hold_hours"] * HOUR)


CHECK = Check(
    name="negative",
    step=step,
    parameters=(
        Parameter("share", 0.0, 1.0, optional=True),
        Parameter("steps", 0.0, 1000.0, optional=True),
        Parameter("hold_hours", 0.0, 720.0),
    ),
    slots=("low", "hold_s"),
    state=("past_first", "past_last"),
    vector=vector,
    explanations=("negative",),
)
