"""A month of marks as a calendar: weeks from Monday, each day with the marks that touch it."""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from shared.clock import PARK_ZONE
from shared.contracts.ingest.marks import MarkOut, MarkState

DAY = timedelta(days=1)
MOST_A_DAY = 3
GONE = frozenset({MarkState.WITHDRAWN})


@dataclass(frozen=True)
class Day:
    """A day of the calendar; `more` marks are not shown for want of room."""

    on: date
    inside: bool
    today: bool
    marks: tuple[MarkOut, ...]
    more: int


@dataclass(frozen=True)
class Month:
    """A calendar month in park time."""

    first: date
    weeks: tuple[tuple[Day, ...], ...]

    @property
    def name(self) -> str:
        """As addresses write it."""
        return f"{self.first:%Y-%m}"

    @property
    def since(self) -> datetime:
        """Its first moment."""
        return datetime.combine(self.first, time(0), PARK_ZONE)

    @property
    def until(self) -> datetime:
        """The first moment after it."""
        return datetime.combine(following(self.first), time(0), PARK_ZONE)

    @property
    def before(self) -> str:
        """The month before, as addresses write it."""
        return f"{self.first - DAY:%Y-%m}"

    @property
    def after(self) -> str:
        """The month after, as addresses write it."""
        return f"{following(self.first):%Y-%m}"


def following(first: date) -> date:
    """The first day of the next month."""
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def month_from(text: str, now: datetime) -> date:
    """The first day of the month an address names; this month where it names none."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=PARK_ZONE).date()
    except ValueError:
        return now.astimezone(PARK_ZONE).date().replace(day=1)


def month_of(first: date, marks: Iterable[MarkOut], now: datetime) -> Month:
    """The calendar of a month; withdrawn marks are left out."""
    shown = sorted((mark for mark in marks if mark.state not in GONE), key=lambda mark: (mark.since, mark.no))
    today = now.astimezone(PARK_ZONE).date()

    def day(on: date) -> Day:
        begin = datetime.combine(on, time(0), PARK_ZONE)
        touching = [mark for mark in shown if mark.since < begin + DAY and (mark.until or max(now, begin)) > begin]
        touching = [mark for mark in touching if mark.until is not None or begin <= now]
        return Day(on, on.month == first.month, on == today, tuple(touching[:MOST_A_DAY]),
                   max(0, len(touching) - MOST_A_DAY))  # fmt: skip

    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    return Month(first, tuple(tuple(day(on) for on in week) for week in weeks))
