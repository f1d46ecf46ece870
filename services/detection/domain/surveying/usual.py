"""What is usual: statistics of windows before each night, and of the nights before them. All causal."""

from __future__ import annotations

import math

import numpy as np
from numba import float64, int64

from services.detection.domain.compiled import Floats, Integers, compiled, entry, given
from services.detection.domain.surveying.sheet import Grid

MEMORY = 45
"""Nights that say what is usual."""
LEAST = 15
"""Nights of them that must have a number."""
HOLD_DAYS = 30
FEWEST = 8
"""Second differences without which a window says nothing."""
MOST_HELD = 6
NORMAL_MAD = 1.4826

# Columns of `windows`.
POINTS, FIRST, SECOND, JUMP, SPREAD, BEND, LEVEL = range(7)
COLUMNS = 7
# Columns of `usual`.
MIDDLE, LOW, TOP, WIDTH = range(4)


@compiled
def _sorted_part(values: Floats, count: int, share: float) -> float:
    """Linear quantile of the first `count` values, sorted."""
    place = share * (count - 1)
    below = math.floor(place)
    above = min(below + 1, count - 1)
    return float(values[below] + (values[above] - values[below]) * (place - below))


@compiled
def _differences(v: Floats, span: tuple[int, int], lag: int, jumps: Floats, bends: Floats) -> tuple[int, int]:
    """Write first and second differences of the known values of a span; how many there are of each."""
    begin, end = span
    a, b = 0, 0
    for i in range(begin + lag, end):
        step = v[i] - v[i - lag]
        if math.isnan(step):
            continue
        jumps[a] = step
        a += 1
        if i - 2 * lag >= begin and not math.isnan(v[i - 2 * lag]):
            bends[b] = step - (v[i - lag] - v[i - 2 * lag])
            b += 1
    return a, b


@compiled
def _median_size(values: Floats, count: int, middle: float) -> float:
    """Median of |value - middle| of the first `count`, which are changed to that."""
    for i in range(count):
        values[i] = abs(values[i] - middle)
    values[:count].sort()
    return _sorted_part(values, count, 0.5)


@entry(given(float64), int64, given(int64), given(int64), float64[:, ::1])
def _windows(v: Floats, per_day: int, sizes: Integers, hold: Integers, out: Floats) -> None:
    length, first, medians = sizes
    jumps, bends, values = np.empty(length), np.empty(length), np.empty(length)
    for night in range(first, out.shape[0]):
        end = (night + 1) * per_day
        begin = max(end - length, 0)
        a, b = _differences(v, (begin, end), hold[night], jumps, bends)
        out[night, POINTS] = b
        if b < FEWEST:
            continue
        out[night, FIRST], out[night, SECOND] = np.mean(jumps[:a] ** 2), np.mean(bends[:b] ** 2)
        if medians == 0:
            continue
        points = 0
        for i in range(begin, end):
            if not math.isnan(v[i]):
                values[points] = v[i]
                points += 1
        values[:points].sort()
        middle = _sorted_part(values, points, 0.5)
        out[night, LEVEL], out[night, SPREAD] = middle, _median_size(values, points, middle)
        out[night, JUMP], out[night, BEND] = _median_size(jumps, a, 0.0), _median_size(bends, b, 0.0)


def windows(grid: Grid, v: Floats, length: int, first: int = 0, *, medians: bool = True) -> Floats:
    """(nights, COLUMNS) of the `length` slots before each night, from `MEMORY` and one window before night `first`.

    Second differences counted, mean squares of first and second differences, and if `medians` medians of
    |first difference|, |deviation from the median|, |second difference|, and of the values. Differences are between
    samples: an analyser that samples every other hour repeats its value between.
    """
    out = np.full((grid.days, COLUMNS), np.nan)
    lag = -(-length // grid.per_day)
    sizes = np.array([length, max(0, first - MEMORY - lag), medians], np.int64)
    _windows(v, grid.per_day, sizes, held(grid, v), out)
    return out


def held(grid: Grid, v: Floats) -> Integers:
    """Slots for which an analyser repeats a sample, by night (nights,): 1 where it makes one for each slot."""
    same = np.diff(v, prepend=np.nan).reshape(grid.days, grid.per_day)
    known = np.isfinite(same)
    counts = known.sum(axis=1)
    shares = np.where(counts >= grid.per_day / 2, (known & (same == 0.0)).sum(axis=1) / np.maximum(counts, 1), np.nan)
    usual_share = usual(shares, HOLD_DAYS, 0, 3)[:, MIDDLE]
    known_share = np.where(np.isfinite(usual_share), usual_share, 0.0)
    found: Integers = np.clip(np.rint(1 / np.maximum(1 - known_share, 1 / MOST_HELD)), 1, MOST_HELD).astype(np.int64)
    return found


@entry(given(float64), int64, int64, int64, float64[:, ::1])
def _usual(s: Floats, back: int, lag: int, least: int, out: Floats) -> None:
    kept = np.empty(back)
    for night in range(s.shape[0]):
        count = 0
        for i in range(max(0, night - lag - back + 1), night - lag + 1):
            if not math.isnan(s[i]):
                kept[count] = s[i]
                count += 1
        if count < least:
            continue
        kept[:count].sort()
        middle = _sorted_part(kept, count, 0.5)
        out[night, MIDDLE], out[night, LOW] = middle, _sorted_part(kept, count, 0.05)
        out[night, TOP] = _sorted_part(kept, count, 0.95)
        for i in range(count):
            kept[i] = abs(kept[i] - middle)
        kept[:count].sort()
        out[night, WIDTH] = NORMAL_MAD * _sorted_part(kept, count, 0.5)


def usual(s: Floats, back: int = MEMORY, lag: int = 1, least: int = LEAST) -> Floats:
    """(nights, 4) of a number by night over the `back` nights that end `lag` before each: median, 5 % and 95 %
    quantile, normal median deviation; NaN where fewer than `least` have a number.
    """
    out = np.full((len(s), 4), np.nan)
    _usual(np.ascontiguousarray(s), back, lag, least, out)
    return out
