"""Range 超量程: a value no working instrument can give."""

from __future__ import annotations

import math
from collections.abc import Mapping

from services.detection.domain.checks.definition import HOUR, Check, Parameter, Traits
from services.detection.domain.compiled import Memory, compiled
from services.detection.domain.points import OVER_RANGE, Point
from services.detection.domain.track import (
    LAST,
    ON,
    OPEN,
    START,
    TRACK,
    Report,
    Sample,
    follow,
    outside,
    tell_late,
)

LOW, HIGH, HOLD = 1, 2, 3
_TRACK = len(TRACK)
PAST_FIRST, PAST_LAST = _TRACK, _TRACK + 1


@compiled
def _bound(point: Point, params: Memory) -> float:
    """Bound broken; a value flagged T broke the upper one by the instrument's own word."""
    if point.flag == OVER_RANGE:
        return point.v if math.isnan(params[HIGH]) else params[HIGH]
    return outside(point.v, params[LOW], params[HIGH])


@compiled
def step(check: int, point: Point, params: Memory, state: Memory, report: Report) -> None:
    """Open while values stand below `low` or above `high`, or carry flag T; other invalid flags are skipped.

    Source: HJ 212-2017 table 8 (T), HJ 75-2017 on zero and span drift; QARTOD gross range test.
    """
    if params[ON] == 0.0 or math.isnan(point.v) or not (point.judged or point.flag == OVER_RANGE):
        return
    sample = Sample(point.t, point.v, point.interval, point.t)
    was_open, start, last = state[OPEN], state[START], state[LAST]
    follow(check, sample, _bound(point, params), params[HOLD], state, report)
    if was_open == 1.0 and (state[OPEN] == 0.0 or state[START] != start):
        state[PAST_FIRST] = start
        state[PAST_LAST] = last


@compiled
def step_late(check: int, point: Point, params: Memory, state: Memory, report: Report) -> None:
    """A late point out of range is a hit of its own, unless the running hit or the one before it has it."""
    if params[ON] == 0.0 or math.isnan(point.v) or not (point.judged or point.flag == OVER_RANGE):
        return
    if not state[PAST_FIRST] <= point.t <= state[PAST_LAST]:
        tell_late(check, Sample(point.t, point.v, point.interval, point.t), _bound(point, params), state, report)


def vector(values: Mapping[str, float], traits: Traits) -> tuple[float, ...]:
    """Bounds as given, else from the span: `low_span` and `high_span` are shares of it."""
    span = math.nan if traits.span is None else traits.span
    low, high = values["low"], values["high"]
    return (
        values["low_span"] * span if math.isnan(low) else low,
        values["high_span"] * span if math.isnan(high) else high,
        values["hold_hours"] * HOUR,
    )


CHECK = Check(
    name="range",
    step=step,
    parameters=(
        Parameter("low", -1e12, 1e12, optional=True),
        Parameter("high", -1e12, 1e12, optional=True),
        Parameter("low_span", -1.0, 1.0, optional=True),
        Parameter("high_span", 0.0, 10.0),
        Parameter("hold_hours", 0.0, 720.0),
    ),
    slots=("low", "high", "hold_s"),
    state=("past_first", "past_last"),
    vector=vector,
    explanations=("range.above", "range.below"),
)
