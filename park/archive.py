"""What a logger has kept: the history that a platform may ask for again (CN 2031, 2041, 2051, 2061 and others)."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Protocol

from park.model import DAY, HOUR, MINUTE, OutletModel, Times, Values, grid, rows
from services.ingest.hj212.codec import Report
from shared.clock import PARK_ZONE

MOST_REPORTS = 20_000
"""Reports a command may bring; the rest is left out, as a logger's memory ends somewhere too."""
MOST_KEPT = 50_000


class Archive(Protocol):
    """Reports of a logger by command and time."""

    def reports(self, cn: str, begin: datetime, end: datetime) -> Iterator[Report]:
        """Reports of `cn` from `begin` to `end`, both included and aware, oldest first."""


class Kept:
    """Reports kept one by one, the newest of each moment; the oldest go when there are too many."""

    def __init__(self, reports: Iterable[Report] = ()) -> None:
        self._kept: dict[str, dict[datetime, Report]] = {}
        for report in reports:
            self.keep(report)

    def keep(self, report: Report) -> None:
        """Add a report."""
        kept = self._kept.setdefault(report.cn, {})
        kept[report.data_time] = report
        if len(kept) > MOST_KEPT:
            del kept[next(iter(kept))]

    def reports(self, cn: str, begin: datetime, end: datetime) -> Iterator[Report]:
        """Reports of `cn` from `begin` to `end`, both included and aware, oldest first."""
        kept = self._kept.get(cn, {})
        times = sorted(time for time in kept if begin <= time <= end)
        return (kept[time] for time in times[:MOST_REPORTS])


class ModelArchive:
    """History computed from an outlet's model: minute, hour and day means and the day's run hours."""

    def __init__(self, model: OutletModel) -> None:
        self._model = model

    def reports(self, cn: str, begin: datetime, end: datetime) -> Iterator[Report]:
        """Reports of `cn` from `begin` to `end`, both included and aware, oldest first."""
        if cn in ("2051", "2061"):
            return self._means(cn, MINUTE if cn == "2051" else HOUR, begin, end)
        if cn in ("2031", "2041"):
            return self._days(cn, begin, end)
        return iter(())

    def _means(self, cn: str, step: int, begin: datetime, end: datetime) -> Iterator[Report]:
        first = -(-int(begin.timestamp()) // step) * step
        last = min(int(end.timestamp()), first + (MOST_REPORTS - 1) * step)
        # In pieces, so that a long range costs no more memory than a short one.
        edges = [*range(first, last + 1, 1440 * step), last + 1]
        for low, high in pairwise(edges):
            times = grid(low, high, step)
            yield from self._reports(cn, times, self._values(step, times))

    def _values(self, step: int, times: Times) -> dict[str, Values]:
        return self._model.minutes(times) if step == MINUTE else self._model.hours(times)

    def _reports(self, cn: str, times: Times, values: dict[str, Values]) -> Iterator[Report]:
        for at, row in rows(values, times):
            items = [(code, (("Avg", value), ("Flag", "N"))) for code, value in row.items() if value is not None]
            if items:
                yield Report(cn, datetime.fromtimestamp(at, UTC), items)

    def _days(self, cn: str, begin: datetime, end: datetime) -> Iterator[Report]:
        day = begin.astimezone(PARK_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
        if day < begin:
            day += timedelta(days=1)
        for _ in range(366):
            if day > end:
                return
            if cn == "2041":
                yield Report(cn, day, [("SB1", (("RT", 24),))])
            else:
                start = int(day.timestamp())
                yield from self._day(day, self._model.hours(grid(start, start + DAY, HOUR)))
            day += timedelta(days=1)

    def _day(self, day: datetime, hours: dict[str, Values]) -> Iterator[Report]:
        items = []
        for code, values in hours.items():
            valid = [float(value) for value in values if value == value]  # noqa: PLR0124 - NaN is not itself
            if valid:
                mean = round(sum(valid) / len(valid), 3)
                items.append((code, (("Min", min(valid)), ("Avg", mean), ("Max", max(valid)), ("Flag", "N"))))
        if items:
            yield Report("2031", day, items)
