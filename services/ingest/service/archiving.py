"""Closed months to files, files looked after, and, where the operator wants it, days that only the files hold."""

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from uuid import UUID

import pyarrow as pa

from services.ingest.domain.archive import day_table, mean_table, month_after
from services.ingest.domain.chunks import same
from services.ingest.domain.readings import KIND_NUMBERS, MEANS
from services.ingest.store.archive import ArchiveFile, ArchiveStore, Month
from services.ingest.store.archive_files import ArchiveFiles
from services.ingest.store.archive_reading import day_in
from services.ingest.store.dictionaries import Dictionaries
from shared.clock import Clock
from shared.db import Database, raw
from shared.logging import get_logger

log = get_logger(__name__)

KINDS = {number: kind for kind, number in KIND_NUMBERS.items()}
MEAN_NUMBERS = frozenset(KIND_NUMBERS[kind] for kind in MEANS)


class ArchiveService:
    """Writes, checks and releases. Each month is by itself; a killed run is simply run again."""

    def __init__(
        self,
        db: Database,
        dictionaries: Dictionaries,
        files: ArchiveFiles,
        clock: Clock,
        *,
        after: timedelta,
        keep: int,
    ) -> None:
        self._db = db
        self._dictionaries = dictionaries
        self._files = files
        self._clock = clock
        self._after = after
        self._keep = keep
        """Months that stay in the database besides the file; 0: all of them."""

    async def run(self) -> int:
        """Write the months that are due, then release; how many files were written."""
        before = (self._clock.now() - self._after).date()
        async with self._db.transaction() as session:
            due = await ArchiveStore(await raw(session)).list_due(before)
        for one in due:
            await self._write(one)
        if self._keep:
            await self._release(before)
        return len(due)

    async def check(self) -> list[ArchiveFile]:
        """Read every file and compare its hash; those that are damaged or missing."""
        async with self._db.transaction() as session:
            files = await ArchiveStore(await raw(session)).list_files()
        bad = []
        for file in files:
            fault = await asyncio.to_thread(self._files.fault, file.path, file.sha256)
            async with self._db.transaction() as session:
                await ArchiveStore(await raw(session)).mark(file, fault, self._clock.now())
            if fault:
                log.error("archive_damaged", path=file.path, detail=fault)
                bad.append(file._replace(state="damaged", detail=fault))
        return bad

    async def _write(self, one: Month) -> None:
        now = self._clock.now()
        async with self._db.transaction() as session:
            store = ArchiveStore(await raw(session))
            rev, points = await store.next_rev(one), await store.list_points(one)
        path = f"{KINDS[one.kind].value}/{one.month:%Y-%m}.r{rev}.parquet"
        loop = asyncio.get_running_loop()

        def groups() -> Iterator[tuple[int, pa.Table]]:
            for point, outlet_id in points:
                yield point, asyncio.run_coroutine_threadsafe(self._table(one, point, outlet_id), loop).result()

        written = await asyncio.to_thread(self._files.write, path, groups())
        async with self._db.transaction() as session:
            replaced = await ArchiveStore(await raw(session)).add(one, rev, written, now)
        for old in replaced:
            await asyncio.to_thread(self._files.remove, old)
        log.info("archived", path=path, rows=written.rows, size=written.size)

    async def _table(self, one: Month, point: int, outlet_id: UUID) -> pa.Table:
        async with self._db.transaction() as session:
            store = ArchiveStore(await raw(session))
            if one.kind in MEAN_NUMBERS:
                return mean_table(await store.list_means(one, point), outlet_id)
            days, sources = await store.list_days(one, point), await store.source_names()
        tables = [day_table(day, outlet_id, sources) for _, day in sorted(days.items())]
        return pa.concat_tables(tables) if tables else mean_table([], outlet_id)

    async def _release(self, before: date) -> None:
        last = before.replace(day=1)
        for _ in range(self._keep):
            last = (last - timedelta(days=1)).replace(day=1)
        async with self._db.transaction() as session:
            files = await ArchiveStore(await raw(session)).list_files()
        for file in files:
            ready = file.state == "verified" and file.released_at is None and file.kind not in MEAN_NUMBERS
            if ready and month_after(file.month) <= last:
                await self._release_month(file)

    async def _release_month(self, file: ArchiveFile) -> None:
        one = Month(file.month, file.kind)
        async with self._db.transaction() as session:
            points = await ArchiveStore(await raw(session)).list_points(one)
        for point, _ in points:
            table = await asyncio.to_thread(self._files.read, file.path, file.sha256, point)
            async with self._db.transaction() as session:
                connection = await raw(session)
                store = ArchiveStore(connection)
                await store.lock_days(one, point)
                days = await store.list_days(one, point)
                proved = [day for day, held in days.items() if same(held, await day_in(self._dictionaries, table, day))]
                if len(proved) < len(days):
                    log.error("archive_differs", path=file.path, point=point, days=len(days) - len(proved))
                await store.release(file, point, proved)
        log.info("released", path=file.path)
