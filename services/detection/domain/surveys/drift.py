"""Drift 漂移 of zero and span check values: a robust slope, and a cumulated sum that sees small shifts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.surveys.finding import (
    Finding,
    Reason,
    Span,
    Unjudged,
    require,
    require_positive,
    too_few,
)
from services.detection.domain.surveys.series import Series

_DAY = 86400.0
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Settings:
    """CUSUM of k and h in units of sigma, the usual 0.5 and 5: sees a shift of one sigma in ten checks.

    Checks that only scatter pass h once in some 465 by chance, so judge months of checks, not years.
    `sigma` is taken from the first `learn` checks when None; slopes are of at most `most_points` checks,
    longer series are thinned to medians of neighbours.
    """

    k: float = 0.5
    h: float = 5.0
    learn: int = 20
    least_points: int = 25
    most_points: int = 1000

    def __post_init__(self) -> None:
        require_positive(**vars(self))
        require(3 <= self.learn < self.least_points, "learn", "must be 3 or more and below least_points")  # noqa: PLR2004


@dataclass(frozen=True, kw_only=True)
class Drift(Finding):
    """`statistic` is the highest CUSUM in sigma on either side, `reference` h.

    `slope` in units of the value per day (Theil-Sen); `alarm` the span from where the sum last left zero to
    the check at which it passed h; `upward` its direction.
    """

    slope: float = math.nan
    sigma: float = math.nan
    alarm: Span | None = None
    upward: bool = False


def survey_drift(checks: Series, target: float, sigma: float | None = None, settings: Settings | None = None) -> Drift:
    """Judge check values against `target`, the value of the gas or solution checked with.

    `sigma` is the ordinary scatter of a check in the same unit. Raises SurveyInputError for a target that
    is no finite number or a sigma not above zero.
    """
    settings = settings or Settings()
    require(math.isfinite(target), "target", "must be a finite number")
    if sigma is not None:
        require_positive(sigma=sigma)
    points = len(checks)
    few = too_few(points, settings.least_points)
    if few:
        return Drift(span=checks.span, points=points, unjudged=few)
    slope = theil_sen(checks.t, checks.v, int(settings.most_points))
    scatter = float(checks.v[: settings.learn].std(ddof=1)) if sigma is None else sigma
    # The sd of equal numbers may be a rounding error above zero.
    if scatter <= _ROUNDING * float(np.abs(checks.v).max()):
        flat = Unjudged(Reason.NO_VARIATION, scatter, 0)
        return Drift(span=checks.span, points=points, unjudged=flat, slope=slope)
    z = (checks.v - target) / scatter
    up, down = _cusum(z - settings.k), _cusum(-z - settings.k)
    high = np.maximum(up, down)
    passed = np.flatnonzero(high > settings.h)
    alarm, upward = None, False
    if len(passed):
        at = int(passed[0])
        upward = bool(up[at] >= down[at])
        zero = np.flatnonzero((up if upward else down)[: at + 1] <= 0)
        first = int(zero[-1]) + 1 if len(zero) else 0
        alarm = Span(int(checks.t[first]), int(checks.t[at]))
    return Drift(
        span=checks.span,
        points=points,
        statistic=float(high.max()),
        reference=settings.h,
        found=alarm is not None,
        slope=slope,
        sigma=scatter,
        alarm=alarm,
        upward=upward,
    )


def theil_sen(t: Integers, v: Floats, most_points: int = 1000) -> float:
    """Median of the slopes of all pairs, per day."""
    days = (t - t[0]) / _DAY
    if len(t) > most_points:
        parts = np.array_split(np.arange(len(t)), most_points)
        days = np.array([np.median(days[part]) for part in parts])
        v = np.array([np.median(v[part]) for part in parts])
    one, other = np.triu_indices(len(days), 1)
    return float(np.median((v[other] - v[one]) / (days[other] - days[one])))


def _cusum(steps: Floats) -> Floats:
    """Sum that never falls below zero: the walk less its lowest point so far."""
    walk = np.cumsum(steps)
    return walk - np.minimum(0.0, np.minimum.accumulate(walk))
