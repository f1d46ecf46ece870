"""Shaved peaks: too many values just below the limit 排放限值 and too few just above it.

A plain count of below against above is no test: densities fall steeply on honest data. Here the density
is continued through the limit as a straight line of log counts, from bins on both sides of the zone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.surveys.finding import Finding, Reason, Unjudged, require, require_positive, too_few
from services.detection.domain.surveys.series import Series

_LEAST_FILLED = 3


@dataclass(frozen=True)
class Settings:
    """`z` and `above_share` must both be passed; configurable defaults, set against honest stack data.

    `width` of a bin as share of the limit; `donors` bins each side carry the line; `above` bins over the
    limit are where shaved values came from, one bin under it is where they went.
    """

    z: float = 30.0
    above_share: float = 0.2
    width: float = 0.02
    donors: int = 5
    above: int = 3
    least_points: int = 30

    def __post_init__(self) -> None:
        require_positive(**vars(self))
        require(self.width * (self.donors + 1) < 1, "width", "the bins below the limit reach zero")


@dataclass(frozen=True, kw_only=True)
class Bunching(Finding):
    """`statistic` is z of the excess in the bin just below the limit, `reference` the z it must pass.

    `points` are those in the bins looked at; `below`, `above` counts and what the line expects there.
    """

    limit: float
    below: int = 0
    below_expected: float = math.nan
    above: int = 0
    above_expected: float = math.nan


def survey_bunching(series: Series, limit: float, settings: Settings | None = None) -> Bunching:
    """Judge how values lie about `limit`, in their unit. Raises SurveyInputError for a limit not above zero."""
    settings = settings or Settings()
    require_positive(limit=limit)
    places, counts, zone = bin_values(series, limit, settings)
    points = int(counts.sum())
    few = too_few(points, settings.least_points)
    if few:
        return Bunching(span=series.span, points=points, unjudged=few, limit=limit)
    expected = expect_counts(places, counts, zone)
    if expected is None:
        none = Unjudged(Reason.NO_BASELINE, float(np.count_nonzero(counts[~zone])), _LEAST_FILLED)
        return Bunching(span=series.span, points=points, unjudged=none, limit=limit)
    over = zone & (places >= 0)
    below, below_expected = float(counts[places == -1][0]), float(expected[places == -1][0])
    above, above_expected = float(counts[over].sum()), float(expected[over].sum())
    z = (below - below_expected) / math.sqrt(max(below_expected, 1.0))
    return Bunching(
        span=series.span,
        points=points,
        statistic=z,
        reference=settings.z,
        found=z > settings.z and above < settings.above_share * above_expected,
        limit=limit,
        below=int(below),
        below_expected=below_expected,
        above=int(above),
        above_expected=above_expected,
    )


def bin_values(series: Series, limit: float, settings: Settings) -> tuple[Integers, Floats, npt.NDArray[np.bool_]]:
    """Places of the bins (n,), 0 the first above the limit, counts in them, and which are in the zone."""
    first, last = -(settings.donors + 1), settings.above + settings.donors
    # A value at the limit keeps it, so that bins are open below and closed above.
    bins = np.ceil((series.v / limit - 1) / settings.width - 1e-9) - 1
    inside = bins[(bins >= first) & (bins < last)].astype(np.int64)
    places = np.arange(first, last)
    counts = np.bincount(inside - first, minlength=last - first).astype(np.float64)
    return places, counts, (places >= -1) & (places < settings.above)


def expect_counts(places: Integers, counts: Floats, zone: npt.NDArray[np.bool_]) -> Floats | None:
    """Expected counts by a straight line through log counts of filled donor bins, weighted by count."""
    use = ~zone & (counts > 0)
    if np.count_nonzero(use) < _LEAST_FILLED:
        return None
    x, y, weight = places[use].astype(np.float64), np.log(counts[use]), counts[use]
    x_mean, y_mean = float(np.average(x, weights=weight)), float(np.average(y, weights=weight))
    slope = float(np.sum(weight * (x - x_mean) * (y - y_mean)) / np.sum(weight * (x - x_mean) ** 2))
    line = np.clip(y_mean + slope * (places - x_mean), -50.0, 50.0)
    return np.asarray(np.exp(line), dtype=np.float64)
