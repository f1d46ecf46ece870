"""Sealed days: the same answers as before, late data, races and kills, over a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.ingest.domain.readings import Fate, Key, Row, Value
from services.ingest.service import sealing
from services.ingest.service.intake import Intake
from services.ingest.service.sealing import SealService
from services.ingest.store.readings import ReadingStore
from shared.clock import FixedClock
from shared.contracts.ingest import ReadingKind
from shared.db import plain_dsn, raw
from tests.conftest import MakeDatabase
from tests.ingest.test_store import Store

DAY = datetime(2026, 2, 20, tzinfo=UTC)
LATER = FixedClock(DAY + timedelta(days=9))
T0 = int(DAY.timestamp())


class Seals(Store):
    """The store of the other tests, and a sealer."""

    def sealer(self) -> SealService:
        return SealService(self.db, Intake(self.db).dictionaries, LATER, timedelta(days=3), again=timedelta(0))

    async def seal(self) -> int:
        return await self.sealer().run()

    async def counts(self) -> tuple[int, int]:
        (row,) = await self.fetch(
            "select (select count(*) from frame), (select count(*) from series_chunk where not stale)"
        )
        return row[0], row[1]

    async def track(self, factor: str, since: int, until: int) -> list[tuple[int, float, str]]:
        async with self.db.transaction() as session:
            store = ReadingStore(await raw(session), self.intake.dictionaries)
            key = Key(1, ReadingKind.MINUTE, since)
            track = await store.read_track(key, factor, datetime.fromtimestamp(until, UTC), limit=10_000)
        assert track is not None
        return list(zip(track.at.tolist(), track.value.tolist(), track.flags, strict=True))


@pytest.fixture
async def store(make_database: MakeDatabase) -> AsyncIterator[Seals]:
    store = Seals(await make_database("ingest"))
    yield store
    await store.db.close()


def row(minute: int, source: str = "t", point: int = 1, **values: Any) -> Row:
    given = {code: value if isinstance(value, Value) else Value(value) for code, value in values.items()}
    return Row(Key(point, ReadingKind.MINUTE, T0 + 60 * minute), given, source)


async def fill(store: Seals, days: int = 1) -> None:
    rows = [row(minute, a=minute / 8, b=Value(None, "D") if minute % 5 else Value(1.5, "N", 1.0, 2.0, 60.0, 0.1))
            for minute in range(0, 1440 * days, 40)]  # fmt: skip
    assert set(await store.add(rows)) == {Fate.STORED}


async def test_a_sealed_day_answers_as_before_and_its_partition_is_gone(store: Seals) -> None:
    await fill(store, 2)
    before = await store.everything(), await store.track("a", T0 + 1200, T0 + 100_000)
    assert await store.seal() == 2
    (gone,) = await store.fetch("select to_regclass('frame_p20260220') is null")

    assert (await store.everything(), await store.track("a", T0 + 1200, T0 + 100_000)) == before
    assert await store.counts() == (0, 4)
    assert gone[0]
    assert await store.seal() == 0


async def test_late_repeated_and_corrected_values_of_a_sealed_day(store: Seals) -> None:
    await fill(store)
    await store.seal()

    assert await store.add([row(0, "again", a=0.0), row(40, "again", a=7.0), row(41, "again", a=8.0)]) == [
        Fate.UNCHANGED, Fate.CORRECTED, Fate.STORED,
    ]  # fmt: skip
    opened = await store.everything()
    assert await store.counts() == (37, 0)
    assert await store.seal() == 1
    history = await store.fetch(
        "select value, rev, s.name from reading_revision r join reading_source s on s.id = r.source"
    )
    (day,) = await store.fetch("select rev, rows, state from series_day")

    assert await store.everything() == opened
    assert await store.track("a", T0 + 2400, T0 + 2520) == [(T0 + 2400, 7.0, "N"), (T0 + 2460, 8.0, "N")]
    assert await store.counts() == (0, 2)
    assert [tuple(one) for one in history] == [(5.0, 0, "t")]
    assert tuple(day) == (1, 37, "sealed")
    assert await store.fetch("select to_regclass('frame_p20260220')") == [(None,)]


async def test_a_process_that_knows_nothing_of_the_seal_writes_to_the_right_place(store: Seals) -> None:
    await fill(store)
    others = [Store(store.url), Store(store.url)]
    try:
        for other in others:  # both have seen the day open
            await other.add([row(3, a=1.0)])
        await store.seal()
        await others[0].add([row(4, a=2.0), row(7, point=2, a=3.0)])
        assert await others[1].add([row(5, point=2, a=1.0), row(0, a=0.0)]) == [Fate.STORED, Fate.UNCHANGED]
        everything = await store.everything()
        assert everything[Key(1, ReadingKind.MINUTE, T0)]["a"] == (0.0, "N")
        assert len(everything) == 36 + 2 + 2
        await store.seal()
        assert await store.everything() == everything
    finally:
        for other in others:
            await other.db.close()


async def test_writers_readers_and_two_sealers_at_once_lose_and_double_nothing(store: Seals) -> None:
    await fill(store, 3)
    kept = len(await store.everything())
    stop = asyncio.Event()
    seen: list[int] = []

    async def write(worker: int) -> int:
        for i in range(25):
            minute = (i * 53 + worker) % 4320
            if minute % 40:
                await store.add([row(minute, point=2, a=float(i))])
            await asyncio.sleep(0.01)
        return 0

    async def read() -> None:
        while not stop.is_set():
            found = await store.everything()
            seen.append(len([key for key in found if key.point == 1]))

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(worker) for worker in (1, 2)), store.seal(), store.seal())
    await store.seal()
    await store.seal()
    stop.set()
    await reader
    written = {(i * 53 + worker) % 4320 for worker in (1, 2) for i in range(25)}
    everything = await store.everything()

    assert set(seen) == {kept}
    assert len([key for key in everything if key.point == 2]) == len([minute for minute in written if minute % 40])
    assert (await store.counts())[0] == 0


async def test_a_value_written_while_the_day_is_copied_is_copied_too(
    store: Seals, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store)
    finish = SealService._drop_proved
    wrote = False

    async def late(self: SealService, partition: Any) -> bool:
        nonlocal wrote
        if not wrote:
            wrote = True
            assert await store.add([row(1, a=9.0)]) == [Fate.STORED]
        return await finish(self, partition)

    monkeypatch.setattr(SealService, "_drop_proved", late)
    await store.seal()

    assert await store.track("a", T0 + 60, T0 + 61) == [(T0 + 60, 9.0, "N")]
    assert (await store.counts())[0] == 0


async def test_a_copy_that_differs_keeps_the_partition_and_is_reported(store: Seals) -> None:
    await fill(store)
    before = await store.everything()
    sealer = store.sealer()
    finish = sealer._finish

    async def spoil(partition: Any) -> bool:
        await store.fetch("update series_chunk set body = body || '\\x00'::bytea")
        return await finish(partition)

    sealer._finish = spoil  # type: ignore[method-assign]
    assert await sealer.run() == 0
    (day,) = await store.fetch("select sealed_at, fault from sealed_day")

    assert day["sealed_at"] is None
    assert "point 1, kind 2, 2026-02-20" in day["fault"]
    assert await store.everything() == before
    assert await store.seal() == 1  # and the next run makes it good
    assert await store.everything() == before


@pytest.mark.parametrize("step", ["save", "prove", "mark_sealed", "drop"])
async def test_a_run_that_is_killed_is_simply_run_again(
    store: Seals, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store)
    before = await store.everything()
    doing = getattr(sealing.SealStore, step)

    async def killed(self: Any, *given: Any) -> None:
        await doing(self, *given)
        pid = await self._connection.fetchval("select pg_backend_pid()")
        other = await asyncpg.connect(plain_dsn(store.url))
        await other.execute("select pg_terminate_backend($1)", pid)
        await other.close()
        await self._connection.execute("select 1")

    with monkeypatch.context() as patch:
        patch.setattr(sealing.SealStore, step, killed)
        with pytest.raises(Exception, match=r"not there|terminat|closed"):
            await store.seal()
    assert await store.everything() == before
    await store.seal()

    assert await store.everything() == before
    assert await store.counts() == (0, 2)
