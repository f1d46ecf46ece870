"""What runs beside the requests: following ingest's feed, and the clock's look for silence."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.gateways import Fetched, Readings, merged
from services.detection.service import Watch, load_rulebook
from services.detection.service.happenings import wanted_times
from services.detection.service.judging import take_cases
from services.detection.service.suppressions import BATCH, expire_suppressions
from services.detection.service.timelines import Timelines
from services.detection.store import SeriesId
from shared.clients.casework import CaseworkClient
from shared.clients.ingest import IngestClient
from shared.feed import Event, FeedConsumer
from shared.jobs import Job

FEED, CASES_FEED = "ingest", "casework"
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

    async def prepare(self, events: Sequence[Event]) -> None:
        """Everything the events need from outside."""
        self._hazardous = await self.readings.hazardous()
        self._fetched = await self.readings.fetch(merged(wanted_times(event) for event in events))

    async def handle(self, session: AsyncSession, events: Sequence[Event]) -> None:
        """In the transaction that moves the cursor."""
        watch = Watch(session, load_rulebook(), self.app.state.clock.now(), self._hazardous, self.timelines)
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
                watch = Watch(session, load_rulebook(), app.state.clock.now(), hazardous, timelines)
                after = await watch.look_for_silence(as_of, after)
            if after is None:
                return

    async def refresh_running() -> None:
        hazardous = await readings.hazardous()
        after: UUID | None = None
        while True:
            async with app.state.db.transaction() as session:
                watch = Watch(session, load_rulebook(), app.state.clock.now(), hazardous, timelines)
                after = await watch.refresh_running(after)
            if after is None:
                return

    async def expire() -> None:
        await _expire(app)

    return [
        Job("look_for_silence", timedelta(minutes=5), look_for_silence),
        Job("refresh_running", timedelta(minutes=30), refresh_running),
        Job("expire_suppressions", timedelta(minutes=5), expire),
    ]


async def _expire(app: FastAPI) -> None:
    found = BATCH
    while found == BATCH:
        async with app.state.db.transaction() as session:
            found = await expire_suppressions(session, app.state.clock.now())


async def _read_until(app: FastAPI, readings: Readings) -> datetime:
    """Up to when everything that came in has been looked at: a service that lags behind must not call others silent."""
    now: datetime = app.state.clock.now()
    async with app.state.db.transaction() as session:
        cursor = await Watch(session, load_rulebook(), now, frozenset()).cursor(FEED)
    waiting = await readings.read_until(cursor)
    return now if waiting is None else min(now, waiting)
