"""Replay under noise: a stretch whose shape is an older one, z-normalised, with something added.

The nearest neighbour of every window by an exact matrix profile: along each diagonal the covariance of
two windows is brought forward from one pair to the next, so that a year of hours takes less than a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import boolean, float64, int64

from services.detection.domain.compiled import Floats, Integers, entry, given
from services.detection.domain.surveys.finding import (
    Finding,
    Reason,
    Span,
    Unjudged,
    require,
    require_positive,
    too_few,
)
from services.detection.domain.surveys.replay import Pair
from services.detection.domain.surveys.series import Series, breaks

_FLAT = 1e-9


@dataclass(frozen=True)
class Settings:
    """Windows of `window` values nearer than `nearness` x sqrt(2 window) are copies; a configurable default.

    Two unrelated windows lie sqrt(2 window) apart. Windows that overlap are never compared. A window needs
    `changes` (half of it when None) steps from value to value, and a fourth moment of at most `peaked`
    squared variances: windows that hold little but a start-up peak are all alike. `most_points` bounds the
    quadratic work.
    """

    window: int = 48
    nearness: float = 0.15
    changes: int | None = None
    peaked: float = 6.0
    most_points: int = 20_000

    def __post_init__(self) -> None:
        require(self.window >= 4, "window", "must have four values or more")  # noqa: PLR2004
        require_positive(nearness=self.nearness, peaked=self.peaked, most_points=self.most_points)

    @property
    def distance(self) -> float:
        """Distance below which two windows are one."""
        return self.nearness * math.sqrt(2 * self.window)

    @property
    def least_changes(self) -> int:
        """Steps a window must have to be compared."""
        return (self.window + 1) // 2 if self.changes is None else self.changes


@dataclass(frozen=True, kw_only=True)
class NoisyReplay(Finding):
    """`statistic` is the smallest distance of two windows, `reference` the one it must be below."""

    pairs: tuple[Pair, ...] = ()


def survey_noisy_replay(series: Series, interval: float, settings: Settings | None = None) -> NoisyReplay:
    """Find noisy copies in `series` sampled every `interval` seconds; windows do not reach over gaps."""
    settings = settings or Settings()
    points, window = len(series), settings.window
    apart = breaks(series.t, interval)
    unjudged = too_few(points, 2 * window)
    if points > settings.most_points:
        unjudged = Unjudged(Reason.TOO_MANY, points, settings.most_points)
    if unjudged:
        return NoisyReplay(span=series.span, points=points, unjudged=unjudged)
    means, inverse, fit = _windows(series.v, apart, settings)
    if np.count_nonzero(fit) < 2:  # noqa: PLR2004
        none = Unjudged(Reason.NO_VARIATION, float(np.count_nonzero(fit)), 2)
        return NoisyReplay(span=series.span, points=points, unjudged=none)
    best = np.full(len(means), -2.0)
    nearest = np.full(len(means), -1, dtype=np.int64)
    centred = series.v - float(series.v.mean())
    _profile(centred, means - float(series.v.mean()), inverse, fit, window, best, nearest)
    distances = np.sqrt(np.maximum(0.0, 2 * window * (1 - best)))
    distances[nearest < 0] = np.inf
    _measure_again(series.v, distances, nearest, settings)
    least = float(distances.min())
    return NoisyReplay(
        span=series.span,
        points=points,
        statistic=least,
        reference=settings.distance,
        found=least < settings.distance,
        pairs=_merge(series.t, distances, nearest, settings),
    )


def _windows(
    v: Floats, apart: npt.NDArray[np.bool_], settings: Settings
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Mean, 1 / (sd sqrt m) and fitness of every window, by its first point."""
    window = settings.window
    views = np.lib.stride_tricks.sliding_window_view(v, window)
    means = views.mean(axis=1)
    spread = views.std(axis=1)
    gaps = np.append(0, np.cumsum(apart))
    steps = np.append(0, np.cumsum(np.append(0, np.diff(v) != 0)))
    starts = np.arange(len(means))
    whole = gaps[starts + window] == gaps[starts + 1]
    moving = steps[starts + window] - steps[starts + 1] >= settings.least_changes
    varies = spread > _FLAT * np.maximum(1e-12, np.abs(means))
    scores = (views - means[:, None]) / np.where(varies, spread, 1.0)[:, None]
    fit = whole & moving & varies & (np.mean(scores**4, axis=1) <= settings.peaked)
    inverse = np.where(fit, 1 / np.where(fit, spread, 1.0) / math.sqrt(window), 0.0)
    return means, inverse, fit


@entry(given(float64), given(float64), given(float64), given(boolean), int64, float64[::1], int64[::1])
def _profile(  # noqa: PLR0913
    v: Floats,
    means: Floats,
    inverse: Floats,
    fit: npt.NDArray[np.bool_],
    window: int,
    best: Floats,
    nearest: Integers,
) -> None:
    """Best correlation of every window with an earlier one that does not overlap it, and where that is."""
    number = means.shape[0]
    for lag in range(window, number):
        product = 0.0
        for k in range(window):
            product += (v[k] - means[0]) * (v[lag + k] - means[lag])
        for i in range(number - lag):
            j = i + lag
            if i > 0:
                out, come = i - 1, i + window - 1
                product += (v[come] - means[i]) * (v[come + lag] - means[j - 1]) - (v[out] - means[i]) * (
                    v[out + lag] - means[j - 1]
                )
            if fit[i] and fit[j]:
                like = product * inverse[i] * inverse[j]
                if like > best[j]:
                    best[j] = like
                    nearest[j] = i


def _measure_again(v: Floats, distances: Floats, nearest: Integers, settings: Settings) -> None:
    """Distances of near windows from their values: a covariance carried along a diagonal gathers error."""
    views = np.lib.stride_tricks.sliding_window_view(v, settings.window)
    for at in np.flatnonzero(distances < settings.distance).tolist():
        one, other = views[at], views[int(nearest[at])]
        apart = (one - one.mean()) / one.std() - (other - other.mean()) / other.std()
        distances[at] = math.sqrt(float(apart @ apart))


def _merge(t: Integers, distances: Floats, nearest: Integers, settings: Settings) -> tuple[Pair, ...]:
    """Windows that are near at one lag, one after the other, are one stretch."""
    close = np.flatnonzero(distances < settings.distance)
    if not len(close):
        return ()
    lags = close - nearest[close]
    edges = np.flatnonzero((np.diff(close) != 1) | (np.diff(lags) != 0)) + 1
    pairs = []
    for group in np.split(close, edges):
        first, last, reach = int(group[0]), int(group[-1]), settings.window - 1
        origin = int(nearest[first])
        pairs.append(
            Pair(
                Span(int(t[origin]), int(t[origin + last - first + reach])),
                Span(int(t[first]), int(t[last + reach])),
                last - first + settings.window,
                float(distances[group].min()),
            )
        )
    return tuple(pairs)
