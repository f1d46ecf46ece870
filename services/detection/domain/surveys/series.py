"""History as surveys read it: in order, one number per moment, gaps known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.surveys.finding import Span, require, require_positive

# A magnitude no factor can have; its square would overflow.
_ABSURD = 1e100
_DECIMALS = 6


@dataclass(frozen=True)
class Series:
    """Points of one factor at one outlet, strictly rising in time; made by `make_series`.

    `t` int64 (n,) epoch seconds UTC, `v` float64 (n,) finite. `without_number` readings had none (NaN,
    infinite, or beyond 1e100) and `doubled` were replaced by a later record of the same moment.
    """

    t: Integers
    v: Floats
    without_number: int = 0
    doubled: int = 0

    def __len__(self) -> int:
        return len(self.t)

    @property
    def span(self) -> Span | None:
        """First and last moment, None when empty."""
        return Span(int(self.t[0]), int(self.t[-1])) if len(self.t) else None


def make_series(t: npt.ArrayLike, v: npt.ArrayLike) -> Series:
    """Series from raw columns: sorted by time, of records of one moment the last given stands.

    Raises SurveyInputError for columns of unequal length, of more than one dimension, or not of numbers,
    and for a time that is no whole second.
    """
    times, values = _column("t", t), _column("v", v).astype(np.float64)
    require(len(times) == len(values), "v", f"has {len(values)} values for {len(times)} times")
    whole = bool(np.all(np.isfinite(times)) and np.all(times == np.floor(times)) and np.all(np.abs(times) < 2**53))
    require(whole, "t", "must be whole seconds")
    times = times.astype(np.int64)
    if len(times) > 1 and bool(np.any(np.diff(times) <= 0)):
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
    last = np.append(np.diff(times) > 0, True)[: len(times)]
    doubled = int(len(times) - np.count_nonzero(last))
    known = last & (np.abs(values) < _ABSURD)
    return Series(
        np.ascontiguousarray(times[known]),
        np.ascontiguousarray(values[known]),
        int(np.count_nonzero(last) - np.count_nonzero(known)),
        doubled,
    )


def breaks(t: Integers, interval: float) -> npt.NDArray[np.bool_]:
    """True (n,) where a point does not follow the one before it by one interval, give or take half."""
    require_positive(interval=interval)
    apart = np.ones(len(t), dtype=np.bool_)
    apart[1:] = np.abs(np.diff(t) - interval) > interval / 2
    return apart


def join(one: Series, other: Series) -> tuple[Integers, Floats, Floats]:
    """Moments at which both have a number, and the two numbers."""
    t, here, there = np.intersect1d(one.t, other.t, assume_unique=True, return_indices=True)
    return t, one.v[here], other.v[there]


def resolution(v: Floats) -> float | None:
    """Decimal step in which values are reported: coarsest of 1, 0.1 … 1e-6 that 99 % of them keep to.

    None when none fits or there is no value.
    """
    for decimals in range(_DECIMALS + 1) if len(v) else ():
        scaled = v * 10.0**decimals
        off = np.abs(scaled - np.rint(scaled)) > 1e-6 * np.maximum(1.0, np.abs(scaled) * 1e-6)
        if np.count_nonzero(off) <= 0.01 * len(v):
            return float(10.0**-decimals)
    return None


def mean_ranks(values: Floats) -> Floats:
    """Ranks (n,) from 0, equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    return np.asarray((ends - (count + 1) / 2.0)[place], dtype=np.float64)


def pearson(one: Floats, other: Floats) -> float:
    """Correlation coefficient; NaN where one of them does not vary."""
    a, b = one - one.mean(), other - other.mean()
    scale = float(np.sqrt(a @ a) * np.sqrt(b @ b))
    return float(a @ b) / scale if scale > 0 else float("nan")


def _column(field: str, given: npt.ArrayLike) -> npt.NDArray[Any]:
    column = np.asarray(given)
    require(column.ndim == 1, field, f"must have one dimension, not {column.ndim}")
    require(column.dtype.kind in "iuf" or column.size == 0, field, f"must be numbers, not {column.dtype}")
    return column if column.size else np.empty(0)
