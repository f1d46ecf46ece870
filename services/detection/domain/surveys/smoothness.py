"""Smoothing: a filter or a model between the instrument and the report takes the roughness away.

Blind where neighbours are unrelated: a moving average of white noise has ratio 2, like a random walk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from services.detection.domain.compiled import Floats
from services.detection.domain.surveys.finding import Finding, Reason, Unjudged, require_positive, too_few
from services.detection.domain.surveys.series import Series, breaks


@dataclass(frozen=True)
class Settings:
    """Both must be undercut: the ratio `absolute`, and `relative` times the series' own baseline.

    White noise has 3, a random walk 2, honest series 1 to 3, a 5-point moving average 0.66; defaults are
    configurable. `least_points` second differences on each side.
    """

    absolute: float = 0.8
    relative: float = 0.6
    least_points: int = 100

    def __post_init__(self) -> None:
        require_positive(absolute=self.absolute, relative=self.relative, least_points=self.least_points)


@dataclass(frozen=True, kw_only=True)
class Smoothness(Finding):
    """`statistic` is Var(second differences) / Var(first differences), `reference` what it must be below."""

    baseline: float = math.nan


def survey_smoothness(
    series: Series, baseline: Series, interval: float, settings: Settings | None = None
) -> Smoothness:
    """Hold the roughness of `series` against that of `baseline`, an earlier stretch of the same factor."""
    settings = settings or Settings()
    first, second = _differences(series, interval)
    own_first, own_second = _differences(baseline, interval)
    points = len(second)
    unjudged = too_few(points, settings.least_points)
    if not unjudged and len(own_second) < settings.least_points:
        unjudged = Unjudged(Reason.NO_BASELINE, len(own_second), settings.least_points)
    if not unjudged and not (_varies(first) and _varies(own_first)):
        unjudged = Unjudged(Reason.NO_VARIATION, 0, 1)
    if unjudged:
        return Smoothness(span=series.span, points=points, unjudged=unjudged)
    ratio, own = float(second.var() / first.var()), float(own_second.var() / own_first.var())
    reference = min(settings.absolute, settings.relative * own)
    return Smoothness(
        span=series.span, points=points, statistic=ratio, reference=reference, found=ratio < reference, baseline=own
    )


def _differences(series: Series, interval: float) -> tuple[Floats, Floats]:
    """First and second differences that do not reach over a gap."""
    follows = ~breaks(series.t, interval)[1:]
    first = np.diff(series.v)
    return first[follows], np.diff(first)[follows[1:] & follows[:-1]]


def _varies(differences: Floats) -> bool:
    return float(np.ptp(differences)) > 0
