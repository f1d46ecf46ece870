"""Twin outlets 孪生排口: of many series, the pairs whose changes agree, without comparing every pair in full.

A pair is as alike as the lower of the linear and the rank correlation of its changes (`surveys.twins`). The linear
one of all pairs comes from a few products of matrices; as the likeness cannot be higher, only the best of them are
surveyed in full, and no pair beyond the threshold is missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.detection.domain.compiled import Floats
from services.detection.domain.surveys.series import Series
from services.detection.domain.surveys.twins import Settings, Twins, survey_twins

_LEAST_POINTS = 3


@dataclass(frozen=True)
class TwinPair:
    """Places of two series and what the survey says of them."""

    one: int
    other: int
    judged: Twins


@dataclass(frozen=True)
class TwinPairs:
    """The most alike `pairs`, nearest first. Of `possible` pairs, `compared` had enough common changes.

    `complete`: every pair at or beyond the threshold is among them.
    """

    pairs: tuple[TwinPair, ...]
    possible: int
    compared: int
    complete: bool


def find_twins(
    series: Sequence[Series], interval: float, *, subject: int | None = None, most: int = 40,
    settings: Settings | None = None,
) -> TwinPairs:  # fmt: skip
    """The `most` alike pairs of series sampled every `interval` seconds; with `subject` only those of it, it first."""
    settings = settings or Settings()
    like, counts = _correlations(_changes(series, interval))
    rows, columns = np.triu_indices(len(series), 1)
    if subject is not None:
        columns = np.delete(np.arange(len(series)), subject)
        rows = np.full(len(columns), subject)
    enough = counts[rows, columns] >= settings.least_points
    score = np.where(enough, like[rows, columns], -np.inf)
    score[~np.isfinite(score)] = -np.inf
    order = np.argsort(-score, kind="stable")
    chosen = [int(place) for place in order[:most] if np.isfinite(score[place])]
    pairs = [
        TwinPair(int(rows[place]), int(columns[place]),
                 survey_twins(series[rows[place]], series[columns[place]], interval, settings))
        for place in chosen
    ]  # fmt: skip
    judged = [pair for pair in pairs if pair.judged.unjudged is None]
    judged.sort(key=lambda pair: -pair.judged.statistic)
    rest = order[len(chosen) : len(chosen) + 1]
    complete = not len(rest) or not score[rest[0]] >= settings.likeness - 1e-6
    return TwinPairs(tuple(judged), len(rows), int(np.count_nonzero(enough)), bool(complete))


def _changes(series: Sequence[Series], interval: float) -> Floats:
    """Changes from sample to sample (k, n) on one grid of times; NaN where one of the two is missing."""
    step = int(interval)
    kept = [one for one in series if len(one)]
    if not kept:
        return np.empty((len(series), 0))
    first = min(int(one.t[0]) for one in kept) // step
    last = max(int(one.t[-1]) for one in kept) // step
    grid = np.full((len(series), last - first + 1), np.nan)
    for row, one in enumerate(series):
        grid[row, one.t // step - first] = one.v
    return np.diff(grid, axis=1)


def _correlations(changes: Floats) -> tuple[Floats, npt.NDArray[np.float64]]:
    """Pearson's coefficient of each two rows over the columns both have, and how many those are."""
    present = np.isfinite(changes)
    x = np.where(present, changes, 0.0)
    # Scaled, so that large numbers do not cancel.
    x /= np.maximum(np.abs(x).max(axis=1, initial=0.0), 1e-300)[:, None]
    have = present.astype(np.float64)
    counts = have @ have.T
    sums = x @ have.T
    squares = (x * x) @ have.T
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = squares - sums**2 / counts
        product = x @ x.T - sums * sums.T / counts
        like = product / np.sqrt(spread * spread.T)
    like[counts < _LEAST_POINTS] = np.nan
    return like, counts
