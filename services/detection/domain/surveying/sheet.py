"""History as surveys read it: series of one outlet on a common grid of whole days in the park."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.detection.domain.checks.definition import Traits
from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.hits import SeriesKey
from services.detection.domain.kernel import Batch
from services.detection.domain.points import NORMAL, UNFLAGGED

DAY = 86_400
ZONE = 28_800
"""Days are those of China Standard Time, UTC+8 all year."""
NO_RECORD = 255
COMPUTED = ("-Zs", "-Cou")
"""Endings of HJ 212: converted values and masses follow what is measured and are not surveyed themselves."""


@dataclass(frozen=True)
class Grid:
    """`days` whole days from `start`, epoch seconds of a midnight in the park, in slots of `step` seconds."""

    start: int
    days: int
    step: int

    @property
    def per_day(self) -> int:
        """Slots a day."""
        return DAY // self.step

    def slots(self, hours: float) -> int:
        """Slots in some hours, one at least."""
        return max(1, round(hours * 3600 / self.step))

    def night(self, place: int) -> int:
        """The midnight that ends day `place`: what was before it is judged then."""
        return self.start + (place + 1) * DAY


@dataclass(frozen=True)
class Sheet:
    """One series on the grid: `v` float64 (n,) measured values, NaN where there is none that counts; `high` (n,)
    upper limit, NaN = none; `flags` uint8 (n,) as they came, 255 where there is no record.
    """

    traits: Traits
    key: SeriesKey
    v: Floats
    high: Floats
    flags: npt.NDArray[np.uint8]

    @property
    def resolution(self) -> float:
        """Smallest step of the reported number, 0 when unknown."""
        return self.traits.resolution or 0.0

    @property
    def computed(self) -> bool:
        """Whether it is computed from other series."""
        return self.traits.factor.endswith(COMPUTED)


@dataclass(frozen=True)
class Sheets:
    """All series of one outlet on one grid; nights before `first` are looked at for what is usual only."""

    grid: Grid
    sheets: tuple[Sheet, ...]
    first: int = 0


def day_of(t: int) -> int:
    """Epoch seconds of the midnight in the park that begins the day of `t`."""
    return (t + ZONE) // DAY * DAY - ZONE


def make_sheets(lines: Sequence[tuple[Traits, SeriesKey, Batch]], span: tuple[int, int] | None = None) -> Sheets | None:
    """Lines of one interval on a grid over `span`, two midnights; when None from the first day with a point to the last
    that is over. None without such a day, or when the interval does not divide a day.

    Of records of one moment the last given stands.
    """
    filled = [batch.t for _, _, batch in lines if len(batch.t)]
    step = int(lines[0][0].interval)
    if DAY % step or (not filled and span is None):
        return None
    if span is None:
        span = day_of(min(int(t.min()) for t in filled)), day_of(max(int(t.max()) for t in filled) + step)
    days = (span[1] - span[0]) // DAY
    if days < 1:
        return None
    grid = Grid(span[0], days, step)
    return Sheets(grid, tuple(_sheet(grid, *line) for line in lines))


def _sheet(grid: Grid, traits: Traits, key: SeriesKey, batch: Batch) -> Sheet:
    slots = grid.days * grid.per_day
    place = (batch.t - grid.start) // grid.step
    inside = (place >= 0) & (place < slots)
    place = place[inside]
    flags = np.full(slots, NO_RECORD, np.uint8)
    flags[place] = batch.flags[inside]
    raw, high = np.full(slots, np.nan), np.full(slots, np.nan)
    raw[place], high[place] = batch.v[inside], batch.limits[inside, 1]
    measured = np.isfinite(raw) & np.isin(flags, (NORMAL, UNFLAGGED))
    return Sheet(traits, key, np.where(measured, raw, np.nan), high, flags)


def before(v: Floats, length: int, nights: Integers, per_day: int) -> Floats:
    """Windows (nights, length) of the slots before the end of each day, NaN where they reach beyond the grid."""
    padded = np.concatenate((np.full(length, np.nan), v))
    views = np.lib.stride_tricks.sliding_window_view(padded, length)
    windows: Floats = views[(nights + 1) * per_day]
    return windows
