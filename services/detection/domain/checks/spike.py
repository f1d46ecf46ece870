"""Spike 突变尖峰: out of the band in one step, and back again within two."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from services.detection.domain.checks.definition import Check, Parameter, Traits
from services.detection.domain.checks.steps import Move
from services.detection.domain.compiled import Floats, Memory, compiled
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

FACTOR, NEEDED, RELATIVE, ABSOLUTE, HOLD = 1, 2, 3, 4, 5
WINDOW = 16
WIDEST = 2
NORMAL_MAD = 1.4826
_T = len(TRACK)
PENDING, BAND, JUMP, HELD, PREVIOUS, SEEN_AT, FILLED, NEXT, VALUES = (_T + i for i in (0, 1, 2, 3, 5, 6, 7, 8, 9))
STEPS = VALUES + WINDOW


@compiled
def window(state: Memory, first: int, filled: int) -> Floats:
    """Copy of `filled` values that begin at slot `first`."""
    values = np.empty(filled)
    for i in range(filled):
        values[i] = state[first + i]
    return values


@compiled
def middle(ordered: Floats) -> float:
    """Median by insertion sort in place; the windows are short."""
    for i in range(1, ordered.shape[0]):
        item = ordered[i]
        j = i
        while j > 0 and ordered[j - 1] > item:
            ordered[j] = ordered[j - 1]
            j -= 1
        ordered[j] = item
    low, high = ordered[(ordered.shape[0] - 1) // 2], ordered[ordered.shape[0] // 2]
    return 0.5 * (float(low) + float(high))


@compiled
def _remember(v: float, change: float, state: Memory) -> None:
    """Put an ordinary value and its step into the windows; a spike never enters them.

    A step across a hole or a spike is unknown and counts as infinite, which only makes the test stricter.
    """
    place = int(state[NEXT])
    state[VALUES + place] = v
    state[STEPS + place] = abs(change)
    state[NEXT] = (place + 1) % WINDOW
    if state[FILLED] < WINDOW:
        state[FILLED] += 1.0


@compiled
def _leaps(change: float, filled: int, params: Memory, state: Memory) -> bool:
    """Whether the step beats factor × 1.4826 × the median step: more than half of them lie below.

    Counting instead of sorting: this runs on every point.
    """
    border = abs(change) / (params[FACTOR] * NORMAL_MAD)
    below = 0
    for i in range(filled):
        if state[STEPS + i] < border:
            below += 1
    return 2 * below > filled


@compiled
def _consider(point: Point, change: float, move: Move, params: Memory, state: Memory) -> None:
    """Start a candidate if this point left the band in one leap, else remember it as ordinary."""
    filled = int(state[FILLED])
    least = max(params[ABSOLUTE], params[FACTOR] * move.usual)
    ready = filled >= params[NEEDED] and abs(change) > least
    if ready and _leaps(change, filled, params, state):
        values = window(state, VALUES, filled)
        centre = middle(values)
        # A drop to 1 / (1 + relative) of the level is as far as a rise to 1 + relative of it.
        share = params[RELATIVE] if abs(point.v) > abs(centre) else params[RELATIVE] / (1.0 + params[RELATIVE])
        least = max(least, share * abs(centre))
        band = max(params[FACTOR] * middle(np.abs(values - centre)), least)
        if abs(point.v - centre) > band and abs(change) > least:
            steps = window(state, STEPS, filled)
            state[PENDING] = 1.0
            state[START] = point.t
            state[VALUE] = point.v
            state[REFERENCE] = centre
            state[BAND] = band
            state[JUMP] = max(params[FACTOR] * NORMAL_MAD * middle(steps), least)
            state[HELD] = point.v
            return
    _remember(point.v, change, state)


@compiled
def _drop(state: Memory) -> None:
    clear(state)
    for slot in range(PENDING, PREVIOUS):
        state[slot] = 0.0


@compiled
def _give_up(state: Memory) -> None:
    """The candidate was a change of level: its points are ordinary after all."""
    for i in range(int(state[PENDING])):
        _remember(state[HELD + i], math.inf, state)
    _drop(state)


@compiled
def _settle(check: int, point: Point, change: float, state: Memory, report: Report) -> None:
    """Report the candidate if this point leapt back into the band; after two points it is a new level."""
    centre = state[REFERENCE]
    up = 1.0 if state[VALUE] > centre else -1.0
    if abs(point.v - centre) <= state[BAND] and -change * up > state[JUMP]:
        state[COUNT] = state[PENDING]
        emit(report, check, CLOSED, state, point.t, point.t)
        _drop(state)
        _remember(point.v, math.inf, state)
    elif state[PENDING] < WIDEST:
        state[HELD + 1] = point.v
        state[PENDING] += 1.0
        if abs(point.v - centre) > abs(state[VALUE] - centre):
            state[VALUE] = point.v
    else:
        _give_up(state)
        _remember(point.v, change, state)


@compiled
def step(check: int, point: Point, move: Move, params: Memory, state: Memory, report: Report) -> None:
    """Report, one or two points late, a value beyond median ± 8 MAD that came and went in single leaps.

    Both conditions must hold: outside median ± factor·MAD of the last 24 ordinary values, and both the
    way out and the way back longer than factor·1.4826·median step (two-sided difference test). Guards for
    honest data: a leap under `relative` of the level or `absolute` units is none, so smooth or stepwise
    series with a MAD of zero stay quiet; bursts that climb or fall in several steps are no spikes; nothing
    is judged across a hole. A spike is a closed hit as soon as it is known.
    """
    if params[ON] == 0.0 or not point.measured:
        return
    fresh = state[FILLED] == 0.0
    if not fresh and point.t - state[SEEN_AT] > params[HOLD]:
        _give_up(state)
        fresh = True
    change = 0.0 if fresh else point.v - state[PREVIOUS]
    if state[PENDING] > 0.0:
        _settle(check, point, change, state, report)
    elif fresh:
        _remember(point.v, math.inf, state)
    else:
        _consider(point, change, move, params, state)
    state[PREVIOUS] = point.v
    state[SEEN_AT] = point.t


def vector(values: Mapping[str, float], traits: Traits) -> tuple[float, ...]:
    """Smallest leap: three steps of the resolution, or a share of the span, whichever is larger."""
    least = max(3.0 * (traits.resolution or 0.0), values["span_share"] * (traits.span or 0.0))
    return (
        values["factor"],
        min(values["min_values"], float(WINDOW)),
        values["relative"],
        least,
        values["hold_intervals"] * traits.interval,
    )


CHECK = Check(
    name="spike",
    step=step,
    parameters=(
        Parameter("factor", 1.0, 1000.0),
        Parameter("min_values", 3.0, float(WINDOW)),
        Parameter("relative", 0.0, 1000.0),
        Parameter("span_share", 0.0, 1.0),
        Parameter("hold_intervals", 1.0, 1000.0),
    ),
    slots=("factor", "needed", "relative", "absolute", "hold_s"),
    state=(
        "pending",
        "band",
        "jump",
        "held_1",
        "held_2",
        "previous",
        "seen_at",
        "filled",
        "next",
        *(f"value_{i}" for i in range(WINDOW)),
        *(f"step_{i}" for i in range(WINDOW)),
    ),
    vector=vector,
    explanations=("spike",),
)
