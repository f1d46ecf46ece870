"""The running hit at the head of each check's state, and the rows in which a kernel reports."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from services.detection.domain.compiled import Counter, Memory, compiled

# First slots of every check's state: the hit that is running, all zero when none is.
OPEN, START, LAST, VALUE, REFERENCE, COUNT = 0, 1, 2, 3, 4, 5
TRACK = ("open", "start", "last", "value", "reference", "count")

# First slot of every check's parameters: zero switches the check off.
ON = 0

# Columns of a reported row.
SERIES, CHECK, STATUS, BEGIN, END, AT, PEAK, AGAINST, POINTS = 0, 1, 2, 3, 4, 5, 6, 7, 8
COLUMNS = 9
CLOSED, OPENED = 0.0, 1.0

# One point makes at most two rows a check: the end of one hit and the start of the next.
ROWS_PER_CHECK = 2


class Report(NamedTuple):
    """Where a kernel writes: `rows` of COLUMNS float64 each, `used[0]` of them filled."""

    rows: Memory
    used: Counter
    series: int


class Sample(NamedTuple):
    """A value to be judged: the point itself or an hour's mean; `at` is when it became known."""

    t: float
    v: float
    interval: float
    at: float


@compiled
def emit(report: Report, check: int, status: float, track: Memory, end: float, at: float) -> None:
    """Write one row: the running hit as it stands, opened or closed, decided at data time `at`."""
    rows = report.rows
    row = report.used[0] * COLUMNS
    rows[row + SERIES] = report.series
    rows[row + CHECK] = check
    rows[row + STATUS] = status
    rows[row + BEGIN] = track[START]
    rows[row + END] = end
    rows[row + AT] = at
    rows[row + PEAK] = track[VALUE]
    rows[row + AGAINST] = track[REFERENCE]
    rows[row + POINTS] = track[COUNT]
    report.used[0] += 1


@compiled
def clear(track: Memory) -> None:
    """Forget the running hit: a closed hit leaves no trace in the state."""
    for slot in range(OPEN, COUNT + 1):
        track[slot] = 0.0


@compiled
def outside(v: float, low: float, high: float) -> float:
    """The bound that `v` breaks, NaN when it breaks none; bounds may be NaN.

    One part in 10^9 is the rounding of a mean of equal values, not an exceedance.
    """
    if v > high + 1e-9 * abs(high):
        return high
    if v < low - 1e-9 * abs(low):
        return low
    return math.nan


@compiled
def follow(check: int, sample: Sample, bound: float, hold: float, track: Memory, report: Report) -> None:
    """Open, extend or close a hit by one sample; `bound` is what it breaks, NaN when it is in order.

    A hit is not carried over a hole longer than `hold` seconds. The value kept is the one farthest beyond
    its bound.
    """
    broken = not math.isnan(bound)
    if track[OPEN] == 1.0 and (not broken or sample.t - track[LAST] > hold):
        emit(report, check, CLOSED, track, track[LAST] + sample.interval, sample.at)
        clear(track)
    if not broken:
        return
    first = track[OPEN] == 0.0
    if first or abs(sample.v - bound) > abs(track[VALUE] - track[REFERENCE]):
        track[VALUE] = sample.v
        track[REFERENCE] = bound
    track[LAST] = sample.t
    track[COUNT] += 1.0
    if first:
        track[OPEN] = 1.0
        track[START] = sample.t
        emit(report, check, OPENED, track, sample.t + sample.interval, sample.at)


@compiled
def tell_late(check: int, sample: Sample, bound: float, track: Memory, report: Report) -> None:
    """A late sample that breaks `bound` is a closed hit of its own, one sample long: it joins and ends no other.

    One that lies within the running hit has been told: packets are often sent twice.
    """
    told = track[OPEN] == 1.0 and track[START] <= sample.t <= track[LAST]
    if told or math.isnan(bound):
        return
    own = np.zeros(len(TRACK))
    own[START] = sample.t
    own[VALUE] = sample.v
    own[REFERENCE] = bound
    own[COUNT] = 1.0
    emit(report, check, CLOSED, own, sample.t + sample.interval, sample.at)
