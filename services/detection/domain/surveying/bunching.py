"""Shaved peaks as a rule: see `surveys.bunching`. Computed values are looked at too: limits are theirs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from services.detection.domain.surveying.definition import Look, Numbers, Survey, Why, blank, number
from services.detection.domain.surveying.sheet import Grid, Sheet, Sheets
from services.detection.domain.surveying.weekly import Answer, by_week
from services.detection.domain.surveys.bunching import Settings, survey_bunching
from services.detection.domain.surveys.series import make_series


def _one(grid: Grid, sheet: Sheet, numbers: Numbers, first: int) -> Look:
    def ask(slots: slice) -> Answer:
        limit = sheet.high[slots][np.isfinite(sheet.high[slots])]
        if not len(limit) or limit[-1] <= 0.0:
            return Answer(found=False, value=math.nan, reference=math.nan, points=0, why=Why.NO_LIMIT)
        # A limit that changed within the window was another line to stay below.
        v = sheet.v[slots] / sheet.high[slots]
        series = make_series(np.arange(len(v)) * grid.step, v)
        settings = Settings(z=numbers["z"], above_share=numbers["above_share"])
        finding = survey_bunching(series, 1.0, settings)
        if finding.unjudged is not None:
            return Answer(found=False, value=math.nan, reference=settings.z, points=finding.points, why=Why.TOO_FEW)
        return Answer(finding.found, float(finding.below), finding.below_expected, finding.points)

    return by_week(grid, first, int(numbers["days"]), ask)


def _look(sheets: Sheets, numbers: Sequence[Numbers | None]) -> list[Look | None]:
    return [
        None if given is None
        else _one(sheets.grid, sheet, given, sheets.first) if np.isfinite(sheet.high).any()
        else blank(sheets.grid.days, Why.NO_LIMIT)
        for sheet, given in zip(sheets.sheets, numbers, strict=True)
    ]  # fmt: skip


SURVEY = Survey(
    name="bunching",
    parameters=(number("days", 14, 80), number("z", 1, 1000), number("above_share", 0, 1)),
    explanations=("bunching",),
    look=_look,
)
