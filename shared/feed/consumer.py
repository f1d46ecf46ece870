"""Following a feed: each batch in one transaction with its cursor, exactly once."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import orjson
from fastapi import FastAPI
from prometheus_client import Counter, Gauge
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clients.base import ServiceCallError, ServiceClient
from shared.db import Database, is_passing_fault
from shared.feed.events import Event
from shared.logging import get_logger

log = get_logger(__name__)

CONSUMER_LAG = Gauge("sanse_feed_lag_events", "Feed head minus cursor", ["feed"])
PARKED = Counter("sanse_feed_parked_total", "Events set aside because they could not be applied", ["feed"])
PERMANENT_STATUS = frozenset({400, 404, 405, 406, 409, 410, 412, 413, 414, 415, 422})
"""Answers to `prepare` that asking again does not change."""


class FeedGapError(RuntimeError):
    """A sequence number is missing: the consumer stops rather than lose an event."""


class FencedError(RuntimeError):
    """Another consumer moved the cursor; this batch was rolled back."""


Handler = Callable[[AsyncSession, Sequence[Event]], Awaitable[None]]
Prepare = Callable[[Sequence[Event]], Awaitable[Any]]


@dataclass
class FeedConsumer:
    """Follows one feed of another service and applies its events exactly once.

    `handler(session, events)` runs in the transaction that moves the cursor: it must not call other
    services from inside; fetch what is needed in `prepare(events)` before, whose result it finds in
    `prepared`. `feed` names the cursor (`ingest`, `detection`, …).
    """

    feed: str
    client: ServiceClient
    db: Database
    handler: Handler
    prepare: Prepare | None = None
    limit: int = 500
    wait: float = 20.0
    attempts: int = 5
    prepared: Any = None
    stopped: str = ""
    """Why it follows no more; empty while it does."""
    _failures: int = field(default=0, repr=False)
    _tries: dict[int, int] = field(default_factory=dict, repr=False)
    """How often the batch after this cursor could not be applied, for a reason of its own."""

    async def run(self) -> None:
        """Follow the feed until cancelled; backs off on errors, never gives up."""
        while True:
            try:
                await self.step()
                self._failures = 0
            except asyncio.CancelledError:
                raise
            except FeedGapError as error:
                self.stopped = str(error)
                log.critical("feed_gap", feed=self.feed, exc_info=True)
                raise
            except Exception as error:  # noqa: BLE001 - a consumer outlives every fault of the other side
                self._failures += 1
                pause = min(15.0, 0.2 * 2 ** min(self._failures, 7)) * random.uniform(0.5, 1.0)  # noqa: S311
                log.warning(
                    "feed_retry",
                    feed=self.feed,
                    failures=self._failures,
                    pause=round(pause, 2),
                    error=repr(error),
                )
                await asyncio.sleep(pause)

    async def check(self) -> None:
        """Raise `FeedGapError` where the consumer has stopped: for `/readyz`."""
        if self.stopped:
            raise FeedGapError(self.stopped)

    async def step(self) -> int:
        """Read once and apply; how many events were new."""
        cursor, epoch = await self._cursor()
        headers = {"Feed-Epoch": str(epoch)} if epoch else {}
        try:
            response = await self.client.request(
                "GET", "/v1/feed", params={"after": cursor, "limit": self.limit, "wait": self.wait},
                headers=headers, timeout=self.wait + 15,
            )  # fmt: skip
        except ServiceCallError as error:
            if error.status == httpx.codes.GONE:
                await self._rewind(cursor)
                return 0
            raise
        events = [Event.model_validate(item) for item in orjson.loads(response.content)]
        CONSUMER_LAG.labels(self.feed).set(int(response.headers["Feed-Head"]) - cursor - len(events))
        if not events:
            return 0
        for expected, event in enumerate(events, cursor + 1):
            if event.seq != expected:
                raise FeedGapError(f"feed {self.feed}: expected {expected}, got {event.seq}")
        await self._apply_or_park(cursor, events, UUID(response.headers["Feed-Epoch"]))
        return len(events)

    async def _apply_or_park(self, cursor: int, events: Sequence[Event], epoch: UUID) -> None:
        try:
            await self._apply(cursor, events, epoch)
        except Exception as error:
            if not _is_own_fault(error):  # whatever the event, it may be applied later
                raise
            tries = self._tries.get(cursor, 0) + 1
            self._tries = {cursor: tries}
            if tries < self.attempts:
                raise
            if len(events) == 1:
                await self._park(cursor, events[0], epoch, repr(error))
                return
            await self._apply_singly(cursor, events, epoch)

    async def _apply_singly(self, cursor: int, events: Sequence[Event], epoch: UUID) -> None:
        """After all tries of the batch: apply what can be applied, set aside what cannot."""
        for position, event in enumerate(events, cursor):
            try:
                await self._apply(position, [event], epoch)
            except Exception as error:
                if not _is_own_fault(error):
                    raise
                await self._park(position, event, epoch, repr(error))

    async def _apply(self, cursor: int, events: Sequence[Event], epoch: UUID) -> None:
        self.prepared = await self.prepare(events) if self.prepare else None
        async with self.db.transaction() as session:
            fresh = await self._unseen(session, events)
            if fresh:
                await self.handler(session, fresh)
            await self._move(session, cursor, events[-1].seq, epoch)

    async def _unseen(self, session: AsyncSession, events: Sequence[Event]) -> list[Event]:
        rows = await session.execute(
            text(
                "insert into feed_seen(source, id) select :source, unnest(cast(:ids as uuid[]))"
                " on conflict do nothing returning id"
            ),
            {"source": self.feed, "ids": [event.id for event in events]},
        )
        new = {row.id for row in rows}
        return [event for event in events if event.id in new]

    async def _move(self, session: AsyncSession, old: int, new: int, epoch: UUID) -> None:
        moved = await session.execute(
            text(
                "update feed_cursor set seq = :new, epoch = :epoch, updated_at = clock_timestamp()"
                " where feed = :feed and seq = :old returning seq"
            ),
            {"new": new, "old": old, "epoch": epoch, "feed": self.feed},
        )
        if moved.first() is None:
            raise FencedError(f"feed {self.feed}: the cursor is no longer at {old}")

    async def _park(self, cursor: int, event: Event, epoch: UUID, error: str) -> None:
        async with self.db.transaction() as session:
            await session.execute(
                text("insert into feed_parked(feed, seq, event, error) values(:feed, :seq, :event, :error)").bindparams(
                    bindparam("event", type_=JSONB)
                ),
                {"feed": self.feed, "seq": event.seq, "event": event.model_dump(mode="json"), "error": error},
            )
            await self._move(session, cursor, event.seq, epoch)
        PARKED.labels(self.feed).inc()
        log.error("feed_event_parked", feed=self.feed, seq=event.seq, type=event.type, error=error)

    async def _cursor(self) -> tuple[int, UUID | None]:
        async with self.db.transaction() as session:
            await session.execute(
                text("insert into feed_cursor(feed) values(:feed) on conflict do nothing"),
                {"feed": self.feed},
            )
            row = (
                await session.execute(
                    text("select seq, epoch from feed_cursor where feed = :feed"), {"feed": self.feed}
                )
            ).one()
        return row.seq, row.epoch

    async def _rewind(self, old: int) -> None:
        log.warning("feed_rewind", feed=self.feed, cursor=old)
        async with self.db.transaction() as session:
            await session.execute(
                text("update feed_cursor set seq = 0, epoch = null where feed = :feed and seq = :old"),
                {"feed": self.feed, "old": old},
            )


def _is_own_fault(error: Exception) -> bool:
    """Whether the event itself cannot be applied, and not the network, the database or another service just now."""
    if isinstance(error, ServiceCallError):
        return error.status in PERMANENT_STATUS
    return not (isinstance(error, FencedError) or is_passing_fault(error))


@contextlib.asynccontextmanager
async def following(*consumers: FeedConsumer) -> AsyncIterator[None]:
    """Run consumers in the background for the time of the block (an app's lifespan)."""
    tasks = [asyncio.create_task(consumer.run(), name=f"feed-{consumer.feed}") for consumer in consumers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def feeds_check(app: FastAPI) -> Callable[[], Awaitable[None]]:
    """For `/readyz`: raises where one of `app.state.consumers` has stopped at a gap."""

    async def check() -> None:
        for consumer in getattr(app.state, "consumers", ()):
            await consumer.check()

    return check
