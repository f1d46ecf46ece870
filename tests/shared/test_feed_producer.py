import asyncio
import random
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.auth import Role
from shared.clock import monotonic
from shared.db import Database
from shared.errors import GoneError
from shared.feed import FeedReader, publish
from shared.feed.producer import POLL
from shared.testing import TokenMaker
from tests.shared.conftest import MakeKernel, OpenDatabase, Serve, connected, feed_app, fetch

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


async def publish_numbers(db: Database, *numbers: int) -> None:
    async with db.transaction() as session:
        for number in numbers:
            await publish(session, "test.counted.v1", f"thing/{number}", {"number": number}, at=AT)


@pytest.fixture
async def db(make_kernel: MakeKernel, open_database: OpenDatabase) -> Database:
    return open_database(await make_kernel())


async def test_event_is_a_cloudevent(db: Database, tokens: TokenMaker, serve: Serve) -> None:
    await publish_numbers(db, 7)
    base = await serve(feed_app(db, tokens))
    async with httpx.AsyncClient(base_url=base, headers=tokens.headers(Role.SERVICE)) as http:
        answer = await http.get("/v1/feed")

    assert answer.headers["Content-Type"] == "application/cloudevents-batch+json"
    assert (answer.headers["Feed-Head"], answer.headers["Cache-Control"]) == ("1", "no-store")
    UUID(answer.headers["Feed-Epoch"])
    (event,) = answer.json()
    assert UUID(event.pop("id")).version == 7
    assert event == {
        "specversion": "1.0", "source": "/casework", "type": "test.counted.v1", "subject": "thing/7",
        "time": "2026-11-23T02:00:00Z", "datacontenttype": "application/json", "sequence": "00000000000000000001",
        "data": {"number": 7},
    }  # fmt: skip


async def test_feed_needs_its_scope(db: Database, tokens: TokenMaker, serve: Serve) -> None:
    base = await serve(feed_app(db, tokens))
    async with httpx.AsyncClient(base_url=base) as http:
        statuses = [
            (await http.get("/v1/feed", headers=headers)).status_code
            for headers in ({}, tokens.headers(Role.OFFICER), tokens.headers(Role.SERVICE))
        ]
        bad = [
            (await http.get("/v1/feed", params=params, headers=tokens.headers(Role.SERVICE))).status_code
            for params in ({"after": -1}, {"limit": 0}, {"limit": 1001}, {"wait": 31}, {"after": "x"})
        ]

    assert statuses == [401, 403, 200]
    assert bad == [422] * 5


async def write_some(db: Database, writer: int, committed: list[int]) -> None:
    """25 transactions of one writer: a fifth rolled back, a third slow to commit."""
    chance = random.Random(writer)  # noqa: S311 - repeatable
    for number in range(25):
        value, rolled_back = writer * 1000 + number, chance.random() < 0.2
        async with AsyncSession(db.engine) as session:
            await session.execute(text("select pg_current_xact_id()"))
            await publish(session, "t", "s", {"value": value}, at=AT)
            await asyncio.sleep(chance.random() * 0.05 if chance.random() < 0.3 else 0)
            await (session.rollback() if rolled_back else session.commit())
        if not rolled_back:
            committed.append(value)


async def read_all(reader: FeedReader, done: asyncio.Event) -> list[int]:
    seen: list[int] = []
    while True:
        finished = done.is_set()
        batch = await reader.read(len(seen), 50, 0, None)
        for event in batch.events:
            assert event.seq == len(seen) + 1
            seen.append(event.data["value"])
        if finished and not batch.events:
            return seen
        await asyncio.sleep(0.005)


async def hammer(db: Database, done: asyncio.Event) -> None:
    """Another replica that numbers rows at the same time."""
    while not done.is_set():
        async with db.transaction() as session:
            await session.execute(text("select feed_sequence()"))


async def test_numbers_are_dense_under_concurrent_writers(db: Database) -> None:
    """The case in which a plain `id > cursor` loses events."""
    committed: list[int] = []
    done = asyncio.Event()
    reading = asyncio.create_task(read_all(FeedReader(db, "/x"), done))
    hammering = asyncio.create_task(hammer(db, done))
    await asyncio.gather(*(write_some(db, writer, committed) for writer in range(8)))
    done.set()
    await hammering
    seen = await reading

    assert 100 < len(committed) < 200
    assert sorted(seen) == sorted(committed)
    for writer in range(8):  # and in the order each writer committed
        of_writer = [value for value in seen if value // 1000 == writer]
        assert of_writer == sorted(of_writer)


async def test_late_commit_comes_after_an_early_one_and_is_not_lost(db: Database) -> None:
    reader = FeedReader(db, "/x")
    async with db.transaction() as slow:
        await publish(slow, "t", "slow", {}, at=AT)
        await publish_numbers(db, 1)
        first = await reader.read(0, 10, 0, None)
    second = await reader.read(1, 10, 0, None)

    assert [event.subject for event in first.events] == ["thing/1"]
    assert [(event.seq, event.subject) for event in second.events] == [(2, "slow")]


async def test_one_read_numbers_a_bounded_part_and_all_come(db: Database) -> None:
    async with connected(db.url) as connection:
        await connection.execute(
            "insert into outbox(type, subject, time, data) select 't', 's', now(), '{}' from generate_series(1, 2500)"
        )
    reader = FeedReader(db, "/x")
    first = await reader.read(0, 500, 0, None)
    (pending,) = (await fetch(db.url, "select count(*) from outbox where seq is null"))[0]
    assert (len(first.events), first.head, pending) == (500, 1000, 1500)

    after = 500
    while batch := (await reader.read(after, 500, 0, None)).events:
        assert batch[0].seq == after + 1
        after = batch[-1].seq
    assert after == 2500
    assert await fetch(db.url, "select count(*), max(seq) from outbox where seq is not null") == [(2500, 2500)]


async def test_long_poll_returns_soon_after_a_publication(db: Database, tokens: TokenMaker, serve: Serve) -> None:
    base = await serve(feed_app(db, tokens))
    async with httpx.AsyncClient(base_url=base, headers=tokens.headers(Role.SERVICE), timeout=20) as http:
        await http.get("/v1/feed")
        waits = []
        for number in range(5):
            waiting = asyncio.create_task(http.get("/v1/feed", params={"after": number, "wait": 10}))
            await asyncio.sleep(0.15)
            assert not waiting.done()
            await publish_numbers(db, number)
            began = monotonic()
            answer = await waiting
            waits.append(monotonic() - began)
            assert [event["data"]["number"] for event in answer.json()] == [number]

    assert min(waits) < POLL + 0.1  # one pause of the poller and the way back
    assert sorted(waits)[2] < 1  # and on a busy machine


async def test_many_wait_on_one_poller(db: Database) -> None:
    reader = FeedReader(db, "/x")
    waiting = [asyncio.create_task(reader.read(0, 10, 10, None)) for _ in range(40)]  # more than the pool has
    await asyncio.sleep(0.3)
    await publish_numbers(db, 1)

    batches = await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert [len(batch.events) for batch in batches] == [1] * 40


async def test_long_poll_ends_empty(db: Database) -> None:
    began = monotonic()
    batch = await FeedReader(db, "/x").read(0, 10, 0.3, None)

    assert batch.events == []
    assert 0.3 <= monotonic() - began < 2


async def test_those_who_wait_outlive_a_lost_database_connection(db: Database) -> None:
    reader = FeedReader(db, "/x")
    waiting = asyncio.create_task(reader.read(0, 10, 15, None))
    await asyncio.sleep(0.3)
    await fetch(
        db.url, "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()",
    )  # fmt: skip
    await asyncio.sleep(0.2)
    await publish_numbers(db, 1)

    assert len((await asyncio.wait_for(waiting, 10)).events) == 1


@pytest.mark.parametrize(("after", "own_epoch"), [(0, False), (2, True), (10**12, True)])
async def test_other_epoch_or_cursor_beyond_the_head_is_gone(db: Database, after: int, own_epoch: bool) -> None:  # noqa: FBT001
    await publish_numbers(db, 1)
    reader = FeedReader(db, "/x")
    epoch = (await reader.read(0, 1, 0, None)).epoch

    with pytest.raises(GoneError) as gone:
        await reader.read(after, 10, 0, epoch if own_epoch else uuid4())
    assert gone.value.context == {"epoch": str(epoch), "head": 1}
