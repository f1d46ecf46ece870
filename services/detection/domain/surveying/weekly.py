"""Surveys of a month or more: asked once a week, and the answer holds until it is asked again."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from services.detection.domain.surveying.definition import Look, Why, blank
from services.detection.domain.surveying.sheet import DAY, ZONE, Grid

WEEK = 7


class Answer(NamedTuple):
    """What was measured over a window of days and what it was held against; `points` speak for it."""

    found: bool
    value: float
    reference: float
    points: int
    why: int = Why.JUDGED


def by_week(grid: Grid, first: int, days: int, ask: Callable[[slice], Answer]) -> Look:
    """Answers about the `days` before the last Thursday night at or before each night; `ask` is given their slots.

    Weeks are counted from the epoch, so that they do not depend on where the grid begins.
    """
    look = blank(grid.days, Why.TOO_FEW)
    nights = np.arange(first, grid.days)
    asked = nights - (nights + (grid.start + ZONE) // DAY) % WEEK
    for week in np.unique(asked[asked >= days - 1]).tolist():
        here = nights[asked == week]
        answer = ask(slice((week + 1 - days) * grid.per_day, (week + 1) * grid.per_day))
        end = grid.night(week)
        look.found[here], look.value[here], look.reference[here] = answer.found, answer.value, answer.reference
        look.start[here], look.end[here], look.count[here] = end - days * DAY, end, answer.points
        look.why[here] = answer.why
    return look
