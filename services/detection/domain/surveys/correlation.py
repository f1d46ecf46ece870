"""Lost correlation: a factor stops following another that it used to follow (heat and load, load and NOx).

There is no threshold for all plants: honest pairs have medians from 0.4 to 0.9. A pair is held against the
lowest hundredth of its own past, and must be below it in two windows without a common hour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.surveys.finding import Finding, Reason, Span, Unjudged, require, require_positive
from services.detection.domain.surveys.series import Series, join, mean_ranks, pearson


@dataclass(frozen=True)
class Settings:
    """Windows of `window` seconds begin every `stride` seconds; configurable defaults.

    A window counts with `coverage` of its samples; the past needs `least_windows` of them.
    """

    window: int = 168 * 3600
    stride: int = 24 * 3600
    interval: int = 3600
    quantile: float = 0.01
    coverage: float = 0.75
    least_windows: int = 30

    def __post_init__(self) -> None:
        require_positive(**vars(self))
        require(self.quantile < 1, "quantile", "must be below 1")
        require(self.coverage <= 1, "coverage", "must be at most 1")


@dataclass(frozen=True, kw_only=True)
class Correlation(Finding):
    """`statistic` is the lowest Spearman coefficient of a window, `reference` the quantile of the past.

    `points` are moments with both numbers. `low` are disjoint windows below the reference.
    """

    low: tuple[Span, ...] = ()
    windows: int = 0


def survey_correlation(
    pair: tuple[Series, Series], past: tuple[Series, Series], settings: Settings | None = None
) -> Correlation:
    """Hold the rolling rank correlation of `pair` against that of `past`, an honest stretch of the same two."""
    settings = settings or Settings()
    t, one, other = join(*pair)
    span = Span(int(t[0]), int(t[-1])) if len(t) else None
    starts, values = rolling_spearman(t, one, other, settings)
    _, own = rolling_spearman(*join(*past), settings)
    unjudged = None
    if len(own) < settings.least_windows:
        unjudged = Unjudged(Reason.NO_BASELINE, len(own), settings.least_windows)
    elif len(values) < 2:  # noqa: PLR2004 - two windows are asked for
        unjudged = Unjudged(Reason.TOO_FEW, len(values), 2)
    if unjudged:
        return Correlation(span=span, points=len(t), unjudged=unjudged, windows=len(values))
    reference = float(np.quantile(own, settings.quantile))
    low: list[Span] = []
    for start in starts[values < reference].tolist():
        if not low or start > low[-1].end:
            low.append(Span(start, start + settings.window - settings.interval))
    return Correlation(
        span=span,
        points=len(t),
        statistic=float(values.min()),
        reference=reference,
        found=len(low) >= 2,  # noqa: PLR2004
        low=tuple(low),
        windows=len(values),
    )


def rolling_spearman(t: Integers, one: Floats, other: Floats, settings: Settings) -> tuple[Integers, Floats]:
    """Starts of the windows with enough samples, and their rank correlations.

    A window in which one factor stands still says nothing about following and is left out.
    """
    if not len(t):
        return np.empty(0, dtype=np.int64), np.empty(0)
    # Windows are named by a grid from the first moment; only those that hold a point are looked at.
    grid = np.unique((t - t[0]) // settings.stride) * settings.stride + t[0]
    firsts, ends = np.searchsorted(t, grid), np.searchsorted(t, grid + settings.window)
    enough = ends - firsts >= settings.coverage * settings.window / settings.interval
    starts, values = [], []
    for start, first, end in zip(grid[enough], firsts[enough], ends[enough], strict=True):
        like = pearson(mean_ranks(one[first:end]), mean_ranks(other[first:end]))
        if np.isfinite(like):
            starts.append(int(start))
            values.append(like)
    return np.array(starts, dtype=np.int64), np.array(values, dtype=np.float64)
