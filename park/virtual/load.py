"""Production load: a share of full load with day and night, shifts, weekends, holidays, overhauls; 0 when stopped."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zlib import crc32

import chinese_calendar
import numpy as np

from park.model import DAY, HOUR, PARK_OFFSET, Times, Values, hash01, wander
from park.virtual.columns import OutletPlan

SHIFT = 8 * HOUR
LONG_HOLIDAY = "Spring Festival"
"""The one holiday on which plants that can stop do stop."""


@cache
def _kind_of_day(day: int) -> float:
    """0 working day, 1 weekend, 2 public holiday, 3 the long holiday; years without a calendar have weekends only."""
    moment = date(1970, 1, 1) + timedelta(days=day)
    try:
        off, name = chinese_calendar.get_holiday_detail(moment)
    except NotImplementedError:
        return float(moment.weekday() >= 5)
    if not off:
        return 0.0
    return 1.0 if name is None else 3.0 if name == LONG_HOLIDAY else 2.0


def _kinds(times: Times) -> Values:
    days, back = np.unique((times + PARK_OFFSET) // DAY, return_inverse=True)
    return np.array([_kind_of_day(int(day)) for day in days])[back]


def _overhauled(plan: OutletPlan, times: Times) -> Values:
    """True during the yearly overhaul, which begins on a day of its own in each calendar year."""
    result = np.zeros(len(times), dtype=bool)
    if not plan.trade.schedule.overhaul or not len(times):
        return result
    years = range(
        datetime.fromtimestamp(int(times[0]), UTC).year - 1, datetime.fromtimestamp(int(times[-1]), UTC).year + 1
    )
    for year in years:
        draw = crc32(f"{plan.seed}/{year}".encode()) / 2**32
        start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) + int((45 + draw * 290) * DAY) // HOUR * HOUR
        result |= (times >= start) & (times < start + plan.trade.schedule.overhaul * DAY)
    return result


def load_at(plan: OutletPlan, times: Times) -> Values:
    """Share of full load at `times`, 0 where production stands still."""
    made = plan.trade.schedule
    hour = ((times + PARK_OFFSET) % DAY) / HOUR
    daily = made.low + (1 - made.low) * (0.5 + 0.5 * np.cos((hour - made.peak) / 24 * 2 * np.pi))
    kinds = _kinds(times)
    weekly = np.choose(kinds.astype(int), [1.0, made.weekend, max(made.holiday, 0.5), made.holiday])
    shift = (hash01(plan.seed + 1, (times + PARK_OFFSET) // SHIFT) * 2 - 1) * made.shift
    slow = 0.05 * wander(plan.seed + 2, times, 5 * DAY) + 0.03 * wander(plan.seed + 3, times, 7 * HOUR)
    quick = 0.012 * wander(plan.seed + 4, times, 90 * 60)
    load = plan.busy * daily * weekly * (1 + shift + slow + quick)
    return np.where(_overhauled(plan, times) | (load < 0.02), 0.0, load)
