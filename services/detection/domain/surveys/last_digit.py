"""Invented numbers: the last reported digit is not even.

Ranking evidence only. Of honest series that satisfy the guard, from one in nine to one in two fire at
p < 1e-6, because instruments round, scale and average; below the guard nearly all do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.surveys.finding import Finding, Reason, Unjudged, require_positive, too_few
from services.detection.domain.surveys.series import Series, resolution

_DIGITS = 10


@dataclass(frozen=True)
class Settings:
    """`p` below which digits are uneven; guards: points after repeats, and sd in steps of resolution.

    Configurable defaults, set against honest turbine, stack and river series.
    """

    p: float = 1e-6
    least_points: int = 500
    least_spread: float = 30.0

    def __post_init__(self) -> None:
        require_positive(p=self.p, least_points=self.least_points, least_spread=self.least_spread)


@dataclass(frozen=True, kw_only=True)
class LastDigit(Finding):
    """`statistic` is p of chi-square with 9 degrees of freedom, `reference` the p it must be below.

    `entropy` in bits, at most 3.32; `spread` is sd divided by `step`, the resolution.
    """

    chi_square: float = math.nan
    entropy: float = math.nan
    spread: float = math.nan
    step: float | None = None


def survey_last_digit(series: Series, step: float | None = None, settings: Settings | None = None) -> LastDigit:
    """Judge the digits of `series`, reported in steps of `step` (found from the values when None)."""
    settings = settings or Settings()
    if step is not None:
        require_positive(step=step)
    kept = _without_repeats(series)
    points = len(kept)
    step = resolution(kept) if step is None else step
    few = too_few(points, settings.least_points)
    if few or step is None:
        unjudged = few or Unjudged(Reason.NO_RESOLUTION, 0, 1)
        return LastDigit(span=series.span, points=points, unjudged=unjudged, step=step)
    spread = float(kept.std()) / step
    if spread < settings.least_spread:
        coarse = Unjudged(Reason.TOO_COARSE, spread, settings.least_spread)
        return LastDigit(span=series.span, points=points, unjudged=coarse, spread=spread, step=step)
    counts = count_digits(series, step)
    even = points / _DIGITS
    chi_square = float(np.sum((counts - even) ** 2) / even)
    share = counts[counts > 0] / points
    p = chi_square_tail(chi_square)
    return LastDigit(
        span=series.span,
        points=points,
        statistic=p,
        reference=settings.p,
        found=p < settings.p,
        chi_square=chi_square,
        entropy=float(-np.sum(share * np.log2(share))),
        spread=spread,
        step=step,
    )


def count_digits(series: Series, step: float) -> Integers:
    """How often each digit 0 to 9 (10,) is the last one of values in steps of `step`, repeats left out."""
    digits = np.mod(np.rint(np.abs(_without_repeats(series)) / step), _DIGITS).astype(np.int64)
    return np.bincount(digits, minlength=_DIGITS)


def _without_repeats(series: Series) -> Floats:
    kept: Floats = series.v[np.append(True, np.diff(series.v) != 0)[: len(series)]]
    return kept


def chi_square_tail(x: float) -> float:
    """P(chi-square with 9 degrees of freedom > x), in closed form as for every odd number of them."""
    root = math.sqrt(x)
    density = math.exp(-x / 2) / math.sqrt(2 * math.pi)
    return math.erfc(root / math.sqrt(2)) + 2 * density * (root + root**3 / 3 + root**5 / 15 + root**7 / 105)
