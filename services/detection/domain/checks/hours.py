"""Clock hours of a series, gathered once for all checks that look at hours."""

from __future__ import annotations

import math
from typing import NamedTuple

from services.detection.domain.checks.definition import HOUR
from services.detection.domain.compiled import Memory, compiled
from services.detection.domain.points import Point

# Slots of a state's head, after the layout number and the last time.
HEAD = ("slot", "sum", "number", "lowest", "highest", "high")
SLOT, SUM, NUMBER, LOWEST, HIGHEST, HIGH = (2 + i for i in range(6))


class Hour(NamedTuple):
    """A clock hour that is over: `t` its start, `v` the mean of its measured values and `lowest` and `highest` of
    them, `covered` seconds that they stand for, `high` the upper limit at the last, 0 = none; `at` when it was over.
    """

    t: float
    v: float
    lowest: float
    highest: float
    covered: float
    high: float
    at: float


@compiled
def is_over(point: Point, head: Memory) -> bool:
    """Whether this point lies in another hour than the one being gathered."""
    return bool(math.floor(point.t / HOUR) != head[SLOT])


@compiled
def finish(point: Point, head: Memory) -> Hour:
    """The hour that `point` has left, with `covered` 0 if nothing was measured in it; the next one begins."""
    number = head[NUMBER]
    hour = Hour(
        head[SLOT] * HOUR,
        head[SUM] / number if number > 0.0 else 0.0,
        head[LOWEST],
        head[HIGHEST],
        number * point.interval,
        head[HIGH],
        point.t,
    )
    head[SLOT] = math.floor(point.t / HOUR)
    head[SUM] = 0.0
    head[NUMBER] = 0.0
    return hour


@compiled
def gather(point: Point, head: Memory) -> None:
    """Add a measured value to its hour."""
    if not point.measured:
        return
    first = head[NUMBER] == 0.0
    head[LOWEST] = point.v if first else min(head[LOWEST], point.v)
    head[HIGHEST] = point.v if first else max(head[HIGHEST], point.v)
    head[SUM] += point.v
    head[NUMBER] += 1.0
    head[HIGH] = 0.0 if math.isnan(point.high) else point.high
