"""Day means 日均值 derived from what was sent, against the limits of a day: a logger that sends none is judged too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.detection.domain.duties.breach import Breach
from shared.contracts.ingest.means import MeanOut, MeanState

DAY = timedelta(days=1)
ROUNDING = 1e-9
"""A mean of equal values is no exceedance by its rounding."""

Limits = Callable[[UUID, str, datetime], tuple[float | None, float | None]]
"""Lower and upper limit of a day for a factor of an outlet at a time; None where there is none."""


def find(means: Mapping[UUID, Sequence[MeanOut]], limits: Limits) -> list[Breach]:
    """Valid day means over or under their limit; gas by the converted concentration 折算值 where there is one."""
    found = []
    for outlet_id, listed in means.items():
        for one in listed:
            value = one.value if one.converted is None else one.converted
            lower, upper = limits(outlet_id, one.factor, one.at)
            if one.state is not MeanState.VALID or value is None:
                continue
            if upper is not None and value > upper + ROUNDING * abs(upper):
                found.append(Breach(outlet_id, one.factor, one.at, one.at + DAY, value, upper))
            elif lower is not None and value < lower - ROUNDING * abs(lower):
                found.append(Breach(outlet_id, one.factor, one.at, one.at + DAY, value, lower))
    return found
