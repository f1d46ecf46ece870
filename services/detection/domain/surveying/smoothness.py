"""Smoothing: a filter or a model between the instrument and the report takes the roughness away.

Var(second differences) / Var(first differences) is 3 for white noise, 2 for a random walk and 1 to 3 on honest
series; a 5-point moving average brings it to 0.66. A series is held against its own past only: what is smooth by its
nature stays so. Blind where neighbours are unrelated: a moving average of white noise has the ratio of a random walk.
"""

from __future__ import annotations

import numpy as np

from services.detection.domain.surveying import usual
from services.detection.domain.surveying.definition import Look, Numbers, Survey, Why, each, number, windows_look
from services.detection.domain.surveying.sheet import Grid, Sheet

LEAST_SHARE = 0.6


def _look(grid: Grid, sheet: Sheet, numbers: Numbers, first: int) -> Look:
    length = grid.slots(numbers["days"] * 24)
    rows = usual.windows(grid, sheet.v, length, first, medians=False)
    enough = (rows[:, usual.POINTS] >= LEAST_SHARE * length) & (rows[:, usual.FIRST] > 0.0)
    ratio = np.where(enough, rows[:, usual.SECOND] / np.where(enough, rows[:, usual.FIRST], 1.0), np.nan)
    own = usual.usual(ratio, lag=-(-length // grid.per_day))
    with np.errstate(invalid="ignore", divide="ignore"):
        deep = np.log(ratio / own[:, usual.MIDDLE]) < -numbers["sigmas"] * own[:, usual.WIDTH] / own[:, usual.MIDDLE]
        reference = np.minimum(numbers["ratio"], numbers["share"] * own[:, usual.MIDDLE])
        found = deep & (ratio < reference) & (ratio < numbers["below_lowest"] * own[:, usual.LOW])
    look = windows_look(grid, length, found, ratio, reference)
    look.why[~enough] = Why.TOO_FEW
    look.why[enough & ~np.isfinite(reference)] = Why.NO_BASELINE
    return look


SURVEY = Survey(
    name="smoothness",
    parameters=(
        number("days", 2, 30), number("ratio", 0.1, 3), number("share", 0.05, 1), number("below_lowest", 0.05, 1),
        number("sigmas", 0, 20),
    ),
    explanations=("smoothness",),
    look=each(_look),
)  # fmt: skip
