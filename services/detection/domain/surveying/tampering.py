"""A parameter was changed: at one moment the level falls and stays, while the fluctuation goes on as before.

Slope 斜率 times a factor: ln x shifts and its steps stay (|CV ratio - 1| small). Intercept 截距 less an amount: x
shifts and its steps stay, so that those of ln x grow by the ratio of levels. The shift is of medians of a few samples
on either side of one moment, against such differences in the series' own past; it must still be there after a day and
a half. Only falls are told: nobody sets an analyser to read more, and the return would tell the same event twice.
"""

from __future__ import annotations

import math

import numpy as np
from numba import float64, int64

from services.detection.domain.compiled import Floats, Integers, compiled, entry, given
from services.detection.domain.surveying import usual
from services.detection.domain.surveying.definition import Look, Numbers, Survey, Why, blank, each, number
from services.detection.domain.surveying.sheet import Grid, Sheet

STAY_HOURS = 36
DELAY = 2
"""Nights after the day of the shift: by then it has stayed."""
SHARE_STILL = 0.6
FEWEST = 8
AT, SHIFT, MOVED, BEFORE, AFTER = range(5)


@compiled
def _median(x: Floats, begin: int, end: int, least: int, room: Floats) -> float:
    """Median of x[begin:end], NaN where fewer than `least` have a number."""
    count = 0
    for i in range(max(begin, 0), min(end, x.shape[0])):
        if not math.isnan(x[i]):
            room[count] = x[i]
            count += 1
    if count < least:
        return math.nan
    room[:count].sort()
    half = count // 2
    return float(room[half] if count % 2 == 1 else 0.5 * (room[half - 1] + room[half]))


@compiled
def _step(x: Floats, begin: int, end: int, lag: int, room: Floats) -> float:
    """Median absolute step from sample to sample."""
    count = 0
    for i in range(max(begin, 0) + lag, min(end, x.shape[0])):
        if not (math.isnan(x[i]) or math.isnan(x[i - lag])):
            room[count] = abs(x[i] - x[i - lag])
            count += 1
    if count < FEWEST:
        return math.nan
    room[:count].sort()
    return float(room[count // 2])


@entry(given(float64), int64, int64, int64, given(int64), float64[::1], float64[:, ::1])
def _shifts(x: Floats, per_day: int, beside: int, stay: int, hold: Integers, often: Floats, out: Floats) -> None:  # noqa: PLR0913
    """Per day the 90 % quantile of |difference of medians| over its slots, and the deepest fall: slot, difference of
    near medians and of far ones, median steps before and after.
    """
    room = np.empty(stay + 1)
    sizes = np.empty(per_day)
    for day in range(often.shape[0]):
        count, deepest, at = 0, 0.0, -1
        near = beside * hold[day]
        least = (near + 1) // 2
        for t in range(day * per_day, (day + 1) * per_day):
            if math.isnan(x[t]):
                continue
            after = _median(x, t, t + near, least, room)
            ahead = _median(x, t - near, t, least, room)
            if math.isnan(after) or math.isnan(ahead):
                continue
            sizes[count] = abs(after - ahead)
            count += 1
            if ahead - after > deepest:
                deepest, at = ahead - after, t
        if count >= per_day // 2:
            sizes[:count].sort()
            often[day] = sizes[int(0.9 * (count - 1))]
        if at >= 0:
            out[day, AT], out[day, SHIFT] = at, deepest
            out[day, MOVED] = _median(x, at - stay, at, stay // 2, room) - _median(x, at, at + stay, stay // 2, room)
            out[day, BEFORE] = _step(x, at - stay, at, hold[day], room)
            out[day, AFTER] = _step(x, at, at + stay, hold[day], room)


def _look(grid: Grid, sheet: Sheet, numbers: Numbers, first: int) -> Look:
    look = blank(grid.days)
    least = max(sheet.resolution, 1e-9)
    with np.errstate(invalid="ignore"):
        x = np.where(sheet.v >= least, np.log(np.maximum(sheet.v, least)), np.nan)
    begin = max(0, first - usual.MEMORY - 2 * DELAY)
    often = np.full(grid.days, np.nan)
    rows = np.full((grid.days, 5), np.nan)
    part = slice(begin * grid.per_day, None)
    hold = usual.held(grid, sheet.v)
    beside, stay = int(numbers["samples"]), grid.slots(STAY_HOURS)
    _shifts(np.ascontiguousarray(x[part]), grid.per_day, beside, stay, hold[begin:], often[begin:], rows[begin:])
    # A day and the one before it do not say what is usual for it.
    own = usual.usual(often, lag=DELAY)[:, usual.MIDDLE]
    reference = np.maximum(numbers["least"], numbers["times"] * own)
    with np.errstate(invalid="ignore", divide="ignore"):
        stays = rows[:, MOVED] >= SHARE_STILL * rows[:, SHIFT]
        ratio = rows[:, AFTER] / rows[:, BEFORE]
        kept = (ratio >= 1 / numbers["alike"]) & (ratio <= numbers["alike"] * np.exp(rows[:, SHIFT]))
        found = (rows[:, SHIFT] > reference) & stays & kept
    days = np.arange(grid.days - DELAY)
    nights = days + DELAY
    look.found[nights] = found[days]
    at = np.where(found, rows[:, AT] + part.start, 0).astype(np.int64)
    look.start[nights] = grid.start + at[days] * grid.step
    look.end[nights] = look.start[nights] + stay * grid.step
    look.value[nights], look.reference[nights] = rows[days, SHIFT], reference[days]
    look.count[:] = stay
    look.why[nights[np.isnan(rows[days, SHIFT])]] = Why.TOO_FEW
    look.why[nights[np.isfinite(rows[days, SHIFT]) & np.isnan(own[days])]] = Why.NO_BASELINE
    return look


SURVEY = Survey(
    name="tampering",
    parameters=(
        number("samples", 2, 24), number("least", 0.05, 3), number("times", 1, 20), number("alike", 1, 10),
    ),
    explanations=("tampering",),
    look=each(_look),
)  # fmt: skip
