"""Digit report 末位数字: how often each last digit is reported, beside what the survey says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.surveys.last_digit import LastDigit, Settings, count_digits, survey_last_digit
from services.detection.domain.surveys.series import Series

FILE = Path(__file__).with_name("digits.yaml")


@dataclass(frozen=True)
class Honest:
    """Of honest series with sd from `low` to before `high` steps (None: without end), the `share` that fires."""

    low: float
    high: float | None
    share: float


@cache
def honest_shares() -> tuple[Honest, ...]:
    """How often honest data fire, by spread; the source is in the file."""
    rows = yaml.safe_load(FILE.read_text(encoding="utf-8"))["honest"]
    return tuple(Honest(float(row["low"]), row["high"], float(row["share"])) for row in rows)


@dataclass(frozen=True)
class Digits:
    """`counts` of the digits 0 to 9 after repeats, None where the resolution is not known; also where not judged."""

    judged: LastDigit
    counts: Integers | None


def report_digits(series: Series, step: float | None = None, settings: Settings | None = None) -> Digits:
    """The digits of one series, reported in steps of `step` (found from the values when None)."""
    judged = survey_last_digit(series, step, settings)
    return Digits(judged, None if judged.step is None else count_digits(series, judged.step))


def pooled_shares(reports: Sequence[Digits]) -> Floats | None:
    """Mean share (10,) of each digit over the series that could be judged, each counted once; None without any."""
    shares = [
        report.counts / report.counts.sum()
        for report in reports
        if report.judged.unjudged is None and report.counts is not None
    ]
    return np.asarray(np.mean(shares, axis=0), dtype=np.float64) if shares else None
