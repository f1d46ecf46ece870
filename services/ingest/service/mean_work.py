"""The making of means: fills the line of work from the outbox, and works it off; each step one transaction.

A step that is killed leaves the line and the cursor as they were; done again it finds the same inputs, and a mean
whose inputs did not change gets no new version.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.means.periods import (
    HOUR,
    KINDS,
    QUARTER,
    WHYS,
    Task,
    end_of,
    hour_of,
    hour_tasks,
    moment,
    tasks_of_times,
)
from services.ingest.domain.readings import EARLIEST
from services.ingest.service.intake import Intake
from services.ingest.service.mean_makers import Made, Makers
from services.ingest.service.substitutes import Substitutes
from services.ingest.store.mean_tasks import MeanTaskStore, News
from services.ingest.store.outlet_days import OutletDayStore
from services.ingest.store.plants import PlantStore
from shared import feed
from shared.clock import Clock, monotonic
from shared.contracts.ingest import READINGS_ACCEPTED
from shared.contracts.ingest.means import MEANS_CHANGED, Why
from shared.db import Database, raw
from shared.jobs import Job

EVENTS_A_STEP = 200
TASKS_A_STEP = {3: 400, 4: 200, 5: 100, QUARTER: 4}
HOURS_A_ROLL = 48
MOST_HOURS_BACK = 8_784
"""A year: as far as hours before the first known one are looked at again when older data come."""
TIMES_AN_EVENT = 1000
KIND_OF = {number: kind for kind, number in KINDS.items()}
RUN_SECONDS = 20.0
"""Real seconds that one run makes means at most; what is left waits for the next."""
BROUGHT = WHYS[Why.PERIOD_END]


class MeanWork:
    """Held by the process. Any number of replicas may run it: one at a time makes means."""

    def __init__(self, db: Database, intake: Intake, clock: Clock, jurisdiction: str) -> None:
        self._db = db
        self._clock = clock
        self._jurisdiction = jurisdiction
        self._points: dict[UUID, int] = {}
        self._makers = Makers(intake, jurisdiction)
        self._substitutes = Substitutes(intake, jurisdiction)

    async def run(self, seconds: float) -> int:
        """Steps until nothing is left or the time is over; how many periods were worked off."""
        deadline = monotonic() + seconds
        total = 0
        while monotonic() < deadline:
            read, done = await self.read_news(), await self.work()
            total += done
            if not read and not done and not await self.roll():
                break
        return total

    async def read_news(self) -> int:
        """Put in line what the next events of the outbox touch; how many were still to be read."""
        async with self._db.transaction() as session:
            connection = await raw(session)
            tasks = MeanTaskStore(connection)
            behind = await tasks.behind()
            if behind <= 0:
                return 0
            news = await tasks.read_news(EVENTS_A_STEP)
            await self._learn_points(PlantStore(connection, self._jurisdiction), news)
            await tasks.add([*await self._from_readings(OutletDayStore(connection), news), *self._from_marks(news)])
        return behind

    async def roll(self) -> int:
        """Put in line the hours that are over of all outlets in use, silent ones too; how many hours."""
        async with self._db.transaction() as session:
            connection = await raw(session)
            tasks = MeanTaskStore(connection)
            this_hour = moment(hour_of(int(self._clock.now().timestamp())))
            hours = await tasks.roll(this_hour, HOURS_A_ROLL)
            points = await OutletDayStore(connection).active_points() if hours else []
            for hour in hours:
                await tasks.add(
                    task for point in points for task in hour_tasks(point, hour, hour + HOUR, Why.PERIOD_END)
                )
        return len(hours)

    async def work(self) -> int:
        """Make the next means that are due; how many periods were worked off."""
        now = self._clock.now()
        async with self._db.transaction() as session:
            tasks = MeanTaskStore(await raw(session))
            if not await tasks.lock():
                return 0
            line = await tasks.take(now, max(TASKS_A_STEP.values()))
            if not line:
                return 0
            line = line[: TASKS_A_STEP[line[0].kind]]
            if line[0].kind == QUARTER:
                await self._substitutes.make(session, line, now)
                made = Made(line, {}, [])
            else:
                made = await self._makers.make(session, line, now)
            await tasks.done(made.done)
            await tasks.add(made.following)
            await self._tell(session, made, now)
        return len(made.done)

    async def _tell(self, session: AsyncSession, made: Made, now: datetime) -> None:
        """Publish what changed, thin, at most a thousand times an event."""
        lines = [(outlet, at) for outlet, times in sorted(made.changed.items()) for at in sorted(times)]
        for start in range(0, len(lines), TIMES_AN_EVENT):
            batches: dict[UUID, list[int]] = {}
            for outlet, at in lines[start : start + TIMES_AN_EVENT]:
                batches.setdefault(outlet, []).append(at)
            kind = KIND_OF[made.done[0].kind].value
            told = [{"outlet_id": str(outlet), "kind": kind, "times": times} for outlet, times in batches.items()]
            await feed.publish(session, MEANS_CHANGED, "means", {"batches": told}, at=now)

    async def _learn_points(self, plants: PlantStore, news: Sequence[News]) -> None:
        named = {UUID(batch["outlet_id"]) for item in news for batch in item.data.get("batches", ())}
        named |= {UUID(item.data["outlet_id"]) for item in news if "outlet_id" in item.data}
        unknown = sorted(named - self._points.keys())
        if unknown:
            self._points.update(await plants.points_of(unknown))

    async def _from_readings(self, days: OutletDayStore, news: Sequence[News]) -> list[Task]:
        tasks: list[Task] = []
        first: dict[int, int] = {}
        heard: dict[int, int] = {}
        for item in news:
            at = int(item.time.timestamp())
            for batch in item.data["batches"] if item.type == READINGS_ACCEPTED else ():
                point = self._points.get(UUID(batch["outlet_id"]))
                if point is None or not batch["times"] or batch["kind"] == "realtime":
                    continue
                tasks += tasks_of_times(point, batch["kind"], batch["times"], batch["corrected"], at)
                if batch["kind"] != "day":
                    start = hour_of(min(batch["times"]))
                    first[point] = min(first.get(point, start), start)
                    heard.setdefault(point, at)
        return await self._reached(days, tasks, first, heard) if first else tasks

    async def _reached(
        self, days: OutletDayStore, tasks: list[Task], first: dict[int, int], heard: dict[int, int]
    ) -> list[Task]:
        """Note how far back the outlets reach; hours that are expected only now are looked at too."""
        reached = await days.reach(first, heard)
        for point, reach in reached.items():
            if reach.before is not None and reach.first < reach.before:
                start = max(reach.first, reach.before - MOST_HOURS_BACK * HOUR)
                tasks += hour_tasks(point, start, reach.before, Why.PERIOD_END)
        return [_history(task, reached[task.point].heard) if task.point in reached else task for task in tasks]

    def _from_marks(self, news: Sequence[News]) -> list[Task]:
        """Hours of the marks that changed; what lies ahead is looked at when it is over."""
        tasks: list[Task] = []
        now = int(self._clock.now().timestamp())
        for item in news:
            if item.type == READINGS_ACCEPTED:
                continue
            point = self._points.get(UUID(item.data["outlet_id"]))
            since, until = _seconds(item.data["since"]), _seconds(item.data["until"])
            if point is not None and since is not None:
                last = now if until is None else min(until, now)
                tasks += hour_tasks(point, max(since, EARLIEST), last, Why.MARK_CHANGE)
        return tasks


def _seconds(text: str | None) -> int | None:
    return None if text is None else int(datetime.fromisoformat(text).timestamp())


def _history(task: Task, heard: int) -> Task:
    """Data of the time before the outlet was first heard of are history brought over, not late."""
    brought = task.why == WHYS[Why.LATE_DATA] and end_of(task.kind, task.at) <= heard
    return task._replace(why=BROUGHT) if brought else task


def mean_jobs(means: MeanWork) -> list[Job]:
    """The job that makes means."""

    async def make_means() -> None:
        await means.run(RUN_SECONDS)

    return [Job("ingest.means", timedelta(seconds=5), make_means, least=1.0)]
