"""Transmission rate 传输率 and validity rate 有效率 of an outlet, from its hour means.

An hour is received when at least one factor came with a value, and valid when every factor that came in it
has a value and a valid flag. An hour is expected from the first reading of the outlet on and once it is over.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from shared.contracts.ingest import Completeness

VALID_FLAGS = ("N", "F")
"""HJ 212-2017 table 8: normal 正常, and source stopped 停运, which is true information. Maintenance M, set by
hand S, fault D, calibration C, over range T and communication B are no valid data (HJ 75, HJ 356)."""
HOUR = timedelta(hours=1)


class HourCounts(NamedTuple):
    """Hours of one outlet in a span. `first_at`: where expectation begins, None without any reading."""

    outlet_id: UUID
    enterprise_id: UUID
    first_at: datetime | None
    received: int
    valid: int


def whole_hour(time: datetime) -> datetime:
    """The first start of an hour that is not before `time`."""
    floor = time.replace(minute=0, second=0, microsecond=0)
    return floor if floor == time else floor + HOUR


def rates(counts: HourCounts, until: datetime, now: datetime) -> Completeness:
    """Rates over the hours from `counts.first_at` that begin before `until` and are over by `now`."""
    expected = 0
    if counts.first_at is not None:
        end = min(whole_hour(until), (now - HOUR).replace(minute=0, second=0, microsecond=0) + HOUR)
        expected = max(0, int((end - whole_hour(counts.first_at)) / HOUR))
    expected = max(expected, counts.received)  # a device whose clock runs ahead sends an hour before it is over
    transmission = counts.received / expected if expected else None
    validity = counts.valid / counts.received if counts.received else None
    if expected and not counts.received:
        validity = 0.0
    return Completeness(
        outlet_id=counts.outlet_id,
        enterprise_id=counts.enterprise_id,
        expected_hours=expected,
        received_hours=counts.received,
        valid_hours=counts.valid,
        transmission=transmission,
        validity=validity,
        tvr=None if transmission is None or validity is None else transmission * validity,
    )
