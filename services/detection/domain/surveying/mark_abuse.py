"""Marks 标记 that begin when it suits, as a rule: see `surveys.mark_abuse`.

Begun are flags of maintenance and fault, be they the logger's or those of a mark: surveys see readings under the flag
that marks give them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from services.detection.domain.points import FAULT, MAINTENANCE
from services.detection.domain.surveying.definition import Look, Numbers, Survey, Why, blank, number
from services.detection.domain.surveying.sheet import Grid, Sheet, Sheets
from services.detection.domain.surveying.weekly import Answer, by_week
from services.detection.domain.surveys.mark_abuse import Settings, survey_mark_abuse
from services.detection.domain.surveys.series import make_series


def _one(grid: Grid, sheet: Sheet, numbers: Numbers, first: int) -> Look:
    marked = np.isin(sheet.flags, (MAINTENANCE, FAULT))
    begun = marked & ~np.concatenate(([True], marked[:-1]))
    settings = Settings(near=numbers["near"], p=numbers["p"], least_monthly=numbers["monthly"])

    def ask(slots: slice) -> Answer:
        share = sheet.v[slots] / sheet.high[slots]
        times = np.arange(len(share)) * grid.step
        finding = survey_mark_abuse(make_series(times, share), times[begun[slots]], 1.0, float(grid.step), settings)
        if finding.unjudged is not None:
            return Answer(found=False, value=math.nan, reference=settings.p, points=finding.points, why=Why.TOO_FEW)
        return Answer(finding.found, float(finding.suited), finding.base * finding.points, finding.points)

    return by_week(grid, first, int(numbers["days"]), ask)


def _look(sheets: Sheets, numbers: Sequence[Numbers | None]) -> list[Look | None]:
    return [
        None if given is None
        else _one(sheets.grid, sheet, given, sheets.first) if np.isfinite(sheet.high).any()
        else blank(sheets.grid.days, Why.NO_LIMIT)
        for sheet, given in zip(sheets.sheets, numbers, strict=True)
    ]  # fmt: skip


SURVEY = Survey(
    name="status_abuse",
    parameters=(
        number("days", 14, 80), number("near", 0.1, 1), number("p", 1e-12, 0.5), number("monthly", 1, 100),
    ),
    explanations=("status_abuse",),
    by_count=True,
    look=_look,
)  # fmt: skip
