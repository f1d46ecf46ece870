"""Too calm: for days the values stay nearer to each other than they ever did, and scatter without any course.

A set value with a little noise, or an intake that hangs in prepared water. The median deviation from the window's
middle, as a share of it, against that of the days before. A real calm has a course, its steps are smaller than its
spread; what was constant or smoothed is told by other rules.
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
    level = np.abs(rows[:, usual.LEVEL])
    enough = (rows[:, usual.POINTS] >= LEAST_SHARE * length) & (level > 0.0)
    share = np.where(enough, rows[:, usual.SPREAD] / np.where(enough, level, 1.0), np.nan)
    own = usual.usual(share, lag=-(-length // grid.per_day))
    reference = numbers["share"] * own[:, usual.LOW]
    with np.errstate(invalid="ignore", divide="ignore"):
        rough = rows[:, usual.SECOND] / rows[:, usual.FIRST] >= numbers["rough"]
        restless = rows[:, usual.JUMP] >= numbers["restless"] * rows[:, usual.SPREAD]
        found = (share < reference) & (share > 0.0) & rough & restless
    look = windows_look(grid, length, found, share * 100.0, reference * 100.0)
    look.why[~enough] = Why.TOO_FEW
    look.why[enough & ~np.isfinite(reference)] = Why.NO_BASELINE
    return look


SURVEY = Survey(
    name="calm",
    parameters=(
        number("hours", 24, 720), number("share", 0.01, 1), number("rough", 0, 4), number("restless", 0, 3),
    ),
    explanations=("calm",),
    look=each(_look),
)  # fmt: skip
