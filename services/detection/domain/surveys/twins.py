"""Twins: two outlets 排口 that report one source, as it is or scaled and shifted.

Levels of two honest outlets may follow one load; their changes from sample to sample do not agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from services.detection.domain.surveys.finding import (
    Finding,
    Reason,
    Span,
    Unjudged,
    require,
    require_positive,
    too_few,
)
from services.detection.domain.surveys.series import Series, breaks, join, mean_ranks, pearson


@dataclass(frozen=True)
class Settings:
    """`likeness` of first differences from which two series are one, by value and by rank.

    A configurable default. Guards: pairs of differences, and the share of them that are not both zero.
    """

    likeness: float = 0.99
    least_points: int = 100
    least_moving: float = 0.5

    def __post_init__(self) -> None:
        require_positive(likeness=self.likeness, least_points=self.least_points, least_moving=self.least_moving)
        require(self.likeness <= 1, "likeness", "must be at most 1")


@dataclass(frozen=True, kw_only=True)
class Twins(Finding):
    """`statistic` is the lower of linear and rank correlation of changes, so that one spike makes no twins.

    `points` are pairs of changes; `scale` and `shift` turn the first series into the second.
    """

    scale: float = math.nan
    shift: float = math.nan


def survey_twins(one: Series, other: Series, interval: float, settings: Settings | None = None) -> Twins:
    """Judge whether two series sampled every `interval` seconds are one, at the same moments."""
    settings = settings or Settings()
    t, a, b = join(one, other)
    span = Span(int(t[0]), int(t[-1])) if len(t) else None
    follows = ~breaks(t, interval)[1:]
    up, along = np.diff(a)[follows], np.diff(b)[follows]
    points = len(up)
    unjudged = too_few(points, settings.least_points)
    moving = float(np.mean((up != 0) | (along != 0))) if points else 0.0
    if not unjudged and (moving < settings.least_moving or not np.ptp(up) or not np.ptp(along)):
        unjudged = Unjudged(Reason.NO_VARIATION, moving, settings.least_moving)
    if unjudged:
        return Twins(span=span, points=points, unjudged=unjudged)
    likeness = min(pearson(up, along), pearson(mean_ranks(up), mean_ranks(along)))
    scale = float(np.cov(up, along)[0, 1] / up.var(ddof=1))
    return Twins(
        span=span,
        points=points,
        statistic=likeness,
        reference=settings.likeness,
        found=likeness >= settings.likeness,
        scale=scale,
        shift=float(np.median(b - scale * a)),
    )
