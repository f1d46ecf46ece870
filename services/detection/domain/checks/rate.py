"""Rate of change 变化速率: a leap such as the series does not make, and no way back."""

from __future__ import annotations

from collections.abc import Mapping

from services.detection.domain.checks.definition import Check, Parameter, Traits
from services.detection.domain.checks.steps import Move
from services.detection.domain.compiled import Memory, compiled
from services.detection.domain.points import Point
from services.detection.domain.track import (
    CLOSED,
    COUNT,
    ON,
    REFERENCE,
    START,
    TRACK,
    VALUE,
    Report,
    clear,
    emit,
)

FACTOR, NEEDED, LEAST, RELATIVE, SETTLE, CALM = 1, 2, 3, 4, 5, 6
WIDEST = 2
RETURNED = 0.5
PENDING, BASE, QUIET_UNTIL = (len(TRACK) + i for i in range(3))


@compiled
def _is_leap(point: Point, move: Move, params: Memory) -> bool:
    """Whether the step beats `factor` times what is wide for the series, or lately was usual, and the guards; the way
    back from a single reading that stood alone is none.
    """
    pace = abs(move.pace)
    return bool(
        move.steps >= params[NEEDED]
        and move.since >= params[SETTLE]
        and pace > params[LEAST]
        and pace > params[RELATIVE] * max(abs(point.v), abs(point.v - move.change))
        and pace > params[FACTOR] * max(move.wide, move.recent)
        and abs(point.v - move.earlier) > RETURNED * abs(move.change)
    )


@compiled
def step(check: int, point: Point, move: Move, params: Memory, state: Memory, report: Report) -> None:
    """Report, two readings late, a step |Δx|/Δt over `factor` wide steps that is not taken back at once.

    What returns within two readings is a spike, and left to that check. Guards for honest data: the wide step is the
    running ninth decile of those that are not nothing, at least `needed` of them known; a series that is lively lately
    is measured by that; no step under `least` units or `relative` of the level counts, nor do the first `settle`
    readings after a hole or a stop. Leaps that follow within `calm` seconds belong to the one that was told, so that a
    level that leaps away and back, or swings, is one hit. Value: size of the step; reference: the size allowed.
    """
    if params[ON] == 0.0 or not point.measured:
        return
    if state[PENDING] == 0.0:
        leap = _is_leap(point, move, params)
        if leap and point.t < state[QUIET_UNTIL]:
            state[QUIET_UNTIL] = point.t + params[CALM]
        elif leap:
            state[PENDING] = 1.0
            state[BASE] = point.v - move.change
            state[START] = point.t
            state[VALUE] = abs(move.change)
            state[REFERENCE] = max(params[FACTOR] * max(move.wide, move.recent), params[LEAST])
            state[COUNT] = 1.0
        return
    returned = abs(point.v - state[BASE]) <= RETURNED * state[VALUE]
    if not returned and state[PENDING] < WIDEST:
        state[PENDING] += 1.0
        return
    if not returned:
        emit(report, check, CLOSED, state, point.t + point.interval, point.t)
        state[QUIET_UNTIL] = point.t + params[CALM]
    clear(state)
    state[PENDING] = 0.0
    state[BASE] = 0.0


def vector(values: Mapping[str, float], traits: Traits) -> tuple[float, ...]:
    """Smallest leap: so many steps of the resolution, or a share of the span, whichever is larger."""
    least = max(values["steps"] * (traits.resolution or 0.0), values["span_share"] * (traits.span or 0.0))
    calm = values["calm_intervals"] * traits.interval
    return (values["factor"], values["min_values"], least, values["relative"], values["settle_values"], calm)


CHECK = Check(
    name="rate",
    step=step,
    parameters=(
        Parameter("factor", 1.0, 10_000.0),
        Parameter("min_values", 3.0, 10_000.0),
        Parameter("steps", 0.0, 1000.0),
        Parameter("span_share", 0.0, 1.0),
        Parameter("relative", 0.0, 1.0),
        Parameter("settle_values", 0.0, 1000.0),
        Parameter("calm_intervals", 0.0, 1000.0),
    ),
    slots=("factor", "needed", "least", "relative", "settle", "calm_s"),
    state=("pending", "base", "quiet_until"),
    vector=vector,
    explanations=("rate",),
)
