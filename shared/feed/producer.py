"""Serving the outbox: `GET /v1/feed` with a long poll, one poller a process for all who wait."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from sqlalchemy import text

from shared.auth import Principal, require
from shared.clock import monotonic
from shared.db import Database
from shared.errors import GoneError
from shared.feed.events import Event
from shared.logging import get_logger

log = get_logger(__name__)

MEDIA_TYPE = "application/cloudevents-batch+json"
MAX_LIMIT = 1000
MAX_WAIT = 30.0
POLL = 0.1
PAUSE_AFTER_FAULT = 1.0
SEQUENCE_WIDTH = 20


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
        self._released = False
        self._farewell: asyncio.Task[None] | None = None

    def release(self) -> None:
        """Answer all who wait, and let nobody wait any more: the process is about to end."""
        self._released = True
        self._farewell = asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self._condition:
            self._condition.notify_all()

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
            if batch.events or self._released or monotonic() >= deadline:
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
                if self._head > head or self._released:
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(
                        self._condition.wait_for(lambda: self._head > head or self._released), seconds
                    )
        finally:
            self._waiting -= 1

    async def _poll(self) -> None:
        while self._waiting:
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - those who wait must hear of news after the fault
                log.warning("feed_poll_failed", source=self._source, error=repr(error))
                await asyncio.sleep(PAUSE_AFTER_FAULT)
            else:
                await asyncio.sleep(POLL)

    async def _look(self) -> None:
        async with self._db.transaction() as session:
            await session.execute(text("select feed_sequence()"))
            head: int = (await session.execute(text("select seq from feed_head"))).scalar_one()
        async with self._condition:
            if head > self._head:
                self._head = head
                self._condition.notify_all()


@contextlib.contextmanager
def released_on_signal(reader: FeedReader) -> Iterator[None]:
    """Release the feed's readers at SIGTERM or SIGINT, before the server's own handler.

    The server ends an app's lifespan after its open requests: without this, long polls would hold up every stop.
    """
    loop = asyncio.get_running_loop()
    servers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def on_signal(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(reader.release)
        handler = servers[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    in_main = threading.current_thread() is threading.main_thread()
    taken = [number for number, handler in servers.items() if in_main and callable(handler)]
    for number in taken:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, servers[number])


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
