"""Feeds between services: an outbox numbered without gaps, pulled over HTTP with a durable cursor.

Producer: `publish()` as the last statement of the business transaction; `feed_router()` serves
`GET /v1/feed?after=SEQ&limit=N&wait=SECONDS` as CloudEvents 1.0 in a batch, in commit order, long-polling
when there is nothing new (the http-feeds.org convention; the cursor is the dense `sequence`).
Consumer: `FeedConsumer` applies each batch in one transaction with its cursor, fenced against a second
consumer; a missing number stops it loudly, an event that cannot be applied is parked, never skipped in
silence. Numbering is `feed_sequence()`: an identity column loses events whose transactions commit late,
and a one-statement version numbers rows twice.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import httpx
import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from prometheus_client import Counter, Gauge
from pydantic import BaseModel
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from shared.auth import Principal, require
from shared.clients.base import ServiceCallError, ServiceClient
from shared.clock import monotonic
from shared.db import Database
from shared.errors import GoneError
from shared.logging import get_logger, request_id

log = get_logger(__name__)

MEDIA_TYPE = "application/cloudevents-batch+json"
MAX_LIMIT = 1000
MAX_WAIT = 30.0
POLL = 0.1
SEQUENCE_WIDTH = 20

FEED_DDL = (
    """create table outbox(
  id bigint generated always as identity primary key,
  seq bigint,
  event_id uuid not null default uuidv7(),
  type text not null, subject text not null,
  time timestamptz not null,
  data jsonb not null, traceparent text)""",
    "create unique index outbox_seq on outbox(seq) where seq is not null",
    "create index outbox_new on outbox(id) where seq is null",
    "create table feed_head(one bool primary key default true check(one), seq bigint not null, epoch uuid not null)",
    "insert into feed_head values(true, 0, gen_random_uuid())",
    # Two statements on purpose: the second takes its snapshot after the lock is held.
    """create function feed_sequence(maxn int default 1000) returns int language plpgsql volatile as $$
declare h bigint; n int;
begin
  select seq into h from feed_head where one for update skip locked;
  if not found then return 0; end if;
  with b as materialized (select id, row_number() over (order by id) rn
                            from (select id from outbox where seq is null order by id limit maxn) q)
  update outbox o set seq = h + b.rn from b where o.id = b.id and o.seq is null;
  get diagnostics n = row_count;
  if n > 0 then update feed_head set seq = h + n where one; end if;
  return n;
end $$""",
    """create table feed_cursor(
  feed text primary key, seq bigint not null default 0, epoch uuid,
  updated_at timestamptz not null default clock_timestamp())""",
    "create table feed_seen(source text not null, id uuid not null, primary key(source, id))",
    """create table feed_parked(
  feed text not null, seq bigint not null, event jsonb not null, error text not null,
  parked_at timestamptz not null default clock_timestamp(), primary key(feed, seq))""",
)
"""Statements a service's first migration runs, one by one."""

CONSUMER_LAG = Gauge("sanse_feed_lag_events", "Feed head minus cursor", ["feed"])
PARKED = Counter("sanse_feed_parked_total", "Events set aside because they could not be applied", ["feed"])


class Event(BaseModel):
    """A CloudEvents 1.0 envelope. `sequence` is the feed position, zero-padded to 20 digits."""

    specversion: str = "1.0"
    id: UUID
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str = "application/json"
    sequence: str
    traceparent: str | None = None
    data: dict[str, Any]

    @property
    def seq(self) -> int:
        """Feed position as a number."""
        return int(self.sequence)


_INSERT = text(
    "insert into outbox(type, subject, time, data, traceparent) values(:type, :subject, :time, :data, :trace)"
).bindparams(bindparam("data", type_=JSONB))


async def publish(session: AsyncSession, event_type: str, subject: str, data: dict[str, Any], *, at: datetime) -> None:
    """Write one event in the caller's transaction. Call it last: after the row locks, before the commit.

    `data` must be JSON (times as ISO text, ids as text): pass `model.model_dump(mode="json")`.
    """
    row = {
        "type": event_type,
        "subject": subject,
        "time": at,
        "data": data,
        "trace": request_id.get() or None,
    }
    await session.execute(_INSERT, row)


@dataclass(frozen=True)
class Batch:
    """What one read of the feed gives."""

    epoch: UUID
    head: int
    events: list[Event]


class FeedReader:
    """Serves the outbox. One poller a process wakes all waiting readers."""

    def __init__(self, db: Database, source: str) -> None:
        self._db = db
        self._source = source
        self._condition = asyncio.Condition()
        self._waiting = 0
        self._head = -1
        self._poller: asyncio.Task[None] | None = None

    async def read(self, after: int, limit: int, wait: float, epoch: UUID | None) -> Batch:
        """Events after a position; waits up to `wait` seconds when there is none."""
        deadline = monotonic() + min(wait, MAX_WAIT)
        while True:
            batch = await self._select(after, limit)
            if (epoch is not None and epoch != batch.epoch) or after > batch.head:
                raise GoneError(
                    "this feed was restored or replaced; read it again from 0",
                    epoch=str(batch.epoch), head=batch.head,
                )  # fmt: skip
            if batch.events or monotonic() >= deadline:
                return batch
            await self._wait_beyond(batch.head, deadline - monotonic())

    async def _select(self, after: int, limit: int) -> Batch:
        async with self._db.transaction() as session:
            await session.execute(text("select feed_sequence()"))
        async with self._db.transaction() as session:
            head = (await session.execute(text("select seq, epoch from feed_head"))).one()
            rows = await session.execute(
                text(
                    "select seq, event_id, type, subject, time, data, traceparent from outbox"
                    " where seq > :after and seq <= :head order by seq limit :limit"
                ),
                {"after": after, "head": head.seq, "limit": limit},
            )
            events = [
                Event(
                    id=row.event_id, source=self._source, type=row.type, subject=row.subject, time=row.time,
                    sequence=str(row.seq).zfill(SEQUENCE_WIDTH), traceparent=row.traceparent, data=row.data,
                )
                for row in rows
            ]  # fmt: skip
        return Batch(head.epoch, head.seq, events)

    async def _wait_beyond(self, head: int, seconds: float) -> None:
        self._waiting += 1
        try:
            if self._poller is None or self._poller.done():
                self._poller = asyncio.create_task(self._poll())
            async with self._condition:
                if self._head > head:
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._condition.wait_for(lambda: self._head > head), seconds)
        finally:
            self._waiting -= 1

    async def _poll(self) -> None:
        while self._waiting:
            async with self._db.transaction() as session:
                await session.execute(text("select feed_sequence()"))
                head: int = (await session.execute(text("select seq from feed_head"))).scalar_one()
            async with self._condition:
                if head > self._head:
                    self._head = head
                    self._condition.notify_all()
            await asyncio.sleep(POLL)


def feed_router() -> APIRouter:
    """The route `GET /v1/feed`; the app keeps its `FeedReader` in `app.state.feed`."""
    router = APIRouter(tags=["feed"])

    @router.get("/v1/feed", responses={200: {"content": {MEDIA_TYPE: {}}}})
    async def read_feed(
        request: Request,
        _caller: Annotated[Principal, Depends(require("feed:read"))],
        after: Annotated[int, Query(ge=0, description="last position seen")] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 500,
        wait: Annotated[float, Query(ge=0, le=MAX_WAIT, description="seconds to wait for news")] = 0,
        feed_epoch: Annotated[UUID | None, Header(description="epoch of the cursor")] = None,
    ) -> Response:
        """Events in commit order, CloudEvents 1.0 batch; an empty list means: nothing new yet."""
        reader: FeedReader = request.app.state.feed
        batch = await reader.read(after, limit, wait, feed_epoch)
        body = orjson.dumps([event.model_dump(mode="json", exclude_none=True) for event in batch.events])
        headers = {"Feed-Epoch": str(batch.epoch), "Feed-Head": str(batch.head), "Cache-Control": "no-store"}
        return Response(body, media_type=MEDIA_TYPE, headers=headers)

    return router


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
    _failures: int = field(default=0, repr=False)

    async def run(self) -> None:
        """Follow the feed until cancelled; backs off on errors, never gives up."""
        while True:
            try:
                await self.step()
                self._failures = 0
            except asyncio.CancelledError:
                raise
            except FeedGapError:
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
        except (ServiceCallError, FencedError, OSError):
            raise
        except Exception as error:
            if self._failures < self.attempts:
                raise
            if len(events) > 1:  # find the one that cannot be applied
                for position, event in enumerate(events):
                    await self._apply_or_park(cursor + position, [event], epoch)
                return
            await self._park(cursor, events[0], epoch, repr(error))

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
