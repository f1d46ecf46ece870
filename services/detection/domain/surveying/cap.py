"""A plateau at the top: many values equal to the highest of the window, and nothing above it.

A span that was set too low, or software that cuts off what is above a number. Values of an analyser that fluctuates
are hardly ever equal; ties at the top are counted in samples, must come in several runs, and must stand out against
ties anywhere else.
"""

from __future__ import annotations

import numpy as np

from services.detection.domain.compiled import Floats
from services.detection.domain.surveying import usual
from services.detection.domain.surveying.definition import Look, Numbers, Survey, Why, blank, each, number
from services.detection.domain.surveying.sheet import Grid, Sheet, before

DAYS = (2, 3, 5, 7)
LEAST_SHARE = 0.6
LEAST_PAST_DAYS = 14
PAST_DAYS = 60


def _look(grid: Grid, sheet: Sheet, numbers: Numbers, first: int) -> Look:
    look = blank(grid.days)
    nights = np.arange(first, grid.days)
    past = before(sheet.v, (PAST_DAYS + DAYS[0]) * grid.per_day, nights, grid.per_day)
    known = np.isfinite(past[:, : PAST_DAYS * grid.per_day]).sum(axis=1) >= LEAST_PAST_DAYS * grid.per_day
    look.why[first:][~known] = Why.NO_BASELINE
    hold = usual.held(grid, sheet.v)
    for days in DAYS:
        length = days * grid.per_day
        window = before(sheet.v, length, nights, grid.per_day)
        there = np.isfinite(window)
        points = there.sum(axis=1)
        top = np.where(there, window, -np.inf).max(axis=1)
        ties = there & (window >= top[:, None])
        number_of = ties.sum(axis=1)
        least = np.maximum(numbers["ties"] * hold[nights], numbers["share"] * points)
        likely = known & (points >= LEAST_SHARE * length) & (top > 0.0) & (number_of >= least)
        for i in np.flatnonzero(likely & ~look.found[nights]):
            if _stands_out(window[i][there[i]], numbers):
                places = np.flatnonzero(ties[i])
                night = int(nights[i])
                begin = grid.night(night) - length * grid.step
                look.found[night] = True
                look.start[night] = begin + places[0] * grid.step
                look.end[night] = begin + (places[-1] + 1) * grid.step
                look.value[night], look.count[night] = number_of[i] / points[i] * 100.0, number_of[i]
                look.reference[night] = top[i]
        if days == DAYS[-1]:
            look.why[first:][known & (points < LEAST_SHARE * length)] = Why.TOO_FEW
    return look


def _stands_out(values: Floats, numbers: Numbers) -> bool:
    """Whether the top is reached again and again, more often than any other value, and there are others.

    One long run at the top is a constant value, which is another matter.
    """
    different, counts = np.unique(values, return_counts=True)
    at_top = values == different[-1]
    runs = int(at_top[0]) + int(np.count_nonzero(at_top[1:] & ~at_top[:-1]))
    many = len(different) >= numbers["different"] and runs >= numbers["runs"]
    return many and int(counts[-1]) >= numbers["times"] * int(counts[:-1].max())


SURVEY = Survey(
    name="cap",
    parameters=(
        number("ties", 2, 1000), number("share", 0, 1), number("times", 1, 100), number("different", 2, 1000),
        number("runs", 1, 100),
    ),
    explanations=("cap",),
    by_count=True,
    look=each(_look),
)  # fmt: skip
