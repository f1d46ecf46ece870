"""Shape of an episode: values in and around it on a scale of their own, and how far two shapes are apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.detection.domain.compiled import Floats
from services.detection.domain.surveys.finding import Span, Unjudged, require, require_positive, too_few
from services.detection.domain.surveys.series import Series

POINTS = 64
"""Values of a shape."""
SLACK = 16
"""Values more at either end within which the best fit is sought."""
LEAST_INTERVALS = 48
LEAST_PRESENT = 0.5
_FLAT = 1e-9


@dataclass(frozen=True)
class Frame:
    """The stretch looked at, in epoch seconds: the episode in the middle half of it, `step` seconds a value."""

    start: float
    step: float

    @property
    def end(self) -> float:
        """First moment after it."""
        return self.start + POINTS * self.step

    @property
    def reach(self) -> Span:
        """What must be read: the frame with slack, whole seconds."""
        return Span(math.floor(self.start - SLACK * self.step), math.ceil(self.end + SLACK * self.step))


@dataclass(frozen=True)
class Fit:
    """`distance` of two shapes: 0 the same, 1 unrelated or opposed; `shift` values by which the best fit lies later."""

    distance: float
    shift: int


def frame_of(started: float, ended: float, interval: float, longest: float) -> Frame:
    """The frame of an episode from `started` to `ended` (epoch seconds) of points every `interval` seconds.

    It is twice as long as the episode and at least 48 intervals; of an episode of more than `longest` seconds the
    beginning is looked at.
    """
    require_positive(interval=interval, longest=longest)
    require(ended >= started, "ended", "must not be before started")
    length = min(ended - started, longest)
    wide = max(2 * length, LEAST_INTERVALS * interval)
    return Frame(started + length / 2 - wide / 2, wide / POINTS)


def shape_of(series: Series, frame: Frame, interval: float, slack: int = 0) -> Floats | Unjudged:
    """`POINTS` + 2 `slack` values over the frame: means where points are dense, between neighbours where they are not.

    NaN before the first and after the last point there is. Unjudged where less than half of the points are there.
    """
    start, number = frame.start - slack * frame.step, POINTS + 2 * slack
    end = start + number * frame.step
    inside = (series.t >= start) & (series.t < end)
    t, v = series.t[inside], series.v[inside]
    few = too_few(len(t), max(2.0, LEAST_PRESENT * (end - start) / interval))
    if few:
        return few
    places = np.minimum(((t - start) / frame.step).astype(np.int64), number - 1)
    counts = np.bincount(places, minlength=number)
    sums = np.bincount(places, weights=v, minlength=number)
    filled = np.flatnonzero(counts)
    means = sums[filled] / counts[filled]
    return np.asarray(np.interp(np.arange(number), filled, means, np.nan, np.nan), dtype=np.float64)


def fit(shape: Floats, wider: Floats) -> Fit:
    """Slide `shape` (m,) along `wider` (n >= m,) and take the best place: z-normalised Euclidean distance / sqrt(2 m).

    The distance profile of MASS, by sliding dot products, over the part of `shape` that has values. Two flat
    stretches are alike; a flat one and one that moves are unrelated, and so is one that is not whole.
    """
    require(len(wider) >= len(shape) > 1, "wider", "must not be shorter than the shape")
    there = np.flatnonzero(np.isfinite(shape))
    first, last = int(there[0]), int(there[-1])
    views = np.lib.stride_tricks.sliding_window_view(wider, len(shape))[:, first : last + 1]
    shape, m = shape[first : last + 1], last + 1 - first
    whole = np.asarray(np.isfinite(views).all(axis=1))
    views = np.where(whole[:, None], views, 0.0)
    spread, means = views.std(axis=1), views.mean(axis=1)
    own, mean = float(shape.std()), float(shape.mean())
    flat = spread <= _FLAT * np.maximum(1e-12, np.abs(means))
    if own <= _FLAT * max(1e-12, abs(mean)):
        distances = np.where(flat, 0.0, 1.0)
    else:
        like = views @ ((shape - mean) / own) / (m * np.where(flat, 1.0, spread))
        distances = np.where(flat, 1.0, np.sqrt(np.clip(1 - like, 0.0, 1.0)))
    distances = np.where(whole, distances, 1.0)
    # Of places that fit alike, the one nearest to the middle.
    middle = (len(distances) - 1) // 2
    order = np.lexsort((np.abs(np.arange(len(distances)) - middle), np.round(distances, 9)))
    return Fit(float(distances[order[0]]), int(order[0]) - middle)


def normalised(shape: Floats, over: npt.NDArray[np.bool_] | None = None) -> Floats:
    """Mean 0 and standard deviation 1 of the values there are, or of those `over` names; a flat shape is zeros."""
    part = shape if over is None else shape[over]
    mean, spread = float(np.nanmean(part)), float(np.nanstd(part))
    flat = spread <= _FLAT * max(1e-12, abs(mean))
    return np.asarray((shape - mean) / (1.0 if flat else spread), dtype=np.float64)
