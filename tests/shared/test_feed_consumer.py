import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.auth import Role
from shared.clients.base import ServiceCallError, ServiceClient
from shared.db import Database
from shared.errors import UnavailableError
from shared.feed import Event, FeedConsumer, FeedGapError, FencedError, following
from shared.testing import Network, TokenMaker
from tests.shared.conftest import MakeKernel, OpenDatabase, Serve, connected, feed_app, fetch
from tests.shared.test_feed_producer import publish_numbers

ROOT = Path(__file__).parents[2]
EFFECTS = "select seq from effects order by seq"


async def note(session: AsyncSession, events: Sequence[Event]) -> None:
    """The effect of these tests: one row an event."""
    for event in events:
        await session.execute(
            text("insert into effects(event_id, seq, value) values(:id, :seq, :value)"),
            {"id": event.id, "seq": event.seq, "value": event.data["number"]},
        )


class Pair:
    """A producer and a consumer of it, each with its own database, in one process."""

    def __init__(self, source: Database, sink: Database, app: FastAPI, tokens: TokenMaker) -> None:
        self.source, self.sink, self.app = source, sink, app
        self._tokens = tokens
        self._network = Network()
        self._network.apps["producer"] = app

    def consumer(self, handler: Any = note, **options: Any) -> FeedConsumer:
        async def token() -> str:
            return self._tokens.token(Role.SERVICE)

        client = ServiceClient("http://producer", token, transport=self._network)
        return FeedConsumer("casework", client, self.sink, handler, **({"wait": 0} | options))

    async def effects(self) -> list[int]:
        return [row[0] for row in await fetch(self.sink.url, EFFECTS)]

    async def cursor(self) -> int:
        return int((await fetch(self.sink.url, "select coalesce(max(seq), 0) from feed_cursor"))[0][0])

    async def parked(self) -> list[tuple[Any, ...]]:
        return await fetch(self.sink.url, "select feed, seq, error from feed_parked order by seq")


@pytest.fixture
async def pair(make_kernel: MakeKernel, open_database: OpenDatabase, tokens: TokenMaker) -> Pair:
    source, sink = open_database(await make_kernel()), open_database(await make_kernel())
    return Pair(source, sink, feed_app(source, tokens), tokens)


async def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def run_until(consumer: FeedConsumer, condition: Callable[[], Any]) -> None:
    async with following(consumer):
        await until(condition)


async def test_each_event_has_one_effect(pair: Pair) -> None:
    await publish_numbers(pair.source, 1, 2, 3)
    consumer = pair.consumer()

    assert [await consumer.step(), await consumer.step()] == [3, 0]
    await publish_numbers(pair.source, 4)
    assert await pair.consumer().step() == 1  # another process goes on where the first one was
    assert await pair.effects() == [1, 2, 3, 4]
    assert await pair.cursor() == 4


async def test_batches_are_bounded(pair: Pair) -> None:
    await publish_numbers(pair.source, *range(7))
    consumer = pair.consumer(limit=3)

    assert [await consumer.step() for _ in range(4)] == [3, 3, 1, 0]


async def test_handler_that_fails_leaves_nothing(pair: Pair) -> None:
    async def fail(session: AsyncSession, events: Sequence[Event]) -> None:
        await note(session, events)
        raise ValueError("after the effect")

    await publish_numbers(pair.source, 1, 2)
    with pytest.raises(ValueError, match="after the effect"):
        await pair.consumer(fail).step()

    assert (await pair.effects(), await pair.cursor()) == ([], 0)
    assert await fetch(pair.sink.url, "select * from feed_seen") == []
    assert await pair.consumer().step() == 2


async def test_killed_between_effect_and_commit(pair: Pair, tokens: TokenMaker, serve: Serve) -> None:
    """A real process, SIGKILL while its transaction is open; the next one finds the work undone and does it once."""
    await publish_numbers(pair.source, 1, 2, 3)
    base = await serve(pair.app)
    script = str(ROOT / "tests" / "shared" / "consumer_process.py")
    arguments = (script, pair.sink.url, base, tokens.token(Role.SERVICE))

    async def start(hold: float) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, *arguments, str(hold), cwd=ROOT, env={"PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def effect(process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while (await asyncio.wait_for(process.stdout.readline(), 30)) != b"effect\n":
            assert process.returncode is None

    held = await start(hold=600)
    await effect(held)
    held.kill()
    await held.wait()
    assert (await pair.effects(), await pair.cursor()) == ([], 0)

    free = await start(hold=0)
    try:
        await until(lambda: _is(pair.effects, [1, 2, 3]))
        await publish_numbers(pair.source, 4)
        await until(lambda: _is(pair.effects, [1, 2, 3, 4]))
    finally:
        free.kill()
        await free.wait()
    assert await pair.cursor() == 4


async def _is(read: Callable[[], Any], wanted: Any) -> bool:
    return bool(await read() == wanted)


async def test_two_consumers_are_fenced(pair: Pair) -> None:
    """The slower of two that read the same batch applies nothing, whichever that is."""
    await publish_numbers(pair.source, 1, 2)
    async with pair.source.transaction() as session:  # or the reader that loses the lock sees nothing yet
        await session.execute(text("select feed_sequence()"))
    both_inside = asyncio.Barrier(2)

    async def together(events: Sequence[Event]) -> None:
        del events
        await both_inside.wait()

    async with asyncio.timeout(20):
        outcomes = await asyncio.gather(
            pair.consumer(prepare=together).step(), pair.consumer(prepare=together).step(), return_exceptions=True
        )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["FencedError", "int"]
    assert (await pair.effects(), await pair.cursor()) == ([1, 2], 2)


async def test_two_consumers_together_do_each_event_once(pair: Pair) -> None:
    async with following(pair.consumer(limit=5), pair.consumer(limit=3), pair.consumer(limit=1)):
        for start in range(0, 60, 10):
            await publish_numbers(pair.source, *range(start, start + 10))
            await asyncio.sleep(0.02)
        await until(lambda: _is(pair.cursor, 60))

    assert await pair.effects() == list(range(1, 61))


async def test_cursor_moved_by_another_rolls_the_effect_back(pair: Pair) -> None:
    async def move(events: Sequence[Event]) -> None:
        del events
        await fetch(pair.sink.url, "update feed_cursor set seq = 99 returning seq")

    await publish_numbers(pair.source, 1)
    with pytest.raises(FencedError, match="no longer at 0"):
        await pair.consumer(prepare=move).step()
    assert await pair.effects() == []


async def test_gap_stops_the_consumer_loudly(pair: Pair) -> None:
    await publish_numbers(pair.source, 1, 2, 3)
    await pair.consumer(limit=1).step()
    async with connected(pair.source.url) as connection:
        await connection.execute("delete from outbox where seq = 2")

    consumer = pair.consumer()
    with pytest.raises(FeedGapError, match="feed casework: expected 2, got 3"):
        await asyncio.wait_for(consumer.run(), 5)
    with pytest.raises(FeedGapError):  # what /readyz asks
        await consumer.check()
    assert (await pair.effects(), await pair.cursor()) == ([1], 1)


async def refuse_thirteen(session: AsyncSession, events: Sequence[Event]) -> None:
    if any(event.data["number"] == 13 for event in events):
        raise ValueError("thirteen cannot be applied")
    await note(session, events)


async def test_poison_is_parked_after_all_tries_and_the_rest_goes_on(pair: Pair) -> None:
    await publish_numbers(pair.source, 11, 12, 13, 14)
    consumer = pair.consumer(refuse_thirteen, attempts=3)
    for _ in range(2):
        with pytest.raises(ValueError, match="thirteen"):
            await consumer.step()
        assert (await pair.effects(), await pair.parked()) == ([], [])

    assert await consumer.step() == 4
    assert await pair.effects() == [1, 2, 4]
    assert await pair.parked() == [("casework", 3, "ValueError('thirteen cannot be applied')")]
    assert await pair.cursor() == 4
    await publish_numbers(pair.source, 15, 13, 16)
    with pytest.raises(ValueError, match="thirteen"):  # the next poison has all its tries again
        await consumer.step()


async def test_single_poison_event(pair: Pair) -> None:
    await publish_numbers(pair.source, 13)
    await run_until(pair.consumer(refuse_thirteen, attempts=2), lambda: _is(pair.cursor, 1))

    assert [row[:2] for row in await pair.parked()] == [("casework", 1)]


@pytest.mark.parametrize(
    "fault",
    [
        ServiceCallError("ingest", 503, "unavailable", "down"),
        ServiceCallError("ingest", 401, "unauthenticated", "token"),
        ServiceCallError("ingest", 500, "internal_error", "bug"),
        UnavailableError("no database"),
        ConnectionResetError(),
        TimeoutError(),
    ],
    ids=repr,
)
async def test_passing_faults_never_park(pair: Pair, fault: Exception) -> None:
    """However long the other side is away, and also right after it came back."""
    await publish_numbers(pair.source, 1, 2)
    away = 12

    async def prepare(events: Sequence[Event]) -> None:
        nonlocal away
        assert len(events) == 2
        away -= 1
        if away >= 0:
            raise fault

    consumer = pair.consumer(prepare=prepare, attempts=3)
    for _ in range(12):
        with pytest.raises(type(fault)):
            await consumer.step()
    assert await consumer.step() == 2
    assert (await pair.effects(), await pair.parked()) == ([1, 2], [])


async def test_long_outage_does_not_use_up_the_tries(pair: Pair) -> None:
    """Faults of the way do not count: the first fault of an event's own is its first try."""
    await publish_numbers(pair.source, 13)
    consumer = pair.consumer(refuse_thirteen, attempts=3)
    consumer._failures = 50

    with pytest.raises(ValueError, match="thirteen"):
        await consumer.step()
    assert await pair.parked() == []


async def test_answer_that_asking_again_does_not_change_is_poison(pair: Pair) -> None:
    async def prepare(events: Sequence[Event]) -> None:
        if any(event.data["number"] == 13 for event in events):
            raise ServiceCallError("ingest", 404, "not_found", "no such batch")

    await publish_numbers(pair.source, 12, 13, 14)
    consumer = pair.consumer(prepare=prepare, attempts=1)
    assert await consumer.step() == 3
    assert await pair.effects() == [1, 3]
    assert [row[1] for row in await pair.parked()] == [2]


async def test_lost_database_connections_do_not_park(pair: Pair) -> None:
    await publish_numbers(pair.source, 1)
    consumer = pair.consumer(attempts=1)
    await consumer._cursor()  # connections stand in the pool
    kill = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )

    async def cut(session: AsyncSession, events: Sequence[Event]) -> None:
        await fetch(pair.sink.url, kill)
        await note(session, events)

    with pytest.raises(UnavailableError):
        await pair.consumer(cut, attempts=1).step()
    await run_until(consumer, lambda: _is(pair.effects, [1]))
    assert await pair.parked() == []


async def test_new_epoch_reads_again_without_double_effect(pair: Pair) -> None:
    await publish_numbers(pair.source, 1, 2, 3)
    await pair.consumer().step()
    # The producer is restored from a backup that lacks the third event, and goes on with another one.
    async with connected(pair.source.url) as connection:
        await connection.execute("delete from outbox where seq = 3")
        await connection.execute("update feed_head set seq = 2, epoch = $1", uuid4())
    await publish_numbers(pair.source, 4)

    consumer = pair.consumer()
    assert await consumer.step() == 0  # 410: from the beginning again
    assert await pair.cursor() == 0
    assert await consumer.step() == 3
    values = await fetch(pair.sink.url, "select value, count(*) from effects group by value order by value")
    assert values == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert await pair.cursor() == 3


async def test_restored_producer_behind_the_cursor_is_noticed(pair: Pair) -> None:
    await publish_numbers(pair.source, 1, 2)
    await pair.consumer().step()
    async with connected(pair.source.url) as connection:
        await connection.execute("delete from outbox where seq = 2")
        await connection.execute("update feed_head set seq = 1")

    assert await pair.consumer().step() == 0
    assert await pair.cursor() == 0
    assert await pair.consumer().step() == 1
    assert await pair.effects() == [1, 2]


async def test_follows_through_an_unreachable_producer(pair: Pair) -> None:
    app = pair._network.apps.pop("producer")
    async with following(pair.consumer()):
        await publish_numbers(pair.source, 1)
        await asyncio.sleep(0.3)
        pair._network.apps["producer"] = app
        await until(lambda: _is(pair.effects, [1]))
