"""Periods of means in Beijing time, as Unix seconds, and which of them a change touches."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from services.ingest.domain.means.rules import quantities
from shared.calendar import Quarter
from shared.clock import PARK_ZONE
from shared.contracts.ingest.means import MeanKind, Why

HOUR, DAY = 3_600, 86_400
OFFSET = 8 * HOUR
"""Beijing is ahead of UTC by this all year."""
HOURS_A_DAY = 24
KINDS = {MeanKind.HOUR: 3, MeanKind.DAY: 4, MeanKind.MONTH: 5}
"""Numbers of the kinds in the tables; those of hour and day are the ones of the readings."""
QUARTER = 6
"""Number of the work on substituted values."""
WHYS = {Why.PERIOD_END: 0, Why.LATE_DATA: 1, Why.RULE_CHANGE: 2, Why.MARK_CHANGE: 3, Why.CORRECTION: 4}
"""Numbers of the reasons; of two the greater is told."""
GRACE = {3: "hour", 4: "day", 5: "month", QUARTER: "quarter"}


class Task(NamedTuple):
    """A period of a point whose mean is to be made, not before `due` (Unix seconds)."""

    kind: int
    at: int
    point: int
    due: int
    why: int


def hour_of(at: int) -> int:
    """Start of the hour."""
    return at - at % HOUR


def day_of(at: int) -> int:
    """Start of the Beijing day."""
    return at - (at + OFFSET) % DAY


def date_of(at: int) -> date:
    """The Beijing date."""
    return datetime.fromtimestamp(at, PARK_ZONE).date()


def start_of(day: date) -> int:
    """Start of a Beijing date."""
    return int(datetime(day.year, day.month, day.day, tzinfo=PARK_ZONE).timestamp())


def month_of(at: int) -> int:
    """Start of the Beijing month."""
    return start_of(date_of(at).replace(day=1))


def quarter_of(at: int) -> int:
    """Start of the Beijing quarter."""
    return int(Quarter.of(datetime.fromtimestamp(at, UTC)).start.timestamp())


def end_of(kind: int, at: int) -> int:
    """End of the period that begins at `at`."""
    if kind == KINDS[MeanKind.HOUR]:
        return at + HOUR
    if kind == KINDS[MeanKind.DAY]:
        return at + DAY
    if kind == KINDS[MeanKind.MONTH]:
        return month_of(at + 32 * DAY)
    return int(Quarter.of(datetime.fromtimestamp(at, UTC)).end.timestamp())


def due_of(kind: int, at: int) -> int:
    """When the period's mean is made first: its end and the minutes of grace."""
    return end_of(kind, at) + 60 * quantities().grace_minutes[GRACE[kind]]


def tasks_of_times(point: int, kind: str, times: Iterable[int], corrected: Iterable[int], heard: int) -> list[Task]:
    """Periods that new or changed readings touch. `heard`: when they came in. Real-time values touch none."""
    if kind == "realtime":
        return []
    number = KINDS[MeanKind.DAY] if kind == "day" else KINDS[MeanKind.HOUR]
    floor = day_of if kind == "day" else hour_of
    changed = {floor(at) for at in corrected}
    return [_task(point, number, start, heard, changed) for start in sorted({floor(at) for at in times})]


def _task(point: int, kind: int, start: int, heard: int, corrected: set[int]) -> Task:
    due = due_of(kind, start)
    why = Why.LATE_DATA if heard > due else Why.PERIOD_END
    if start in corrected:
        why = Why.CORRECTION
    return Task(kind, start, point, due, WHYS[why])


def hour_tasks(point: int, since: int, until: int, why: Why) -> list[Task]:
    """All hours from `since` to before `until`."""
    hour = KINDS[MeanKind.HOUR]
    return [Task(hour, at, point, due_of(hour, at), WHYS[why]) for at in range(hour_of(since), until, HOUR)]


def following(kind: int, point: int, at: int, why: int, now: int) -> list[Task]:
    """What is to be made again when the mean of a period changed: day of an hour, month and quarter of a day."""
    if kind == KINDS[MeanKind.HOUR]:
        day = day_of(at)
        return [Task(KINDS[MeanKind.DAY], day, point, due_of(KINDS[MeanKind.DAY], day), why)]
    if kind == KINDS[MeanKind.DAY]:
        month, quarter = month_of(at), quarter_of(at)
        return [
            Task(KINDS[MeanKind.MONTH], month, point, due_of(KINDS[MeanKind.MONTH], month), why),
            Task(QUARTER, quarter, point, now, why),
        ]
    return []


def compact(tasks: Sequence[Task], most: int) -> list[Task]:
    """The first tasks of one kind, ordered by time, whose points times periods are at most `most` cells.

    What is read for them is a rectangle of points and time: without this a few scattered ones would read years.
    """
    taken: list[Task] = []
    points: set[int] = set()
    for task in tasks:
        points.add(task.point)
        periods = 1 + (task.at - tasks[0].at) // max(1, end_of(task.kind, task.at) - task.at)
        if taken and len(points) * periods > most:
            break
        taken.append(task)
    return taken


def moment(at: int) -> datetime:
    """Aware UTC of Unix seconds."""
    return datetime.fromtimestamp(at, UTC)


def span_of_days(since: date, until: date) -> tuple[datetime, datetime]:
    """From the start of one Beijing date to the start of another."""
    return moment(start_of(since)), moment(start_of(until))


def hours_between(since: datetime, until: datetime) -> int:
    """Whole hours."""
    return max(0, int((until - since) / timedelta(hours=1)))
