"""What runs beside the requests: following ingest's feed, and the clock's look for silence."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import partial
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.jurisdiction import Counting
from services.detection.gateways import Fetched, Readings, merged
from services.detection.gateways.duties import DutySources
from services.detection.nightly import Nightly
from services.detection.service import Watch, late_stops, learning, load_rulebook
from services.detection.service.backtest_runs import BacktestRunner
from services.detection.service.duties import DutyDesk
from services.detection.service.happenings import wanted_times
from services.detection.service.judging import take_cases
from services.detection.service.local_rules import rulebook_of
from services.detection.service.proposals import finish_retuning, look_for_retuning
from services.detection.service.suppressions import BATCH, expire_suppressions
from services.detection.service.timelines import Timelines
from services.detection.store import SeriesId
from shared.clients.base import ServiceCallError
from shared.clients.casework import CaseworkClient
from shared.clients.ingest import IngestClient
from shared.clock import PARK_ZONE
from shared.contracts.ingest import OutletOut
from shared.errors import TooLargeError
from shared.feed import Event, FeedConsumer
from shared.jobs import Job
from shared.logging import get_logger

log = get_logger(__name__)

FEED, CASES_FEED = "ingest", "casework"
MOST_READINGS = 10_000_000
"""Of one outlet in the span that is learnt from: 90 days of minutes of 70 factors."""
EVENTS_A_BATCH = 40
"""An event names up to 1,000 rows of many factors: this bounds what one transaction holds."""


@dataclass
class Follower:
    """Follows ingest: fetches the rows before the transaction, applies them inside it."""

    app: FastAPI
    readings: Readings
    timelines: Timelines = field(default_factory=Timelines)
    _fetched: Fetched | None = None
    _hazardous: frozenset[str] = frozenset()
    _counting: Counting | None = None

    async def prepare(self, events: Sequence[Event]) -> None:
        """Everything the events need from outside."""
        self._hazardous = await self.readings.hazardous()
        self._counting = await self.readings.counting(self.app.state.settings.jurisdiction)
        self._fetched = await self.readings.fetch(merged(wanted_times(event) for event in events))

    async def handle(self, session: AsyncSession, events: Sequence[Event]) -> None:
        """In the transaction that moves the cursor."""
        now = self.app.state.clock.now()
        rulebook = await rulebook_of(session)
        watch = Watch(session, rulebook, now, self._hazardous, self.timelines, self._counting)
        await watch.take(events, self._fetched or {})


def build_consumer(app: FastAPI, client: IngestClient) -> FeedConsumer:
    """The consumer of ingest's feed."""
    follower = Follower(app, Readings(client))
    return FeedConsumer(FEED, client, app.state.db, follower.handle, prepare=follower.prepare, limit=EVENTS_A_BATCH)


def build_case_consumer(app: FastAPI, client: CaseworkClient) -> FeedConsumer:
    """The consumer of casework's feed: labels of closed cases."""
    return FeedConsumer(CASES_FEED, client, app.state.db, take_cases)


def build_jobs(app: FastAPI, client: IngestClient) -> list[Job]:
    """The leader's jobs. Each look is a page in a transaction; looking twice finds the same, so no slot is claimed."""
    readings, timelines = Readings(client), Timelines()

    async def look_for_silence() -> None:
        hazardous, as_of = await readings.hazardous(), await _read_until(app, readings)
        after: SeriesId | None = None
        while True:
            async with app.state.db.transaction() as session:
                watch = Watch(session, await rulebook_of(session), app.state.clock.now(), hazardous, timelines)
                after = await watch.look_for_silence(as_of, after)
            if after is None:
                return

    async def refresh_running() -> None:
        hazardous = await readings.hazardous()
        counting = await readings.counting(app.state.settings.jurisdiction)
        after: UUID | None = None
        while True:
            async with app.state.db.transaction() as session:
                rulebook, now = await rulebook_of(session), app.state.clock.now()
                watch = Watch(session, rulebook, now, hazardous, timelines, counting)
                after = await watch.refresh_running(after)
            if after is None:
                return

    async def run_surveys() -> None:
        await Nightly(app, readings).run(await _read_until(app, readings))

    return [
        *_duty_jobs(app, readings, DutySources(client)),
        Job("look_for_silence", timedelta(minutes=5), look_for_silence),
        Job("refresh_running", timedelta(minutes=30), refresh_running),
        Job("look_back_at_stops", timedelta(minutes=5), partial(_look_back_at_stops, app, readings)),
        Job("expire_suppressions", timedelta(minutes=5), partial(_expire, app)),
        Job("run_surveys", timedelta(minutes=10), run_surveys, least=5.0),
        Job("learn_thresholds", timedelta(hours=1), partial(_learn, app, readings)),
        *_backtest_jobs(app, readings),
    ]


async def _look_back_at_stops(app: FastAPI, readings: Readings) -> None:
    """A page at a time; a mark is done with when its version is noted, in the transaction that tells its hits."""
    done = late_stops.MARKS_A_LOOK
    while done == late_stops.MARKS_A_LOOK:
        async with app.state.db.transaction() as session:
            stops = await late_stops.due(session, app.state.clock.now())
            rulebook = await rulebook_of(session)
        for stop in stops:
            history = await late_stops.read(readings, stop)
            hits = await asyncio.to_thread(late_stops.find, rulebook, stop, history)
            async with app.state.db.transaction() as session:
                await late_stops.keep(session, rulebook, stop, hits, app.state.clock.now())
        done = len(stops)


def _backtest_jobs(app: FastAPI, readings: Readings) -> list[Job]:
    async def propose_retuning() -> None:
        async with app.state.db.transaction() as session:
            await look_for_retuning(session, app.state.clock.now())

    workers = app.state.settings.backtest_workers
    runner = BacktestRunner(
        app.state.db, app.state.clock, readings, finish_retuning, app.state.backtest_pool, workers=workers
    )
    return [
        Job("propose_retuning", timedelta(hours=24), propose_retuning),
        Job("run_backtests", timedelta(seconds=10), runner.run_waiting, least=2.0),
    ]


def _duty_jobs(app: FastAPI, readings: Readings, sources: DutySources) -> list[Job]:
    """Looks at duties; what is read from ingest is read before the transaction."""

    async def look_at_duties() -> None:
        hazardous, now = await readings.hazardous(), app.state.clock.now()
        facts = await sources.facts(now)
        async with app.state.db.transaction() as session:
            await DutyDesk(session, await rulebook_of(session), now, hazardous).look(facts)

    async def look_at_shares() -> None:
        hazardous, now = await readings.hazardous(), app.state.clock.now()
        after: UUID | None = None
        while True:
            async with app.state.db.transaction() as session:
                page = await DutyDesk(session, await rulebook_of(session), now, hazardous).outlets(after)
            if not page:
                return
            shares = await sources.shares(page, now)
            async with app.state.db.transaction() as session:
                await DutyDesk(session, await rulebook_of(session), now, hazardous).look_at_shares(shares)
            after = page[-1]

    return [
        Job("look_at_duties", timedelta(minutes=15), look_at_duties),
        Job("look_at_shares", timedelta(days=1), look_at_shares),
    ]


async def _expire(app: FastAPI) -> None:
    found = BATCH
    while found == BATCH:
        async with app.state.db.transaction() as session:
            found = await expire_suppressions(session, app.state.clock.now())


async def _learn(app: FastAPI, readings: Readings) -> None:
    """Learn thresholds of each outlet once for the day in the park that has begun, a page of outlets at a time.

    Not before everything of the day before was looked at: what was not judged yet must teach nothing.
    """
    now: datetime = app.state.clock.now()
    slot = datetime.combine(now.astimezone(PARK_ZONE).date(), time(), PARK_ZONE).astimezone(UTC)
    if await _read_until(app, readings) < slot:
        return
    after: OutletOut | None = None
    while True:
        async with app.state.db.transaction() as session:
            outlets = await learning.due_outlets(session, slot, after)
        for outlet in outlets:
            await _learn_of(app, readings, outlet, slot)
        if len(outlets) < learning.OUTLETS_A_PAGE:
            return
        after = outlets[-1]


async def _learn_of(app: FastAPI, readings: Readings, outlet: OutletOut, slot: datetime) -> None:
    """One outlet: history is read and reckoned outside a transaction. What ingest refuses is tried again next time."""
    async with app.state.db.transaction() as session:
        rulebook = await rulebook_of(session)
        lesson = await learning.prepare(session, rulebook, outlet, slot)
    try:
        history = await readings.history(outlet.id, lesson.kinds, lesson.since, lesson.until, MOST_READINGS)
    except (ServiceCallError, TooLargeError) as error:
        log.warning("history_not_read", outlet_id=str(outlet.id), error=error.message)
        return
    taught = await asyncio.to_thread(learning.learn, rulebook, lesson, history)
    async with app.state.db.transaction() as session:
        await learning.keep(session, rulebook, lesson, taught, app.state.clock.now())


async def _read_until(app: FastAPI, readings: Readings) -> datetime:
    """Up to when everything that came in has been looked at: a service that lags behind must not call others silent."""
    now: datetime = app.state.clock.now()
    async with app.state.db.transaction() as session:
        cursor = await Watch(session, load_rulebook(), now, frozenset()).cursor(FEED)
    waiting = await readings.read_until(cursor)
    return now if waiting is None else min(now, waiting)
