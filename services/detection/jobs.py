"""What runs beside the requests: following ingest's feed, and the clock's look for silence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.gateways import Fetched, Readings
from services.detection.service import Watch, load_rulebook
from services.detection.service.watch import named_batches
from shared.clients.ingest import IngestClient
from shared.feed import Event, FeedConsumer
from shared.jobs import Job

EVENTS_A_BATCH = 40
"""An event names up to 1,000 rows of many factors: this bounds what one transaction holds."""


@dataclass
class Follower:
    """Follows ingest: fetches the rows before the transaction, applies them inside it."""

    app: FastAPI
    readings: Readings
    _fetched: Fetched | None = None
    _hazardous: frozenset[str] = frozenset()

    async def prepare(self, events: Sequence[Event]) -> None:
        """Everything the events need from outside."""
        self._hazardous = await self.readings.hazardous()
        self._fetched = await self.readings.fetch(named_batches(events))

    async def handle(self, session: AsyncSession, events: Sequence[Event]) -> None:
        """In the transaction that moves the cursor."""
        watch = Watch(session, load_rulebook(), self.app.state.clock.now(), self._hazardous)
        await watch.take(events, self._fetched or {})


def build_consumer(app: FastAPI, client: IngestClient) -> FeedConsumer:
    """The consumer of ingest's feed."""
    follower = Follower(app, Readings(client))
    return FeedConsumer("ingest", client, app.state.db, follower.handle, prepare=follower.prepare, limit=EVENTS_A_BATCH)


def build_jobs(app: FastAPI, client: IngestClient) -> list[Job]:
    """The leader's jobs. Looking for silence twice finds the same hits, so no slot needs to be claimed."""
    readings = Readings(client)

    async def look_for_silence() -> None:
        hazardous = await readings.hazardous()
        async with app.state.db.transaction() as session:
            await Watch(session, load_rulebook(), app.state.clock.now(), hazardous).look_for_silence()

    async def refresh_running() -> None:
        hazardous = await readings.hazardous()
        async with app.state.db.transaction() as session:
            await Watch(session, load_rulebook(), app.state.clock.now(), hazardous).refresh_running()

    return [
        Job("look_for_silence", timedelta(minutes=5), look_for_silence),
        Job("refresh_running", timedelta(minutes=30), refresh_running),
    ]
