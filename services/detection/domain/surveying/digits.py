"""Invented numbers: the last reported digit is not what it used to be.

Digits of an instrument are even only where it fluctuates over many steps, and many round, scale or average, which
leaves a pattern of their own: of honest series one in nine to one in two fail a test for evenness at p < 1e-6. Who
invents numbers changes the pattern. A month is held against evenness and against the months before: both must fail.
"""

from __future__ import annotations

import math

import numpy as np

from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.surveying import usual
from services.detection.domain.surveying.definition import Look, Numbers, Survey, Why, each, number, windows_look
from services.detection.domain.surveying.sheet import Grid, Sheet, before

DIGITS = 10
WINDOW_DAYS, PAST_DAYS = 30, 45
LEAST_RATIO = 0.5
"""Points of the past that are needed, as a share of those that the window needs."""


def _look(grid: Grid, sheet: Sheet, numbers: Numbers, _first: int) -> Look:
    nights = np.arange(grid.days)
    window, past, spread = _counts(grid, sheet)
    points = window.sum(axis=1)
    even = points[:, None] / DIGITS
    with np.errstate(invalid="ignore", divide="ignore"):
        uneven = np.sum((window - even) ** 2 / even, axis=1)
        changed = _two_samples(window, past)
    limit = _quantile(numbers["p"])
    few = points < numbers["points"]
    coarse = spread < numbers["spread"]
    new = past.sum(axis=1) < LEAST_RATIO * numbers["points"]
    value = np.minimum(uneven, changed)
    found = ~few & ~coarse & ~new & (value > limit) & (changed > numbers["share"] * uneven)
    look = windows_look(grid, WINDOW_DAYS * grid.per_day, found, value, np.full(len(nights), limit))
    look.count[:] = points.astype(np.int64)
    look.why[new], look.why[coarse], look.why[few] = Why.NO_BASELINE, Why.TOO_COARSE, Why.TOO_FEW
    return look


def _counts(grid: Grid, sheet: Sheet) -> tuple[Floats, Floats, Floats]:
    """Digits of the window and of the time before it (nights, 10), and the spread of a day in steps, usual one."""
    step = sheet.resolution
    moved = np.isfinite(sheet.v) & (np.diff(sheet.v, prepend=np.nan) != 0.0)
    if step <= 0.0:
        none = np.zeros((grid.days, DIGITS))
        return none, none.copy(), np.zeros(grid.days)
    with np.errstate(invalid="ignore"):
        digit = np.mod(np.rint(np.abs(sheet.v) / step), DIGITS)
    daily = np.stack([(moved & (digit == one)).reshape(grid.days, -1).sum(axis=1) for one in range(DIGITS)])
    nights: Integers = np.arange(grid.days)
    window = np.stack([np.nansum(before(one.astype(float), WINDOW_DAYS, nights, 1), axis=1) for one in daily], axis=1)
    whole = np.stack(
        [np.nansum(before(one.astype(float), WINDOW_DAYS + PAST_DAYS, nights, 1), axis=1) for one in daily], axis=1
    )
    filled = sheet.v.reshape(grid.days, -1)
    known = np.isfinite(filled).sum(axis=1) >= grid.per_day / 2
    spread = np.full(grid.days, np.nan)
    spread[known] = np.nanstd(filled[known], axis=1) / step
    return window, whole - window, np.nan_to_num(usual.usual(spread)[:, usual.MIDDLE])


def _two_samples(one: Floats, other: Floats) -> Floats:
    """Chi-square with nine degrees of freedom that two counts (n, 10) are of one distribution."""
    total_one, total_other = one.sum(axis=1, keepdims=True), other.sum(axis=1, keepdims=True)
    both = one + other
    gap = np.sqrt(total_other / total_one) * one - np.sqrt(total_one / total_other) * other
    found: Floats = np.sum(np.where(both > 0, gap**2 / np.where(both > 0, both, 1.0), 0.0), axis=1)
    return found


def _quantile(p: float) -> float:
    """Chi-square of nine degrees of freedom that is passed with probability p."""
    low, high = 0.0, 1000.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if chi_square_tail(middle) > p else (low, middle)
    return high


def chi_square_tail(x: float) -> float:
    """P(chi-square with 9 degrees of freedom > x), in closed form as for every odd number of them."""
    root = math.sqrt(x)
    density = math.exp(-x / 2) / math.sqrt(2 * math.pi)
    return math.erfc(root / math.sqrt(2)) + 2 * density * (root + root**3 / 3 + root**5 / 15 + root**7 / 105)


SURVEY = Survey(
    name="digits",
    parameters=(number("p", 1e-30, 0.1), number("points", 50, 5000), number("spread", 0, 1000), number("share", 0, 1)),
    explanations=("digits",),
    look=each(_look),
)
