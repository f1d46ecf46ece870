"""More noise than usual: a loose contact, a bubble, a lamp near its end, or noise that was added.

The median second difference of a day, which a trend or a few spikes leave as it is, against that of the days before;
as such and as a share of the level, because noise grows with what is measured.
"""

from __future__ import annotations

import numpy as np

from services.detection.domain.surveying import usual
from services.detection.domain.surveying.definition import Look, Numbers, Survey, Why, each, number, windows_look
from services.detection.domain.surveying.sheet import Grid, Sheet

LEAST_SHARE = 0.6


def _look(grid: Grid, sheet: Sheet, numbers: Numbers, first: int) -> Look:
    length = grid.slots(numbers["hours"])
    rows = usual.windows(grid, sheet.v, length, first)
    hold = usual.held(grid, sheet.v)
    enough = rows[:, usual.POINTS] >= LEAST_SHARE * (length - 2 * hold)
    noisy = np.where(enough, rows[:, usual.BEND], np.nan)
    level = np.maximum(np.abs(rows[:, usual.LEVEL]), sheet.resolution)
    lag = -(-length // grid.per_day)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(level > 0.0, noisy / level, np.nan)
    reference, of_level = (
        np.maximum(numbers["times"] * own[:, usual.MIDDLE], numbers["times_top"] * own[:, usual.TOP])
        for own in (usual.usual(noisy, lag=lag), usual.usual(share, lag=lag))
    )
    with np.errstate(invalid="ignore"):
        found = (noisy > reference) & (share > of_level) & (noisy >= numbers["steps"] * sheet.resolution)
    look = windows_look(grid, length, found, noisy, reference)
    look.why[~enough] = Why.TOO_FEW
    look.why[enough & ~np.isfinite(reference)] = Why.NO_BASELINE
    return look


SURVEY = Survey(
    name="noise",
    parameters=(
        number("hours", 12, 720), number("times", 1, 20), number("times_top", 1, 20), number("steps", 0, 100),
    ),
    explanations=("noise",),
    look=each(_look),
)  # fmt: skip
