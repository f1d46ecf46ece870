"""Honest events of an outlet and how people mark them: mostly well, now and then late, too long, or not at all.

They are drawn week by week from (seed, outlet, week), so any span of time can be made alone.
"""

from collections.abc import Iterator

import numpy as np

from park.model import DAY, HOUR, PARK_OFFSET
from park.virtual.columns import CALIBRATION, FAULT, MAINTENANCE, NO_RECORD, Mark, OutletPlan

WEEK = 7 * DAY
CALIBRATIONS, UPKEEP, FAULTS, LINK_LOSS, HOLES, OUTLIERS = 1.0, 0.3, 0.04, 0.12, 0.3, 0.08
"""Events a week (chances): product defaults of an orderly operator, not a measured mean."""
LATE, LONG, FORGOTTEN = 0.06, 0.08, 0.03
"""How often a maintenance mark begins late, lasts too long, or is missing."""


def marks(
    plan: OutletPlan, since: int, until: int, monitored: tuple[str, ...], measured: tuple[str, ...]
) -> list[Mark]:
    """Honest events that touch [since, until), in order; `monitored`: all of the station, `measured`: analysers."""
    found: list[Mark] = []
    for week in range(since // WEEK - 1, until // WEEK + 1):
        rng = np.random.default_rng(np.random.SeedSequence([plan.seed, week]))
        found += _week(rng, week * WEEK - PARK_OFFSET, monitored, measured)
    return sorted((mark for mark in found if _last(mark) > since and mark.start < until), key=lambda mark: mark.start)


def _last(mark: Mark) -> int:
    return max(mark.end, mark.shown[1] if mark.shown else 0)


def _week(rng: np.random.Generator, zero: int, monitored: tuple[str, ...], measured: tuple[str, ...]) -> Iterator[Mark]:
    day = int(rng.integers(5))
    start = zero + day * DAY + int(rng.integers(9, 12)) * HOUR
    yield Mark("calibration", start, start + HOUR, (start, start + HOUR), CALIBRATION, measured)
    if rng.random() < UPKEEP:
        yield _upkeep(rng, zero + (day + 1) * DAY + int(rng.integers(9, 15)) * HOUR, measured)
    for chance, kind, flag, low, high in (
        (FAULTS, "fault", FAULT, 4, 30),
        (LINK_LOSS, "link loss", NO_RECORD, 1, 4),
        (HOLES, "hole", NO_RECORD, 1, 3),
        (OUTLIERS, "outlier", 0, 1, 2),
    ):
        start, length = zero + int(rng.integers(7 * 24)) * HOUR, int(rng.integers(low, high)) * HOUR
        one = (measured[int(rng.integers(len(measured)))],)
        size = float(rng.uniform(1.35, 2.2))
        if rng.random() < chance:
            factors = monitored if kind == "link loss" else one
            yield Mark(kind, start, start + length, (start, start + length), flag, factors, size=size)


def _upkeep(rng: np.random.Generator, start: int, measured: tuple[str, ...]) -> Mark:
    end = start + int(rng.integers(2, 6)) * HOUR
    draw, delay, extra = rng.random(), int(rng.integers(1, 3)) * HOUR, int(rng.integers(3, 11)) * HOUR
    shown: tuple[int, int] | None
    if draw < LATE:
        care, shown = "late", (min(start + delay, end - HOUR), end)
    elif draw < LATE + LONG:
        care, shown = "long", (start, end + extra)
    elif draw < LATE + LONG + FORGOTTEN:
        care, shown = "forgotten", None
    else:
        care, shown = "exact", (start, end)
    return Mark("maintenance", start, end, shown, MAINTENANCE, measured, care, float(rng.uniform(0.3, 0.7)))
