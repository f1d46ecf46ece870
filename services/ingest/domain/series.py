"""A chart's data: values on an even grid with gaps, or the least and greatest of buckets where they are too many."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.ingest.domain.columns import Track
from services.ingest.domain.readings import NORMAL
from shared.contracts.ingest import ReadingKind

HOUR, DAY = 3_600, 86_400
DAY_PHASE = 16 * HOUR
"""A day in Beijing begins at 16:00 UTC of the day before."""
LEAST_STEP, USUAL_STEP = 1, 60
"""Seconds between real-time values: at least, and where there are too few to tell."""


class Grid(NamedTuple):
    """Places of an even grid: place i stands at `t0 + i * step` Unix seconds; `size` of them."""

    t0: int
    step: int
    size: int


class Drawn(NamedTuple):
    """What a chart draws; fields as in the contract's `Series`."""

    t0: int
    step: int
    v: list[float | None]
    flags: dict[int, str]
    agg: str


def step_of(kind: ReadingKind, minutes: int, at: NDArray[np.int64]) -> int:
    """Seconds from one value to the next: by kind, or the most frequent distance of real-time values."""
    if kind is ReadingKind.HOUR:
        return HOUR
    if kind is ReadingKind.DAY:
        return DAY
    if kind is ReadingKind.MINUTE:
        return 60 * minutes
    distances = np.diff(at)
    if distances.size == 0:
        return USUAL_STEP
    lengths, counts = np.unique(distances, return_counts=True)
    return max(LEAST_STEP, int(lengths[counts.argmax()]))


def grid_of(kind: ReadingKind, step: int, since: int, until: int, at: NDArray[np.int64]) -> Grid:
    """The grid from `since` to before `until`, laid so that whole periods, or the first real-time value, fall on it."""
    phase = DAY_PHASE if kind is ReadingKind.DAY else 0
    if kind is ReadingKind.REALTIME and at.size:
        phase = int(at[0])
    t0 = since + (phase - since) % step
    return Grid(t0, step, max(0, -((t0 - until) // step)))


def draw(track: Track, grid: Grid, max_points: int) -> Drawn:
    """The track on the grid; as pairs (least, greatest) of buckets where the grid has more than `max_points` places.

    A value between two places stands on the one before it; of two on one place the later is drawn.
    """
    place = (track.at - grid.t0) // grid.step
    inside = (place >= 0) & (place < grid.size)
    if grid.size > max_points:
        return _envelope(place[inside], track.value[inside], grid, max_points)
    values = np.full(grid.size, np.nan)
    values[place[inside]] = track.value[inside]
    flags = {int(place[i]): track.flags[i] for i in range(len(track.flags)) if track.flags[i] != NORMAL and inside[i]}
    return Drawn(grid.t0, grid.step, _gaps(values), flags, "raw")


def _envelope(place: NDArray[np.int64], value: NDArray[np.float64], grid: Grid, max_points: int) -> Drawn:
    wide = -(-grid.size // (max_points // 2))
    if wide * grid.step % 2:
        wide += 1  # half a bucket must be whole seconds
    buckets = -(-grid.size // wide)
    known = ~np.isnan(value)
    bucket, value = place[known] // wide, value[known]
    pairs = np.empty((buckets, 2))
    pairs[:, 0], pairs[:, 1] = np.inf, -np.inf
    np.minimum.at(pairs[:, 0], bucket, value)
    np.maximum.at(pairs[:, 1], bucket, value)
    pairs[np.isinf(pairs)] = np.nan
    return Drawn(grid.t0, wide * grid.step // 2, _gaps(pairs.reshape(-1)), {}, "minmax")


def _gaps(values: NDArray[np.float64]) -> list[float | None]:
    numbers: list[float | None] = values.tolist()
    for index in np.flatnonzero(np.isnan(values)):
        numbers[index] = None
    return numbers
