"""Replay under noise: the steps of a stretch are those of an older one, with something added.

The levels of two days may look alike because a plant has day and night; their steps from sample to sample do not.
What is replayed is mostly the whole station, so that the likeness is the mean over the pollutants of an outlet at one
lag: honest likeness at a wrong lag is seldom shared by several of them. Half days are compared by their own sums, so
that the answer for a night does not depend on what is known beside the days in question.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import float64, int64

from services.detection.domain.compiled import Floats, Integers, compiled, entry, given
from services.detection.domain.surveying.definition import Look, Numbers, Survey, Why, blank, number
from services.detection.domain.surveying.sheet import Grid, Sheets

BLOCKS_A_DAY = 2
BLOCKS = 3
LEAST_SHARE = 0.7
UNLIKE = 4.0
"""Steps so many times larger in square are not those of the other stretch."""
PEAK = 0.35
"""A window whose largest step has more than this of the sum of squares says little: all start-ups are alike."""
N, BOTH, NEW, OLD = range(4)


@compiled
def _gather(steps: Floats, lag: int, begin: int, end: int, sums: Floats) -> None:
    """Sums over the slots of one block at which both the step and the one `lag` before it are known."""
    n, both, new, old = 0.0, 0.0, 0.0, 0.0
    for t in range(max(begin, lag), end):
        x, y = steps[t], steps[t - lag]
        if not (math.isnan(x) or math.isnan(y)):
            n += 1.0
            both += x * y
            new += x * x
            old += y * y
    sums[N], sums[BOTH], sums[NEW], sums[OLD] = n, both, new, old


@compiled
def _likeness(sums: Floats, last: int, least: float) -> float:
    """Correlation of steps about zero over the window that ends with a block; NaN where too few are known."""
    n, both, new, old = 0.0, 0.0, 0.0, 0.0
    for k in range(last - BLOCKS + 1, last + 1):
        n += sums[k, N]
        both += sums[k, BOTH]
        new += sums[k, NEW]
        old += sums[k, OLD]
    if n < least or new <= 0.0 or old <= 0.0:
        return math.nan
    return both / math.sqrt(new * old) if new < UNLIKE * old and old < UNLIKE * new else 0.0


@entry(given(float64, 2), given(float64, 2), given(int64), float64[:, :, ::1], float64[:, ::1])
def _search(steps: Floats, fit: Floats, sizes: Integers, sums: Floats, best: Floats) -> None:
    """`steps` (series, slots); `fit` (series, blocks) 1 where the window that ends there may be judged; `sizes`:
    first block, slots a block, least and most lag. `best` (blocks, 2): likeness and lag of the window that ends
    there.
    """
    first, size, least, most = sizes
    series, blocks = steps.shape[0], best.shape[0]
    for lag in range(least, most + 1):
        for s in range(series):
            for b in range(max(0, first - BLOCKS + 1), blocks):
                _gather(steps[s], lag, b * size, (b + 1) * size, sums[s, b])
        for b in range(max(first, BLOCKS - 1), blocks):
            total, used = 0.0, 0
            for s in range(series):
                like = _likeness(sums[s], b, LEAST_SHARE * BLOCKS * size) if fit[s, b] > 0.0 else math.nan
                if not math.isnan(like):
                    total += like
                    used += 1
            # Where an outlet has several pollutants, one alone says little.
            if used >= min(2, series) and total / used > best[b, 0]:
                best[b, 0], best[b, 1] = total / used, lag


def _look(sheets: Sheets, numbers: Sequence[Numbers | None]) -> list[Look | None]:
    grid = sheets.grid
    places = [i for i, (sheet, given_) in enumerate(zip(sheets.sheets, numbers, strict=True))
              if given_ is not None and not sheet.computed]  # fmt: skip
    looks: list[Look | None] = [None] * len(numbers)
    if not places or grid.per_day % BLOCKS_A_DAY:
        return looks
    shared = numbers[places[0]] or {}
    size = grid.per_day // BLOCKS_A_DAY
    steps = np.stack([np.diff(sheets.sheets[i].v, prepend=np.nan) for i in places])
    fit = np.stack([_fit(one, size) for one in steps])
    best = np.full((grid.days * BLOCKS_A_DAY, 2), -1.0)
    sizes = np.array([sheets.first * BLOCKS_A_DAY, size, 2 * size, grid.slots(shared["days"] * 24)], np.int64)
    sums = np.zeros((len(places), len(best), 4))
    _search(steps, fit, sizes, sums, best)
    for place, i in enumerate(places):
        looks[i] = _answer(grid, best, fit[place], shared, single=len(places) == 1)
    return looks


def _fit(steps: Floats, size: int) -> Floats:
    """1 where the window that ends with a block has steps of which none outweighs the others."""
    squares = np.where(np.isfinite(steps), steps, 0.0).reshape(-1, size) ** 2
    total, peak = squares.sum(axis=1), squares.max(axis=1)
    ends = np.arange(BLOCKS - 1, len(total))
    fit = np.zeros(len(total))
    window_total = sum(total[ends - k] for k in range(BLOCKS))
    window_peak = np.max([peak[ends - k] for k in range(BLOCKS)], axis=0)
    fit[ends] = (window_total > 0.0) & (window_peak <= PEAK * window_total)
    return fit


def _answer(grid: Grid, best: Floats, fit: Floats, numbers: Numbers, *, single: bool) -> Look:
    """A night looks at the windows that end in its day."""
    look = blank(grid.days)
    reference = numbers["alone" if single else "likeness"]
    like = np.where(fit > 0.0, best[:, 0], -1.0).reshape(grid.days, BLOCKS_A_DAY)
    place = like.argmax(axis=1)
    value = like[np.arange(grid.days), place]
    length = BLOCKS * grid.per_day // BLOCKS_A_DAY * grid.step
    ends = grid.start + (np.arange(grid.days) * BLOCKS_A_DAY + place + 1) * (grid.per_day // BLOCKS_A_DAY * grid.step)
    look.found[:] = value >= reference
    look.start[:], look.end[:] = ends - length, ends
    look.value[:], look.reference[:], look.count[:] = value, reference, length // grid.step
    look.why[value < 0.0] = Why.TOO_FEW
    return look


SURVEY = Survey(
    name="noisy_replay",
    parameters=(number("likeness", 0.3, 1), number("alone", 0.3, 1), number("days", 2, 60)),
    explanations=("noisy_replay",),
    look=_look,
)
