"""Peers 同行业比对: how one factor is distributed at each outlet of a trade, and which outlet stands apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.detection.domain.compiled import Floats
from services.detection.domain.surveys.finding import Reason, Span, Unjudged, require_positive, too_few
from services.detection.domain.surveys.series import Series

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_SIGMA = 1.4826
"""From the median of absolute deviations to the standard deviation of a normal distribution."""


@dataclass(frozen=True)
class Settings:
    """`z` beyond which an outlet stands apart (product E2, rule PEER); guards: points a series, and other outlets."""

    z: float = 3.0
    least_points: int = 100
    least_others: int = 4

    def __post_init__(self) -> None:
        require_positive(**vars(self))


@dataclass(frozen=True)
class Peer:
    """One outlet's distribution. `z`: its median from the median of the others' medians, in their robust spread.

    `quantiles` 5, 25, 50, 75, 95 % in the factor's unit; None with `unjudged` where there are too few points. z is
    NaN where the others are too few or all alike, which `unjudged` says while the quantiles stand.
    """

    span: Span | None
    points: int
    quantiles: tuple[float, ...] | None = None
    least: float = math.nan
    greatest: float = math.nan
    mean: float = math.nan
    z: float = math.nan
    found: bool = False
    unjudged: Unjudged | None = None


def report_peers(series: Sequence[Series], settings: Settings | None = None) -> list[Peer]:
    """One peer for each series, in their order; an outlet is held against the others, never against itself."""
    settings = settings or Settings()
    medians = np.array([
        float(np.median(one.v)) if len(one) >= settings.least_points else math.nan for one in series
    ])  # fmt: skip
    return [_peer(one, place, medians, settings) for place, one in enumerate(series)]


def _peer(series: Series, place: int, medians: Floats, settings: Settings) -> Peer:
    points = len(series)
    few = too_few(points, settings.least_points)
    if few:
        return Peer(series.span, points, unjudged=few)
    others = np.delete(medians, place)
    others = others[np.isfinite(others)]
    z, unjudged = _apart(float(medians[place]), others, settings)
    return Peer(
        series.span,
        points,
        tuple(float(value) for value in np.quantile(series.v, QUANTILES)),
        float(series.v.min()),
        float(series.v.max()),
        float(series.v.mean()),
        z,
        abs(z) > settings.z,
        unjudged,
    )


def _apart(median: float, others: Floats, settings: Settings) -> tuple[float, Unjudged | None]:
    if len(others) < settings.least_others:
        return math.nan, Unjudged(Reason.NO_BASELINE, len(others), settings.least_others)
    middle = float(np.median(others))
    spread = _SIGMA * float(np.median(np.abs(others - middle)))
    if spread <= 0:
        return math.nan, Unjudged(Reason.NO_VARIATION, 0, 1)
    return (median - middle) / spread, None
