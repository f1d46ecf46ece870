"""How far a series moves from reading to reading, gathered once for all checks that look at steps."""

from __future__ import annotations

import math
from typing import NamedTuple

from services.detection.domain.checks import hours
from services.detection.domain.compiled import Memory, compiled
from services.detection.domain.points import Point

# Slots of a state's head, after those of the hours.
HEAD = ("previous", "earlier", "seen_at", "since", "steps", "usual", "wide", "recent")
PREVIOUS, EARLIER, SEEN_AT, SINCE, STEPS, USUAL, WIDE, RECENT = (2 + len(hours.HEAD) + i for i in range(len(HEAD)))
HOLE_INTERVALS = 3.0
"""A step across a longer hole is unknown."""
SLOWEST, FASTEST = 0.002, 0.3
"""Gain of the running quantiles: they forget in some hundred steps, and are quick at first."""
NINTH = 0.9
"""The wide step is the ninth decile."""
LIVELY = 12.0
"""Steps over which the recent size is taken."""
CLIP = 8.0
"""No step counts for more than so many usual ones in the recent size."""


class Move(NamedTuple):
    """The step to this reading: `change` from the one before, NaN when there is none to compare with, and `pace` the
    same for one interval; `earlier` the reading before that, `since` how many there were since the last hole or stop.
    `usual` is the running median size of steps that were not nothing and `wide` their ninth decile, from `steps` of
    them; `recent` the mean size lately, nothing included.
    """

    change: float
    pace: float
    earlier: float
    since: float
    steps: float
    usual: float
    wide: float
    recent: float


@compiled
def look(point: Point, head: Memory) -> Move:
    """The step to a measured value; what has been learnt of the steps before it."""
    lasted = (point.t - head[SEEN_AT]) / point.interval
    near = head[SEEN_AT] != 0.0 and lasted <= HOLE_INTERVALS
    change = point.v - head[PREVIOUS] if point.measured and near else math.nan
    pace = change / max(lasted, 1.0)
    return Move(change, pace, head[EARLIER], head[SINCE], head[STEPS], head[USUAL], head[WIDE], head[RECENT])


@compiled
def learn(point: Point, move: Move, head: Memory) -> None:
    """Take the step into the usual and the recent size."""
    if not point.measured:
        return
    head[EARLIER] = head[PREVIOUS] if head[SEEN_AT] != 0.0 else point.v
    head[PREVIOUS] = point.v
    head[SEEN_AT] = point.t
    if math.isnan(move.change):
        head[SINCE] = 0.0
        return
    head[SINCE] += 1.0
    size = abs(move.change)
    if size > 0.0:
        head[STEPS] += 1.0
        if head[STEPS] == 1.0:
            head[USUAL] = size
            head[WIDE] = size
        else:
            gain = min(max(1.0 / head[STEPS], SLOWEST), FASTEST)
            head[USUAL] *= 1.0 + gain if size > head[USUAL] else 1.0 - gain
            head[WIDE] *= 1.0 + 2.0 * NINTH * gain if size > head[WIDE] else 1.0 - 2.0 * (1.0 - NINTH) * gain
    head[RECENT] += (min(size, CLIP * head[USUAL]) - head[RECENT]) / LIVELY
