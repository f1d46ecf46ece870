"""How the reading tables are cut by time: by a fixed rule, so that no two partitions can ever overlap."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

YEARLY_BEFORE = 2025
"""Before this year one partition a year: old history comes in bulk and is read seldom."""
DECEMBER = 12
_NAME = re.compile(r"_p(\d{4})(\d{2})?(\d{2})?$")


class Grain(StrEnum):
    """Width of the partitions of a table from 2025 on."""

    DAY = "day"
    MONTH = "month"


class Partition(NamedTuple):
    """A partition: its name, and its span from `start` to before `end` (aware UTC)."""

    name: str
    start: datetime
    end: datetime


def partition_of(table: str, grain: Grain, at: int) -> Partition:
    """The partition that holds a time, given in Unix seconds."""
    time = datetime.fromtimestamp(at, UTC)
    if time.year < YEARLY_BEFORE:
        start, end = datetime(time.year, 1, 1, tzinfo=UTC), datetime(time.year + 1, 1, 1, tzinfo=UTC)
        return Partition(f"{table}_p{time:%Y}", start, end)
    if grain is Grain.DAY:
        start = datetime(time.year, time.month, time.day, tzinfo=UTC)
        return Partition(f"{table}_p{time:%Y%m%d}", start, start + timedelta(days=1))
    start = datetime(time.year, time.month, 1, tzinfo=UTC)
    end = datetime(time.year + time.month // DECEMBER, time.month % DECEMBER + 1, 1, tzinfo=UTC)
    return Partition(f"{table}_p{time:%Y%m}", start, end)


def partitions_of(table: str, grain: Grain, times: Iterable[int]) -> list[Partition]:
    """The partitions that hold these times, in order, each once."""
    days = {at - at % 86_400 for at in times}
    return sorted({partition_of(table, grain, day) for day in days}, key=lambda partition: partition.start)


def partition_named(table: str, name: str) -> Partition | None:
    """The partition of a daily table that bears this name; None where the name is not of our making."""
    found = _NAME.search(name)
    if found is None:
        return None
    year, month, day = (int(part or 1) for part in found.groups())
    try:
        partition = partition_of(table, Grain.DAY, int(datetime(year, month, day, tzinfo=UTC).timestamp()))
    except ValueError:
        return None
    return partition if partition.name == name else None
