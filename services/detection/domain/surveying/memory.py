"""Numbers without a memory: what a plant emits this hour is near what it emitted the last, what is invented is not.

The median step from sample to sample against the median deviation from the window's middle: 1.2 for even and 1.4 for
normal random numbers, a fifth to a half where one sample follows from the other. Held against the series' own past:
an analyser whose noise is all that is seen has no memory by its nature.
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
    spread = rows[:, usual.SPREAD]
    enough = (rows[:, usual.POINTS] >= LEAST_SHARE * length) & (spread > 0.0)
    restless = np.where(enough, rows[:, usual.JUMP] / np.where(enough, spread, 1.0), np.nan)
    own = usual.usual(restless, lag=-(-length // grid.per_day))
    reference = np.maximum(numbers["least"], numbers["times"] * own[:, usual.TOP])
    with np.errstate(invalid="ignore", divide="ignore"):
        rough = rows[:, usual.SECOND] / rows[:, usual.FIRST] >= numbers["rough"]
        calm = own[:, usual.MIDDLE] <= numbers["usual"]
        found = (restless > reference) & rough & calm & (spread >= 2 * sheet.resolution)
    look = windows_look(grid, length, found, restless, reference)
    look.why[~enough] = Why.TOO_FEW
    look.why[enough & ~calm] = Why.NO_BASELINE
    return look


SURVEY = Survey(
    name="memory",
    parameters=(
        number("hours", 24, 720), number("least", 0.1, 3), number("times", 1, 10), number("rough", 0, 4),
        number("usual", 0.05, 3),
    ),
    explanations=("memory",),
    look=each(_look),
)  # fmt: skip
