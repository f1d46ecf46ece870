"""Shift of level 水平突变: the level of one day is not that of the day before."""

from __future__ import annotations

from collections.abc import Mapping

from services.detection.domain.checks.definition import HOUR, Check, Parameter, Traits
from services.detection.domain.checks.hours import Hour
from services.detection.domain.checks.spike import middle, window
from services.detection.domain.compiled import Memory, compiled
from services.detection.domain.track import (
    CLOSED,
    COUNT,
    LAST,
    ON,
    REFERENCE,
    START,
    TRACK,
    VALUE,
    Report,
    clear,
    emit,
)

RELATIVE, FACTOR, LEAST, SETTLE, VALID, HOLD = 1, 2, 3, 4, 5, 6
HALF = 24
WINDOW = 2 * HALF
FILLED, NEXT, SEEN_AT, BEST, SINCE, MEANS = (len(TRACK) + i for i in range(6))
QUARTER = HALF // 4


@compiled
def _mean(state: Memory, first: int) -> float:
    total = 0.0
    for i in range(HALF):
        total += state[MEANS + (first + i) % WINDOW]
    return total / HALF


@compiled
def _level(state: Memory, first: int) -> tuple[float, float]:
    """Median and quartile distance of the day that begins at this place of the ring."""
    values = window(state, MEANS, HALF)
    for i in range(HALF):
        values[i] = state[MEANS + (first + i) % WINDOW]
    centre = middle(values)
    return centre, float(values[HALF - QUARTER - 1]) - float(values[QUARTER])


@compiled
def _compare(hour: Hour, params: Memory, state: Memory) -> None:
    """Note the shift between the two days if it is one, and larger than the one noted."""
    place = int(state[NEXT])
    before, after = _mean(state, place), _mean(state, (place + HALF) % WINDOW)
    # The means move at least half as far as the medians: this spares sorting in nearly every hour.
    if abs(after - before) <= 0.5 * max(params[LEAST], params[RELATIVE] * min(abs(before), abs(after))):
        return
    before, spread = _level(state, place)
    after, spread_after = _level(state, (place + HALF) % WINDOW)
    size = abs(after - before)
    small, large = min(abs(before), abs(after)), max(abs(before), abs(after))
    if size <= max(params[LEAST], params[RELATIVE] * large) or small <= params[LEAST]:
        return
    if size > params[FACTOR] * max(spread, spread_after) and size > state[BEST]:
        state[BEST] = size
        state[SINCE] = -1.0
        state[START] = hour.t - (HALF - 1) * HOUR
        state[LAST] = hour.t
        state[VALUE] = after
        state[REFERENCE] = before
        state[COUNT] = HALF


@compiled
def _tell(check: int, at: float, state: Memory, report: Report) -> None:
    """Report the shift noted, and let only what came after it be the past of the next."""
    emit(report, check, CLOSED, state, state[START] + HALF * HOUR, at)
    state[FILLED] = HALF + state[SINCE]
    state[BEST] = 0.0
    state[SINCE] = 0.0
    clear(state)


@compiled
def step(check: int, hour: Hour, params: Memory, state: Memory, report: Report) -> None:
    """Report once, some hours late, that the medians of two days in a row differ.

    By more than `relative` of the larger one, `factor` times the larger quartile distance, and `least` units;
    reported where the difference is largest, `settle` hours after that. Guards for honest data: a level of nearly
    nothing on either side is a start or a stop; ramps and daily cycles have wide quartiles; hours across a hole
    longer than `hold` are not compared. Value: level after; reference: level before.
    """
    if params[ON] == 0.0 or hour.covered < params[VALID]:
        return
    if state[FILLED] > 0.0 and hour.t - state[SEEN_AT] > params[HOLD]:
        if state[BEST] > 0.0:
            _tell(check, hour.at, state, report)
        clear(state)
        state[FILLED] = 0.0
    state[SEEN_AT] = hour.t
    place = int(state[NEXT])
    state[MEANS + place] = hour.v
    state[NEXT] = (place + 1) % WINDOW
    state[FILLED] = min(state[FILLED] + 1.0, WINDOW)
    if state[FILLED] == WINDOW:
        _compare(hour, params, state)
    if state[BEST] > 0.0:
        state[SINCE] += 1.0
        if state[SINCE] >= params[SETTLE]:
            _tell(check, hour.at, state, report)
    if state[BEST] == 0.0 and state[FILLED] > HALF:
        # Where a shift that is found later may begin.
        state[START] = hour.t - (state[FILLED] - HALF - 1) * HOUR


def vector(values: Mapping[str, float], traits: Traits) -> tuple[float, ...]:
    """Smallest shift: three steps of the resolution, or a share of the span, whichever is larger."""
    least = max(3.0 * (traits.resolution or 0.0), values["span_share"] * (traits.span or 0.0))
    valid = values["valid_minutes"] * 60.0
    return (values["relative"], values["factor"], least, values["settle_hours"], valid, values["hold_hours"] * HOUR)


CHECK = Check(
    name="shift",
    step=step,
    parameters=(
        Parameter("relative", 0.0, 1.0),
        Parameter("factor", 0.0, 1000.0),
        Parameter("span_share", 0.0, 1.0),
        Parameter("settle_hours", 1.0, 24.0),
        Parameter("valid_minutes", 1.0, 60.0),
        Parameter("hold_hours", 1.0, 720.0),
    ),
    slots=("relative", "factor", "least", "settle", "valid_s", "hold_s"),
    state=("filled", "next", "seen_at", "best", "since", *(f"mean_{i}" for i in range(WINDOW))),
    vector=vector,
    explanations=("shift",),
)
