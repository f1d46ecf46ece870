"""Constant run 恒值: an instrument that repeats itself longer than nature does."""

from __future__ import annotations

from collections.abc import Mapping

from services.detection.domain.checks.definition import HOUR, Check, Parameter, Traits
from services.detection.domain.checks.steps import Move
from services.detection.domain.compiled import Memory, compiled
from services.detection.domain.points import Point
from services.detection.domain.track import (
    CLOSED,
    COUNT,
    LAST,
    ON,
    OPEN,
    OPENED,
    REFERENCE,
    START,
    TRACK,
    VALUE,
    Report,
    clear,
    emit,
)

LENGTH, SECONDS, EXACT, BROAD, QUIET, HOLD, FLOOR = 1, 2, 3, 4, 5, 6, 7
KNOWN_STEPS = 24.0
LOWEST, HIGHEST = len(TRACK), len(TRACK) + 1


@compiled
def _begin(point: Point, move: Move, params: Memory, state: Memory) -> None:
    state[START] = point.t
    state[VALUE] = point.v
    broad = min(params[BROAD], params[QUIET] * move.usual) if move.steps >= KNOWN_STEPS else 0.0
    state[REFERENCE] = max(params[EXACT], broad)
    state[LOWEST] = point.v
    state[HIGHEST] = point.v


@compiled
def step(check: int, point: Point, move: Move, params: Memory, state: Memory, report: Report) -> None:
    """Open when all values of a run lie within the tolerance of each other for `length` points.

    The tolerance of a run is half the resolution; up to a thousandth of the span where that is `quiet` of the usual
    step or less, so that a smooth series is no constant. The whole run stays in one band, so that a slow ramp is no
    constant. Only received points count: a hole adds nothing, and a run survives one of at most `hold` seconds, because
    an instrument that returns from an outage with the very same reading has not recovered. Values at or below `floor`
    (nothing discharged, or under the detection limit) are honestly constant and never judged; nor are flagged ones, so
    a marked stop 停运 ends nothing and opens nothing.
    """
    if params[ON] == 0.0 or not point.measured:
        return
    low = min(state[LOWEST], point.v)
    high = max(state[HIGHEST], point.v)
    judged = point.v > params[FLOOR]
    near = point.t - state[LAST] <= params[HOLD] and high - low <= state[REFERENCE]
    if state[COUNT] > 0.0 and not (judged and near):
        if state[OPEN] == 1.0:
            emit(report, check, CLOSED, state, state[LAST] + point.interval, point.t)
        clear(state)
    if not judged:
        return
    if state[COUNT] == 0.0:
        _begin(point, move, params, state)
    else:
        state[LOWEST] = low
        state[HIGHEST] = high
    state[LAST] = point.t
    state[COUNT] += 1.0
    long = state[COUNT] >= params[LENGTH] and state[COUNT] * point.interval >= params[SECONDS]
    if long and state[OPEN] == 0.0:
        state[OPEN] = 1.0
        emit(report, check, OPENED, state, point.t + point.interval, point.t)


def vector(values: Mapping[str, float], traits: Traits) -> tuple[float, ...]:
    """Tolerances r/2 and 0.001 S: half the resolution and a thousandth of the span; unknown = exact."""
    return (
        values["min_points"],
        values["min_hours"] * HOUR,
        0.5 * (traits.resolution or 0.0),
        values["span_share"] * (traits.span or 0.0),
        values["quiet"],
        max(values["hold_hours"] * HOUR, traits.interval),
        values["floor"],
    )


CHECK = Check(
    name="constant",
    step=step,
    parameters=(
        Parameter("min_points", 2.0, 100_000.0),
        Parameter("min_hours", 0.0, 8760.0),
        Parameter("span_share", 0.0, 0.1),
        Parameter("quiet", 0.0, 10.0),
        Parameter("hold_hours", 0.0, 720.0),
        Parameter("floor", -1e12, 1e12),
    ),
    slots=("length", "seconds", "exact", "broad", "quiet", "hold_s", "floor"),
    state=("lowest", "highest"),
    vector=vector,
    explanations=("constant",),
    by_count=True,
)
