"""Trend towards the limit 逼近限值: hours just under the limit, and rising."""

from __future__ import annotations

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

SHARE, HOURS, RISE, VALID, HOLD = 1, 2, 3, 4, 5
SUM, WEIGHTED = len(TRACK), len(TRACK) + 1


@compiled
def step(check: int, hour: Hour, params: Memory, state: Memory, report: Report) -> None:
    """Open when all hours of a run stand in share·limit to limit and their line rises by `rise` of the limit.

    The line is that of least squares over the whole run of at least `hours`. Over the limit it is an exceedance
    and no warning any more. Value: highest mean; reference: the limit.
    """
    if params[ON] == 0.0 or hour.covered < params[VALID]:
        return
    near = hour.high > 0.0 and params[SHARE] * hour.high <= hour.v <= hour.high
    if state[COUNT] > 0.0 and (not near or hour.t - state[LAST] > params[HOLD]):
        if state[OPEN] == 1.0:
            emit(report, check, CLOSED, state, state[LAST] + HOUR, hour.at)
        clear(state)
        state[SUM] = 0.0
        state[WEIGHTED] = 0.0
    if not near:
        return
    number = state[COUNT]
    if number == 0.0:
        state[START] = hour.t
    state[VALUE] = max(state[VALUE], hour.v)
    state[REFERENCE] = hour.high
    state[SUM] += hour.v
    state[WEIGHTED] += number * hour.v
    state[LAST] = hour.t
    state[COUNT] = number + 1.0
    # Slope of the line times its length of `number` hours.
    rise = (state[WEIGHTED] - 0.5 * number * state[SUM]) * 12.0 / ((number + 1.0) * (number + 2.0))
    if state[OPEN] == 0.0 and state[COUNT] >= params[HOURS] and rise >= params[RISE] * hour.high:
        state[OPEN] = 1.0
        emit(report, check, OPENED, state, hour.t + HOUR, hour.at)


def vector(values: Mapping[str, float], _traits: Traits) -> tuple[float, ...]:
    """Numbers as given."""
    valid = values["valid_minutes"] * 60.0
    return (values["share"], values["min_hours"], values["rise"], valid, values["hold_hours"] * HOUR)


CHECK = Check(
    name="trend",
    step=step,
    parameters=(
        Parameter("share", 0.0, 1.0),
        Parameter("min_hours", 2.0, 720.0),
        Parameter("rise", 0.0, 1.0),
        Parameter("valid_minutes", 1.0, 60.0),
        Parameter("hold_hours", 1.0, 720.0),
    ),
    slots=("share", "hours", "rise", "valid_s", "hold_s"),
    state=("sum", "weighted"),
    vector=vector,
    explanations=("trend",),
    by_count=True,
)
