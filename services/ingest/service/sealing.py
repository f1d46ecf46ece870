"""Closing days: open rows become chunks, and the partition is dropped once the copy is proved."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta

import asyncpg
from sqlalchemy.exc import DBAPIError

from services.ingest.domain.chunks import as_time, gather, same, seal, start_of, unseal
from services.ingest.domain.partitions import Partition
from services.ingest.store.dictionaries import Dictionaries
from services.ingest.store.sealing import OpenSeries, SealStore, SeriesKey
from shared.clock import Clock, wall
from shared.db import Database, raw
from shared.logging import get_logger

log = get_logger(__name__)

DAY = timedelta(days=1)
SLICE = timedelta(days=31)
ROWS_A_BATCH = 50_000
SERIES_A_RUN = 2_000
TRIES = 8
RESEAL_AFTER = timedelta(hours=1)
"""A day that was opened again stays open so long (real time): late data come in rows."""
LOCK_NOT_AVAILABLE = "55P03"


class CopyDiffersError(Exception):
    """A copy does not say the same as the rows it was made of."""


class _TouchedError(Exception):
    """Somebody wrote to the day since it was read."""

    def __init__(self, points: list[int]) -> None:
        super().__init__(f"{len(points)} points were written to")
        self.points = points


class SealService:
    """Seals days by the park's clock. Each step is a transaction of its own; a killed run is simply run again."""

    def __init__(
        self,
        db: Database,
        dictionaries: Dictionaries,
        clock: Clock,
        after: timedelta,
        *,
        again: timedelta = RESEAL_AFTER,
    ) -> None:
        self._db = db
        self._dictionaries = dictionaries
        self._clock = clock
        self._after = after
        self._again = again

    async def run(self) -> int:
        """Seal what is due, seal again what was opened; how many partitions and series."""
        now = self._clock.now()
        async with self._db.transaction() as session:
            partitions = await SealStore(await raw(session), self._dictionaries).list_partitions()
        due = [partition for partition in partitions if partition.end <= now - self._after]
        done = 0
        for partition in due:
            done += await self._seal(partition)
        return done + await self._seal_again(due)

    async def _seal(self, partition: Partition) -> bool:
        async with self._db.transaction() as session:
            store = SealStore(await raw(session), self._dictionaries)
            if not await store.lock(partition) or not await store.exists(partition):
                return False
            await store.watch(partition)
            points = await store.list_points(partition)
        try:
            for batch in _batches(points):
                await self._copy(partition, batch)
            return await self._finish(partition)
        except CopyDiffersError as error:
            log.error("seal_differs", partition=partition.name, detail=str(error))  # noqa: TRY400 - expected shape
            async with self._db.transaction() as session:
                await SealStore(await raw(session), self._dictionaries).mark_fault(partition, str(error)[:2000])
            return False

    async def _copy(self, partition: Partition, points: Sequence[int]) -> None:
        start = partition.start
        async with self._db.transaction() as session:
            store = SealStore(await raw(session), self._dictionaries)
            if not await store.lock(partition):
                return
            await store.forget_touches(partition, points)
            while start < partition.end:
                end = min(start + SLICE, partition.end)
                await self._save(store, await store.read_open(points, start, end))
                start = end

    async def _save(self, store: SealStore, found: dict[SeriesKey, OpenSeries]) -> None:
        layouts = await store.layouts(found.values())
        sealed = {}
        for key, series in found.items():
            day, start = gather(series.rows, layouts), start_of(key.day)
            one = seal(day, start)
            if not same(unseal(one.origin, one.chunks, start), day):
                raise CopyDiffersError(
                    f"point {key.point}, kind {key.kind}, {key.day}: the chunk reads back differently"
                )
            sealed[key] = one, series
            await asyncio.sleep(0)  # other work of this process goes on
        await store.save(sealed, self._clock.now())

    async def _finish(self, partition: Partition) -> bool:
        for attempt in range(TRIES):
            try:
                return await self._drop_proved(partition)
            except _TouchedError as touched:
                await self._copy(partition, touched.points)
            except (asyncpg.PostgresError, DBAPIError) as error:
                if getattr(getattr(error, "orig", error), "sqlstate", None) != LOCK_NOT_AVAILABLE:
                    raise
                await asyncio.sleep(0.2 * 2**attempt)
        log.warning("seal_put_off", partition=partition.name)
        return False

    async def _drop_proved(self, partition: Partition) -> bool:
        async with self._db.transaction() as session:
            store = SealStore(await raw(session), self._dictionaries)
            if not await store.lock(partition):
                return False
            if points := await store.touched(partition):
                raise _TouchedError(points)
            if faults := await store.prove(partition):
                raise CopyDiffersError("; ".join(faults))
            await store.shut_out()
            if points := await store.touched(partition):
                raise _TouchedError(points)
            await store.mark_sealed(partition, self._clock.now())
            await store.drop(partition)
        log.info("sealed", partition=partition.name)
        return True

    async def _seal_again(self, due: Sequence[Partition]) -> int:
        async with self._db.transaction() as session:
            store = SealStore(await raw(session), self._dictionaries)
            keys = await store.list_thawed(wall() - self._again, SERIES_A_RUN)
        for key in keys:
            await self._seal_series(key)
        for partition in due:
            await self._drop_empty(partition)
        return len(keys)

    async def _seal_series(self, key: SeriesKey) -> None:
        start = as_time(start_of(key.day))
        async with self._db.transaction() as session:
            store = SealStore(await raw(session), self._dictionaries)
            if not await store.claim_thawed(key):
                return
            found = await store.read_open([key.point], start, start + DAY)
            mine = {one: series for one, series in found.items() if one == key}
            await self._save(store, mine or {key: OpenSeries([], 0)})
            await store.drop_stale(key)
            gone, rows = await store.delete_open(key, start, start + DAY), len(mine[key].rows) if mine else 0
            if gone != rows:
                raise CopyDiffersError(f"{key}: {gone} rows open, {rows} in chunks")

    async def _drop_empty(self, partition: Partition) -> None:
        """The partition of a sealed day that was opened and sealed again."""
        try:
            async with self._db.transaction() as session:
                store = SealStore(await raw(session), self._dictionaries)
                if await store.lock(partition) or not await store.exists(partition):
                    return
                if not await store.is_empty(partition):
                    return
                await store.shut_out()
                if await store.is_empty(partition):
                    await store.drop(partition)
        except (asyncpg.PostgresError, DBAPIError) as error:
            if getattr(getattr(error, "orig", error), "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
            log.info("drop_put_off", partition=partition.name)


def _batches(points: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Points in groups of about `ROWS_A_BATCH` rows."""
    batch: list[int] = []
    size = 0
    for point, rows in points:
        if batch and size + rows > ROWS_A_BATCH:
            yield batch
            batch, size = [], 0
        batch.append(point)
        size += rows
    if batch:
        yield batch
