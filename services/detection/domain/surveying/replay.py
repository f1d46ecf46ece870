"""Replay 数据回放: a stretch of old values sent again, digit for digit.

Each value is compared with the equal ones before it. Those of one lag in a row, with enough changes among them,
are a copy; holes in either do not end it, a different value does.
"""

from __future__ import annotations

import math

import numpy as np
from numba import float64, int64

from services.detection.domain.compiled import Floats, Integers, compiled, entry, given
from services.detection.domain.surveying.definition import Look, Numbers, Survey, Why, blank, each, number
from services.detection.domain.surveying.sheet import Grid, Sheet

LEAST_LAG_HOURS = 12
WINDOW_DAYS = 7
"""A copy is looked for in the days before each night; a longer one goes on from night to night."""
START, END, LAG, COUNT = range(4)


@compiled
def _goes_on(v: Floats, since: int, t: int, lag: int, bridge: int) -> bool:
    """Whether nothing but holes lies between two equal pairs of one lag."""
    if t - since - 1 > bridge:
        return False
    for i in range(since + 1, t):  # noqa: SIM110 - a generator does not compile
        if not (math.isnan(v[i]) or math.isnan(v[i - lag])):
            return False
    return True


@entry(given(float64), given(int64), int64, given(int64), int64[:, ::1])
def _scan(v: Floats, earlier: Integers, per_day: int, sizes: Integers, out: Integers) -> None:
    """Per night the latest copy that ends in its day: slots of its start and end, lag and points; -1 for none.

    `earlier` is the last slot before each that has its value, -1 for none. `sizes`: first night, least and most lag,
    points needed, changes needed, holes bridged, slots of the window.
    """
    first, least, most, need, changes, bridge, window = sizes
    runs, moves, starts = np.zeros(most + 1, np.int64), np.zeros(most + 1, np.int64), np.zeros(most + 1, np.int64)
    ends = np.full(most + 1, -1, np.int64)
    for t in range(max(first * per_day - window, 0), v.shape[0]):
        old, night = earlier[t], t // per_day
        while old >= 0 and t - old <= most:
            lag = t - old
            old = earlier[old]
            if lag < least:
                continue
            since = ends[lag]
            ends[lag] = t
            if since < 0 or not _goes_on(v, since, t, lag, bridge):
                runs[lag], moves[lag], starts[lag] = 1, 0, t
                continue
            runs[lag] += 1
            moves[lag] += 1 if v[t] != v[since] else 0
            if runs[lag] >= need and moves[lag] >= changes and night >= first and t >= out[night, END]:
                begin = max(starts[lag], t - window + 1)
                out[night, START], out[night, END], out[night, LAG], out[night, COUNT] = begin, t, lag, t - begin + 1


def _earlier(v: Floats) -> Integers:
    """The last slot before each that has its value, -1 for none."""
    known = np.flatnonzero(np.isfinite(v))
    order = known[np.argsort(v[known], kind="stable")]
    same = v[order[1:]] == v[order[:-1]]
    found = np.full(len(v), -1, np.int64)
    found[order[1:][same]] = order[:-1][same]
    return found


def _look(grid: Grid, sheet: Sheet, numbers: Numbers, first: int) -> Look:
    look = blank(grid.days)
    points = grid.slots(numbers["hours"])
    sizes = np.array(
        [
            first, grid.slots(LEAST_LAG_HOURS), grid.slots(numbers["days"] * 24), points,
            math.ceil(numbers["changes"] * points), grid.slots(numbers["bridge_hours"]), WINDOW_DAYS * grid.per_day,
        ],
        np.int64,
    )  # fmt: skip
    rows = np.full((grid.days, 4), -1, np.int64)
    _scan(sheet.v, _earlier(sheet.v), grid.per_day, sizes, rows)
    look.found[:] = rows[:, START] >= 0
    look.start[:] = grid.start + rows[:, START] * grid.step
    look.end[:] = grid.start + (rows[:, END] + 1) * grid.step
    look.value[:], look.reference[:] = rows[:, LAG] * grid.step / 3600.0, points * grid.step / 3600.0
    look.count[:] = rows[:, COUNT]
    daily = np.isfinite(sheet.v).reshape(grid.days, grid.per_day).sum(axis=1)
    look.why[(daily == 0) & ~look.found] = Why.TOO_FEW
    return look


SURVEY = Survey(
    name="replay",
    parameters=(
        number("hours", 6, 168), number("changes", 0, 1), number("bridge_hours", 0, 48), number("days", 2, 60),
    ),
    explanations=("replay",),
    by_count=True,
    look=each(_look),
)  # fmt: skip
