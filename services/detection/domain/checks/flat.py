"""Low variance 低波动: a day that hardly moves, though it is not constant."""

from __future__ import annotations

import math
from collections.abc import Mapping

from services.detection.domain.checks.definition import HOUR, Check, Parameter, Traits
from services.detection.domain.checks.hours import Hour
from services.detection.domain.compiled import Memory, compiled
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

HOURS, BAND, RELATIVE, CONSTANT, FLOOR, VALID, HOLD = 1, 2, 3, 4, 5, 6, 7
LOWEST, HIGHEST = len(TRACK), len(TRACK) + 1


@compiled
def step(check: int, hour: Hour, params: Memory, state: Memory, report: Report) -> None:
    """Open when all values of `hours` hours in a row lie in a band of `band` units and `relative` of their level.

    The whole run stays in one band. A run that is within the tolerance of a constant one is left to that check;
    levels at or below `floor` are honestly still. Value: largest difference; reference: the band.
    """
    if params[ON] == 0.0 or hour.covered < params[VALID]:
        return
    begun = state[COUNT] > 0.0
    low = min(state[LOWEST], hour.lowest) if begun else hour.lowest
    high = max(state[HIGHEST], hour.highest) if begun else hour.highest
    band = min(params[BAND], params[RELATIVE] * abs(high))
    if begun and (high - low >= band or hour.t - state[LAST] > params[HOLD]):
        if state[OPEN] == 1.0:
            emit(report, check, CLOSED, state, state[LAST] + HOUR, hour.at)
        clear(state)
        low, high = hour.lowest, hour.highest
        band = min(params[BAND], params[RELATIVE] * abs(high))
    if low <= params[FLOOR] or high - low >= band:
        if state[OPEN] == 1.0:
            emit(report, check, CLOSED, state, state[LAST] + HOUR, hour.at)
        clear(state)
        return
    if state[COUNT] == 0.0:
        state[START] = hour.t
    state[LOWEST] = low
    state[HIGHEST] = high
    state[VALUE] = high - low
    state[REFERENCE] = band
    state[LAST] = hour.t
    state[COUNT] += 1.0
    if state[OPEN] == 0.0 and state[COUNT] >= params[HOURS] and high - low > params[CONSTANT]:
        state[OPEN] = 1.0
        emit(report, check, OPENED, state, hour.t + HOUR, hour.at)


def vector(values: Mapping[str, float], traits: Traits) -> tuple[float, ...]:
    """Band and floor are shares of the span; without one only the band relative to the level counts."""
    span = traits.span
    return (
        values["min_hours"],
        math.inf if span is None else values["span_share"] * span,
        values["relative"],
        max(0.5 * (traits.resolution or 0.0), values["constant_share"] * (span or 0.0)),
        values["floor_share"] * (span or 0.0),
        values["valid_minutes"] * 60.0,
        values["hold_hours"] * HOUR,
    )


CHECK = Check(
    name="flat",
    step=step,
    parameters=(
        Parameter("min_hours", 2.0, 720.0),
        Parameter("span_share", 0.0, 1.0),
        Parameter("relative", 0.0, 1.0),
        Parameter("constant_share", 0.0, 0.1),
        Parameter("floor_share", 0.0, 1.0),
        Parameter("valid_minutes", 1.0, 60.0),
        Parameter("hold_hours", 1.0, 720.0),
    ),
    slots=("hours", "band", "relative", "constant", "floor", "valid_s", "hold_s"),
    state=("lowest", "highest"),
    vector=vector,
    explanations=("flat",),
    by_count=True,
)
