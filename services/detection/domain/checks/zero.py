"""Zero 零值: an instrument that has always seen something sees nothing."""

from __future__ import annotations

from collections.abc import Mapping

from services.detection.domain.checks.definition import HOUR, Check, Parameter, Traits
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
    Report,
    clear,
    emit,
)

SECONDS, SHARE, HISTORY, MEMORY, NEAR, HOLD = 1, 2, 3, 4, 5, 6
ZEROS, KNOWN = len(TRACK), len(TRACK) + 1
LEVEL = len(TRACK) + 2


@compiled
def _learn(point: Point, zero: bool, params: Memory, state: Memory) -> None:  # noqa: FBT001
    """Share of zeros and mean of the other values: plain means at first, then they forget in `memory` seconds."""
    state[KNOWN] = min(state[KNOWN] + point.interval, params[MEMORY])
    weight = point.interval / state[KNOWN]
    if zero:
        state[ZEROS] += weight * (1.0 - state[ZEROS])
    else:
        state[ZEROS] -= weight * state[ZEROS]
        if state[LEVEL] == 0.0:
            state[LEVEL] = point.v
        state[LEVEL] += weight * (point.v - state[LEVEL])


@compiled
def step(check: int, point: Point, params: Memory, state: Memory, report: Report) -> None:
    """Open after `seconds` of zeros in a series whose own history is seldom zero.

    Only values under N or no flag count, so a marked stop 停运 is none. Zero means within half a step of
    the resolution. Guards for honest data: the history must be `history` seconds long and at most `share`
    of it zero when the hit opens, so that clean outlets and batch discharges stay quiet. Value 0;
    reference: mean of the series' other values.
    """
    if params[ON] == 0.0 or not point.measured:
        return
    zero = abs(point.v) <= params[NEAR]
    if state[COUNT] > 0.0 and (not zero or point.t - state[LAST] > params[HOLD]):
        if state[OPEN] == 1.0:
            emit(report, check, CLOSED, state, state[LAST] + point.interval, point.t)
        clear(state)
    if zero:
        if state[COUNT] == 0.0:
            state[START] = point.t
            state[REFERENCE] = state[LEVEL]
        state[LAST] = point.t
        state[COUNT] += 1.0
        usual = state[KNOWN] >= params[HISTORY] and state[ZEROS] < params[SHARE]
        if state[OPEN] == 0.0 and usual and state[COUNT] * point.interval >= params[SECONDS]:
            state[OPEN] = 1.0
            emit(report, check, OPENED, state, point.t + point.interval, point.t)
    _learn(point, zero, params, state)


def vector(values: Mapping[str, float], traits: Traits) -> tuple[float, ...]:
    """Half a step of the resolution is zero; of an unknown one only zero itself."""
    return (
        values["min_hours"] * HOUR,
        values["zero_share"],
        values["history_hours"] * HOUR,
        max(values["memory_days"] * 24 * HOUR, traits.interval),
        0.5 * (traits.resolution or 0.0),
        max(values["hold_hours"] * HOUR, traits.interval),
    )


CHECK = Check(
    name="zero",
    step=step,
    parameters=(
        Parameter("min_hours", 0.0, 8760.0),
        Parameter("zero_share", 0.0, 1.0),
        Parameter("history_hours", 0.0, 8760.0),
        Parameter("memory_days", 0.01, 365.0),
        Parameter("hold_hours", 0.0, 720.0),
    ),
    slots=("seconds", "share", "history_s", "memory_s", "near", "hold_s"),
    state=("zeros", "known_s", "level"),
    vector=vector,
    explanations=("zero",),
    by_count=True,
)
