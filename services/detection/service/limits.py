"""The limit 排放限值 in force at each time."""

from datetime import datetime

import numpy as np
import numpy.typing as npt

from services.detection.domain.compiled import Floats, Integers
from services.detection.store import SeriesId
from shared.contracts.ingest import LimitOut, OutletOut, ReadingKind


def limits_at(outlet: OutletOut, one: SeriesId, t: Integers) -> Floats:
    """Lower and upper limit (n, 2), NaN where there is none: day means against day limits, all others against hour's.

    Where two overlap, the one that began later holds.
    """
    averaging = ReadingKind.DAY if one.kind is ReadingKind.DAY else ReadingKind.HOUR
    bounds = np.full((len(t), 2), np.nan)
    for limit in sorted(outlet.limits, key=lambda limit: (limit.valid_from, limit.id)):
        if limit.factor == one.factor and limit.averaging is averaging:
            bounds[_in_force(limit, t)] = [_or_nan(limit.lower), _or_nan(limit.upper)]
    return bounds


def day_limit(outlet: OutletOut, factor: str, at: datetime) -> tuple[float | None, float | None]:
    """Lower and upper limit of a day mean that begins at `at`; None where there is none."""
    held = [
        limit
        for limit in outlet.limits
        if limit.factor == factor
        and limit.averaging is ReadingKind.DAY
        and limit.valid_from <= at
        and (limit.valid_to is None or at < limit.valid_to)
    ]
    last = max(held, key=lambda limit: (limit.valid_from, limit.id), default=None)
    return (last.lower, last.upper) if last else (None, None)


def _in_force(limit: LimitOut, t: Integers) -> npt.NDArray[np.bool_]:
    end = np.inf if limit.valid_to is None else limit.valid_to.timestamp()
    return (t >= limit.valid_from.timestamp()) & (t < end)


def _or_nan(bound: float | None) -> float:
    return np.nan if bound is None else bound
