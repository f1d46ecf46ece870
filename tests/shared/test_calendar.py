"""Against the State Council's notice for 2026: days off and make-up workdays."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from shared.calendar import (
    OFFICE_HOURS,
    Quarter,
    add_workdays,
    add_working_time,
    is_published,
    is_workday,
    next_workday,
    next_workday_at,
    working_time_between,
)
from shared.clock import PARK_ZONE


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARK_ZONE)


HOLIDAYS_2026 = {
    "元旦": ("2026-01-01", 3), "春节": ("2026-02-15", 9), "清明节": ("2026-04-04", 3), "劳动节": ("2026-05-01", 5),
    "端午节": ("2026-06-19", 3), "中秋节": ("2026-09-25", 3), "国庆节": ("2026-10-01", 7),
}  # fmt: skip
SHIFTED_2026 = ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"]


@pytest.mark.parametrize(("first", "days"), HOLIDAYS_2026.values(), ids=HOLIDAYS_2026)
def test_holidays(first: str, days: int) -> None:
    begin = date.fromisoformat(first)

    assert [is_workday(begin + timedelta(days=n)) for n in range(days)] == [False] * days


@pytest.mark.parametrize("day", SHIFTED_2026)
def test_shifted_workdays_are_weekends_that_count(day: str) -> None:
    assert date.fromisoformat(day).weekday() >= 5
    assert is_workday(date.fromisoformat(day))


def test_a_whole_year_has_as_many_workdays_as_the_notice_leaves() -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    weekdays = sum(day.weekday() < 5 for day in days)
    off_on_weekdays = sum(day.weekday() < 5 and not is_workday(day) for day in days)

    assert sum(is_workday(day) for day in days) == weekdays - off_on_weekdays + len(SHIFTED_2026)


def test_year_without_a_notice_falls_back_to_the_week() -> None:
    assert is_published(2026)
    assert not is_published(2099)
    assert [is_workday(date(2099, 10, 1) + timedelta(days=n)) for n in range(5)] == [True, True, False, False, True]


@pytest.mark.parametrize(
    ("day", "following"),
    [
        ("2026-11-23", "2026-11-24"),
        ("2026-11-27", "2026-11-30"),  # Friday to Monday
        ("2026-02-13", "2026-02-14"),  # a Saturday that counts
        ("2026-02-14", "2026-02-24"),  # the whole Spring Festival
        ("2026-09-30", "2026-10-08"),
    ],
)
def test_next_workday(day: str, following: str) -> None:
    assert next_workday(date.fromisoformat(day)) == date.fromisoformat(following)


@pytest.mark.parametrize(
    ("moment", "days", "end"),
    [
        ("2026-11-23T10:00", 1, "2026-11-24T17:30"),
        ("2026-11-23T10:00", 5, "2026-11-30T17:30"),
        ("2026-11-22T10:00", 1, "2026-11-23T17:30"),  # from a Sunday
        ("2026-02-13T10:00", 2, "2026-02-24T17:30"),  # over the Spring Festival and its make-up day
        ("2026-09-29T23:59", 3, "2026-10-09T17:30"),
    ],
)
def test_add_workdays(moment: str, days: int, end: str) -> None:
    assert add_workdays(local(moment), days) == local(end)


def test_add_workdays_keeps_the_zone_and_counts_days_of_the_park() -> None:
    late = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)  # already the 24th in the park

    assert add_workdays(late, 1) == local("2026-11-25T17:30")
    assert add_workdays(late, 1).tzinfo is UTC
    with pytest.raises(ValueError, match="1 or more"):
        add_workdays(late, 0)


@pytest.mark.parametrize(
    ("moment", "hours", "end"),
    [
        ("2026-11-23T10:00", 4, "2026-11-23T14:00"),
        ("2026-11-23T16:30", 1, "2026-11-23T17:30"),
        ("2026-11-23T16:30", 2, "2026-11-24T10:00"),
        ("2026-11-23T20:00", 1, "2026-11-24T10:00"),
        ("2026-11-23T06:00", 1, "2026-11-23T10:00"),
        ("2026-11-27T17:00", 1, "2026-11-30T09:30"),
        ("2026-02-14T17:00", 1, "2026-02-24T09:30"),
        ("2026-11-23T09:00", 17, "2026-11-24T17:30"),
    ],
)
def test_add_working_time(moment: str, hours: float, end: str) -> None:
    assert add_working_time(local(moment), timedelta(hours=hours)) == local(end)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-11-23T10:00", "2026-11-23T12:00", 2),
        ("2026-11-23T00:00", "2026-11-24T00:00", 8.5),
        ("2026-11-27T17:00", "2026-11-30T09:30", 1),
        ("2026-11-28T00:00", "2026-11-29T23:00", 0),
        ("2026-11-23T12:00", "2026-11-23T10:00", 0),
        ("2026-02-13T17:00", "2026-02-24T10:00", 10),  # the make-up Saturday counts whole
    ],
)
def test_working_time_between(start: str, end: str, hours: float) -> None:
    assert working_time_between(local(start), local(end)) == timedelta(hours=hours)


def test_adding_and_measuring_agree() -> None:
    for hours in range(1, 60):
        begin = local("2026-09-24T13:37")
        end = add_working_time(begin, timedelta(hours=hours))
        assert working_time_between(begin, end) == timedelta(hours=hours)


def test_time_on_the_next_workday() -> None:
    assert next_workday_at(local("2026-11-27T23:00"), time(12)) == local("2026-11-30T12:00")
    assert OFFICE_HOURS.length == timedelta(hours=8.5)


@pytest.mark.parametrize("text", ["2026Q4", "2026Q1", "1999Q2"])
def test_quarter_reads_what_it_writes(text: str) -> None:
    assert str(Quarter.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "2026", "2026Q5", "2026Q0", "26Q1", "Q1", "2026q1", "x026Q1", "2026Q11", "２０２６Q1", "²²²²Q1"]
)
def test_quarter_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not a quarter"):
        Quarter.parse(text)


def test_quarter_borders_are_those_of_the_park() -> None:
    last = datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)

    assert Quarter.of(last) == Quarter(2026, 4)
    assert Quarter.of(last + timedelta(seconds=1)) == Quarter(2027, 1)
    assert Quarter(2026, 4).start == local("2026-10-01T00:00")
    assert Quarter(2026, 4).end == local("2027-01-01T00:00")
    assert Quarter(2026, 4).shift(-5) == Quarter(2025, 3)
    assert Quarter(2025, 4) < Quarter(2026, 1)
