"""The Chinese working calendar: official holidays and shifted workdays (调休), working hours, deadlines.

The days come from `chinese_calendar` (the State Council's yearly notices). A year that is not yet
published falls back to Monday to Friday, and `is_published` says so, so that `sanse doctor` can warn.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache

import chinese_calendar

from shared.clock import PARK_ZONE

SATURDAY = 5
QUARTER_FORM = re.compile("([0-9]{4})Q([1-4])")


@cache
def is_published(year: int) -> bool:
    """Whether the official list of this year is known."""
    return any(day.year == year for day in chinese_calendar.holidays)


def is_workday(day: date) -> bool:
    """Workday by the official list, make-up days included; Monday to Friday where the year is unknown."""
    if not is_published(day.year):
        return day.weekday() < SATURDAY
    return bool(chinese_calendar.is_workday(day))


@dataclass(frozen=True)
class WorkingHours:
    """Opening time of a working day in park time; no lunch break is counted out."""

    opens: time = time(9, 0)
    closes: time = time(17, 30)

    @property
    def length(self) -> timedelta:
        """Working time of one day."""
        return timedelta(hours=self.closes.hour - self.opens.hour, minutes=self.closes.minute - self.opens.minute)


OFFICE_HOURS = WorkingHours()


def _day_at(day: date, at: time) -> datetime:
    return datetime.combine(day, at, PARK_ZONE)


def next_workday(day: date) -> date:
    """First workday strictly after `day`."""
    day += timedelta(days=1)
    while not is_workday(day):
        day += timedelta(days=1)
    return day


def next_workday_at(moment: datetime, at: time) -> datetime:
    """The time `at` on the first workday after the day of `moment`, aware in the zone of `moment`."""
    local = moment.astimezone(PARK_ZONE)
    return _day_at(next_workday(local.date()), at).astimezone(moment.tzinfo)


def add_workdays(moment: datetime, days: int, hours: WorkingHours = OFFICE_HOURS) -> datetime:
    """End of the `days`-th workday after the day of `moment` (the day itself is not counted).

    Procedural time limits in days count from the next day and end with the day's office hours.
    """
    if days < 1:
        raise ValueError(f"days must be 1 or more, got {days}")
    day = moment.astimezone(PARK_ZONE).date()
    for _ in range(days):
        day = next_workday(day)
    return _day_at(day, hours.closes).astimezone(moment.tzinfo)


def add_working_time(moment: datetime, span: timedelta, hours: WorkingHours = OFFICE_HOURS) -> datetime:
    """`moment` plus `span` of office time; nights, weekends and holidays do not count."""
    local = moment.astimezone(PARK_ZONE)
    left = span
    while True:
        day = local.date()
        if is_workday(day):
            begin = max(local, _day_at(day, hours.opens))
            end = _day_at(day, hours.closes)
            if begin < end:
                if begin + left <= end:
                    return (begin + left).astimezone(moment.tzinfo)
                left -= end - begin
        local = _day_at(day + timedelta(days=1), time(0, 0))


def working_time_between(start: datetime, end: datetime, hours: WorkingHours = OFFICE_HOURS) -> timedelta:
    """Office time between two moments; zero when `end` is not after `start`."""
    begin, stop = start.astimezone(PARK_ZONE), end.astimezone(PARK_ZONE)
    total = timedelta()
    day = begin.date()
    while day <= stop.date():
        if is_workday(day):
            opened = max(begin, _day_at(day, hours.opens))
            closed = min(stop, _day_at(day, hours.closes))
            total += max(timedelta(), closed - opened)
        day += timedelta(days=1)
    return total


@dataclass(frozen=True, order=True)
class Quarter:
    """A calendar quarter, written `2026Q4`."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> "Quarter":
        """Read `2026Q4`; `ValueError` where it is not one."""
        found = QUARTER_FORM.fullmatch(text)
        if found is None:
            raise ValueError(f"not a quarter: {text!r}; write it as 2026Q4")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, moment: datetime) -> "Quarter":
        """The quarter a moment falls into, in park time."""
        local = moment.astimezone(PARK_ZONE)
        return cls(local.year, (local.month + 2) // 3)

    def __str__(self) -> str:
        return f"{self.year}Q{self.number}"

    @property
    def start(self) -> datetime:
        """First moment."""
        return datetime(self.year, self.number * 3 - 2, 1, tzinfo=PARK_ZONE)

    @property
    def end(self) -> datetime:
        """First moment after it."""
        return self.shift(1).start

    def shift(self, quarters: int) -> "Quarter":
        """The quarter that many later (earlier when negative)."""
        index = self.year * 4 + self.number - 1 + quarters
        return Quarter(index // 4, index % 4 + 1)
