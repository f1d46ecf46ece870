"""Bunching report 贴限堆积: values about the limit in bins, with what is expected if nobody shaved them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.mining.reasons import Gap
from services.detection.domain.surveys.bunching import Bunching, Settings, bin_values, expect_counts, survey_bunching
from services.detection.domain.surveys.series import Series


@dataclass(frozen=True)
class Bins:
    """Bins by place: bin 0 begins at the limit, each `Settings.width` of it wide. `expected` (n,) None without a line.

    `judged` is of values divided by the limit of their time, so that its `limit` is 1.
    """

    judged: Bunching
    places: Integers
    counts: Integers
    expected: Floats | None
    zone: Integers


def report_bunching(series: Series, limits: Floats, settings: Settings | None = None) -> Bins | Gap:
    """How values lie about their limits (n,), in their unit, NaN where none holds; limits not above zero do not count.

    Limits may change within the span: each value is held against its own.
    """
    settings = settings or Settings()
    known = np.isfinite(limits) & (limits > 0)
    if not known.any():
        return Gap.NO_LIMIT
    ratios = Series(np.ascontiguousarray(series.t[known]), series.v[known] / limits[known])
    judged = survey_bunching(ratios, 1.0, settings)
    places, counts, zone = bin_values(ratios, 1.0, settings)
    return Bins(judged, places, counts.astype(np.int64), expect_counts(places, counts, zone), places[zone])
