"""Exceedance 超标: a valid mean over the emission limit."""

from __future__ import annotations

import math
from collections.abc import Mapping

from services.detection.domain.checks.definition import HOUR, Check, Parameter, Traits
from services.detection.domain.compiled import Memory, compiled
from services.detection.domain.points import Point
from services.detection.domain.track import ON, TRACK, Report, Sample, follow, outside, tell_late

BY_HOUR, VALID_SECONDS, HOLD = 1, 2, 3
SLOT, SUM, NUMBER, LOW, HIGH = (len(TRACK) + i for i in range(5))


@compiled
def _judge_hour(check: int, point: Point, params: Memory, state: Memory, report: Report) -> None:
    """Judge the clock hour that `point` has left, if enough of it was valid."""
    if state[NUMBER] * point.interval >= params[VALID_SECONDS] and state[NUMBER] > 0.0:
        mean = state[SUM] / state[NUMBER]
        sample = Sample(state[SLOT] * HOUR, mean, HOUR, point.t)
        follow(check, sample, outside(mean, state[LOW], state[HIGH]), params[HOLD], state, report)
    state[SLOT] = math.floor(point.t / HOUR)
    state[SUM] = 0.0
    state[NUMBER] = 0.0


@compiled
def step(check: int, point: Point, params: Memory, state: Memory, report: Report) -> None:
    """Open while means stand over the limit: each value itself, or the clock hour's mean of its minutes.

    The clock-hour form needs 45 valid minutes (HJ 75-2017 and HJ 76-2017: hourly mean) and takes the
    limit of the hour's last valid point; an hour is judged when the first later point arrives.
    """
    if params[ON] == 0.0:
        return
    if params[BY_HOUR] == 0.0:
        if point.judged:
            sample = Sample(point.t, point.v, point.interval, point.t)
            follow(check, sample, outside(point.v, point.low, point.high), params[HOLD], state, report)
        return
    if math.floor(point.t / HOUR) != state[SLOT]:
        _judge_hour(check, point, params, state, report)
    if point.judged:
        state[SUM] += point.v
        state[NUMBER] += 1.0
        state[LOW] = point.low
        state[HIGH] = point.high


@compiled
def step_late(check: int, point: Point, params: Memory, state: Memory, report: Report) -> None:
    """A late mean over its limit is a hit of its own: a logger often sends the newest hour first and then the rest.

    Late minutes are not judged, since their clock hour is gone.
    """
    if params[ON] == 1.0 and params[BY_HOUR] == 0.0 and point.judged:
        sample = Sample(point.t, point.v, point.interval, point.t)
        tell_late(check, sample, outside(point.v, point.low, point.high), state, report)


def vector(values: Mapping[str, float], traits: Traits) -> tuple[float, ...]:
    """Series finer than an hour are judged by the clock hour, coarser ones value by value."""
    by_hour = 1.0 if traits.interval < HOUR else 0.0
    return (by_hour, values["valid_minutes"] * 60.0, max(values["hold_hours"] * HOUR, traits.interval))


CHECK = Check(
    name="exceedance",
    step=step,
    parameters=(Parameter("valid_minutes", 1.0, 60.0), Parameter("hold_hours", 0.0, 720.0)),
    slots=("by_hour", "valid_s", "hold_s"),
    state=("slot", "sum", "number", "low", "high"),
    vector=vector,
    explanations=("exceedance.above", "exceedance.below"),
)
