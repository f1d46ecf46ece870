"""Similar episodes 相似异常: how far another anomaly is from one, by shape, rule, factor and duration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.detection.domain.compiled import Floats
from services.detection.domain.mining.shapes import SLACK, Fit, Frame, fit, normalised, shape_of
from services.detection.domain.surveys.finding import Unjudged, require, require_positive
from services.detection.domain.surveys.series import Series


@dataclass(frozen=True)
class Weights:
    """What each part adds to a distance; together 1. Defaults of the product, without a source beyond that.

    `octaves`: durations that differ by this many doublings are as far apart as can be.
    """

    shape: float = 0.6
    rule: float = 0.15
    factor: float = 0.1
    duration: float = 0.15
    octaves: float = 4.0

    def __post_init__(self) -> None:
        require_positive(**vars(self))
        require(abs(self.shape + self.rule + self.factor + self.duration - 1) < 1e-9, "weights", "must add up to 1")  # noqa: PLR2004


@dataclass(frozen=True)
class Facts:
    """What an anomaly's record says of it; `duration` in seconds, above zero."""

    rule: str
    nature: str
    factor: str
    duration: float


@dataclass(frozen=True)
class Parts:
    """Distances from 0 to 1: `rule` 0 the same, 0.5 another of its nature; `shape` None where it does not count."""

    rule: float
    factor: float
    duration: float
    shape: float | None = None


@dataclass(frozen=True)
class Shape:
    """An episode with its frame and the values over it, or why there are none."""

    frame: Frame
    values: Floats | Unjudged


@dataclass(frozen=True)
class Likeness:
    """How near another episode is: total `distance`, its `parts`, and its values at the best fit.

    `shift` in seconds: how much later in its frame the other one fits best.
    """

    distance: float
    parts: Parts
    shift: float = 0.0
    values: Floats | None = None
    unjudged: Unjudged | None = None


def facts_apart(one: Facts, other: Facts, weights: Weights) -> Parts:
    """The parts that need no readings."""
    rule = 0.0 if one.rule == other.rule else 0.5 if one.nature == other.nature else 1.0
    octaves = abs(math.log2(max(one.duration, 1.0) / max(other.duration, 1.0)))
    return Parts(rule, 0.0 if one.factor == other.factor else 1.0, min(1.0, octaves / weights.octaves))


def least_distance(parts: Parts, weights: Weights, *, with_shape: bool) -> float:
    """The distance where the shapes agree: none can be nearer, whatever its readings are."""
    total = weights.rule * parts.rule + weights.factor * parts.factor + weights.duration * parts.duration
    return total if with_shape else total / (1 - weights.shape)


def compare(one: Shape, other: Frame, series: Series, interval: float, parts: Parts, weights: Weights) -> Likeness:
    """Hold another episode, of which `series` are the readings around it, against `one`.

    Where `one` has no shape, only the other parts count; where only the other has none, it counts as unrelated.
    """
    if isinstance(one.values, Unjudged):
        return Likeness(least_distance(parts, weights, with_shape=False), parts, unjudged=one.values)
    wider = shape_of(series, other, interval, SLACK)
    if isinstance(wider, Unjudged):
        # Without slack it may still be whole: at the ends of what there is.
        wider = shape_of(series, other, interval)
    least = least_distance(parts, weights, with_shape=True)
    if isinstance(wider, Unjudged):
        return Likeness(least + weights.shape, Parts(parts.rule, parts.factor, parts.duration, 1.0), unjudged=wider)
    best = fit(one.values, wider)
    whole = Parts(parts.rule, parts.factor, parts.duration, best.distance)
    shown = _shown(wider, best, one.values)
    return Likeness(least + weights.shape * best.distance, whole, best.shift * other.step, shown)


def _shown(wider: Floats, best: Fit, over: Floats) -> Floats:
    """The place of the best fit, on the scale of the part that was compared."""
    first = (len(wider) - len(over)) // 2 + best.shift
    return normalised(wider[first : first + len(over)], np.isfinite(over))


def is_settled(kept: Sequence[float], wanted: int, next_least: float) -> bool:
    """Whether no further candidate can be among the `wanted` nearest, of which distances ascending are `kept`."""
    return len(kept) >= wanted and kept[wanted - 1] <= next_least
