"""How far an outlet has departed from its own past: of two that report one source, the copy has.

Three things are an outlet's own: how its pollutants follow its other meters, in which hours its analyser has news, and
the texture of its steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.detection.domain.compiled import Floats

LEAD_DAYS = 12
"""The past ends so long before the night, so that a week or more of one source is not part of it."""
PARTS = 7
"""Windows of the past."""
LEAST_POINTS = 30
USUAL_BOUND, USUAL_RHYTHM = 0.1, 0.1
CLEAR = 0.3
"""Evidence from which it is known who copied; configurable defaults set against the virtual park."""
FLOOR = 0.01
"""Least variance of a figure of texture."""
ROBUST = 1.4826


@dataclass(frozen=True)
class Portrait:
    """One window of an outlet: R² of its pollutants' steps on those of its other meters, NaN = cannot be said; share
    of hours without news by hour of the day; four figures of texture a factor.
    """

    bound: float
    rhythm: Floats
    texture: Floats


def evidence(one: Mapping[str, Floats], other: Mapping[str, Floats], shared: Sequence[str], when: Window) -> float:
    """Above zero where the first of two outlets is the one that departed from its past, below where the other is; NaN
    or near zero where it cannot be known. Outlets are given as values by factor, `shared` the factors of the source.
    """
    return float(_departure(one, shared, when) - _departure(other, shared, when))


@dataclass(frozen=True)
class Window:
    """The last `length` slots before slot `end` of a grid with `per_day` slots a day."""

    end: int
    length: int
    per_day: int

    def past(self) -> list[Window]:
        """Windows before, those that begin in the grid, the latest first."""
        last = self.end - LEAD_DAYS * self.per_day
        days = -(-self.length // self.per_day) * self.per_day
        ends = [last - part * days for part in range(PARTS)]
        return [Window(end, self.length, self.per_day) for end in ends if end - self.length > 0]


def _departure(values: Mapping[str, Floats], shared: Sequence[str], when: Window) -> float:
    now = _portrait(values, shared, when)
    past = [_portrait(values, shared, one) for one in when.past()]
    past = [one for one in past if np.isfinite(one.texture).all()]
    if not past or not np.isfinite(now.texture).all():
        return float("nan")
    bounds = [one.bound for one in past if np.isfinite(one.bound)]
    loosened = max(0.0, float(np.median(bounds)) - now.bound) if bounds and np.isfinite(now.bound) else 0.0
    rhythm = float(np.mean(np.abs(now.rhythm - np.median([one.rhythm for one in past], axis=0))))
    # Medians, because an event of the past may lie in some of its windows.
    textures = np.stack([one.texture for one in past])
    usual = np.median(textures, axis=0)
    spread = ROBUST * np.median(np.abs(textures - usual), axis=0)
    apart = (now.texture - usual) ** 2 / (spread**2 + FLOOR)
    return loosened / USUAL_BOUND + rhythm / USUAL_RHYTHM + float(np.sqrt(apart.mean()))


def _portrait(values: Mapping[str, Floats], shared: Sequence[str], when: Window) -> Portrait:
    part = slice(max(0, when.end - when.length), when.end)
    cut = {factor: v[part] for factor, v in values.items()}
    steps = {factor: np.diff(v) for factor, v in cut.items()}
    meters = [step for factor, step in steps.items() if factor not in shared]
    bounds = [_explained(steps[factor], meters) for factor in shared]
    hours = np.stack([_still(steps[factor], when.per_day) for factor in shared])
    figures = [figure for factor in shared for figure in _texture(cut[factor], steps[factor])]
    return Portrait(float(np.mean(bounds)), hours.mean(axis=0), np.array(figures))


def _explained(step: Floats, meters: Sequence[Floats]) -> float:
    """R² of steps on those of other meters, NaN where too few are known."""
    moving = [one for one in meters if np.isfinite(one).mean() >= 0.5 and np.nanstd(one) > 0.0]  # noqa: PLR2004
    if not moving:
        return float("nan")
    table = np.stack([step, *moving], axis=1)
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) < LEAST_POINTS + len(moving):
        return float("nan")
    table = table - table.mean(axis=0)
    left, right = table[:, 0], table[:, 1:]
    total = float(left @ left)
    if total <= 0.0:
        return float("nan")
    rest = left - right @ np.linalg.lstsq(right, left, rcond=None)[0]
    return 1.0 - float(rest @ rest) / total


def _still(step: Floats, per_day: int) -> Floats:
    """Share of steps of zero by slot of the day, 0 where none is known."""
    place = np.arange(len(step)) % per_day
    known = np.isfinite(step)
    count = np.bincount(place, known, per_day)
    still: Floats = np.bincount(place, known & (step == 0.0), per_day) / np.maximum(count, 1.0)
    return still


def _texture(v: Floats, step: Floats) -> tuple[float, float, float, float]:
    """Logarithm of the steps' spread to the level, how they follow the last two, and how peaked they are."""
    known = np.isfinite(step)
    level = float(np.median(v[np.isfinite(v)])) if np.isfinite(v).any() else 0.0
    spread = float(step[known].var()) if known.sum() >= LEAST_POINTS else 0.0
    if spread <= 0.0 or level <= 0.0:
        return (float("nan"),) * 4
    moved = np.where(known, step - step[known].mean(), 0.0)
    lags = [float(moved[lag:] @ moved[:-lag]) / (spread * float(known.sum())) for lag in (1, 2)]
    peaked = float(np.log(np.abs(step[known]).mean() / np.sqrt(spread) + 1e-3))
    return float(np.log(np.sqrt(spread) / level)), lags[0], lags[1], peaked
