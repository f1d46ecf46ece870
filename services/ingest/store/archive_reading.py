"""Days that only the archive holds, read out of its files."""

import asyncio
from collections.abc import Iterable
from datetime import date

import asyncpg
import pyarrow as pa

from services.ingest.domain.archive import READ, day_of_table, layouts_in, month_of, table_columns
from services.ingest.domain.chunks import Day
from services.ingest.domain.columns import Columns
from services.ingest.store.archive import ArchiveFile, ArchiveStore
from services.ingest.store.archive_files import ArchiveDamagedError, ArchiveFiles
from services.ingest.store.dictionaries import Dictionaries


async def day_in(dictionaries: Dictionaries, table: pa.Table, day: date) -> Day:
    """A day as a file tells it, in the numbers of this database."""
    names, wanted = set(table["source"].unique().to_pylist()), layouts_in(table)
    await dictionaries.learn(sources=names, layouts=wanted)
    numbers = {name: dictionaries.source(name) for name in names}
    return day_of_table(table, day, numbers, {one: dictionaries.find_layout(one) or 0 for one in wanted})


class ArchiveReader:
    """Reads files as the manifest in the caller's transaction names them. Raises `ArchiveDamagedError`."""

    def __init__(self, connection: asyncpg.Connection, dictionaries: Dictionaries) -> None:
        self._store = ArchiveStore(connection)
        self._dictionaries = dictionaries

    async def columns(self, point: int, kind: int, days: Iterable[date]) -> list[Columns]:
        """Values of an outlet on days that were released."""
        by_month: dict[date, set[date]] = {}
        for day in days:
            by_month.setdefault(month_of(day), set()).add(day)
        parts = []
        for month, wanted in sorted(by_month.items()):
            table = await self._read(await self._file(month, kind), point, READ)
            parts.append(table_columns(table, point, wanted))
        return parts

    async def day(self, point: int, kind: int, day: date) -> Day:
        """Everything of a day that was released."""
        table = await self._read(await self._file(month_of(day), kind), point, None)
        return await day_in(self._dictionaries, table, day)

    async def _file(self, month: date, kind: int) -> ArchiveFile:
        found = [file for file in await self._store.list_files(month=month) if file.kind == kind]
        if not found:
            raise ArchiveDamagedError(f"no file holds {month:%Y-%m}", month=str(month))
        return found[0]

    async def _read(self, file: ArchiveFile, point: int, columns: Iterable[str] | None) -> pa.Table:
        files: ArchiveFiles | None = self._dictionaries.archive
        if files is None:
            raise ArchiveDamagedError("this process knows no archive; set INGEST_ARCHIVE_DIR", path=file.path)
        return await asyncio.to_thread(files.read, file.path, file.sha256, point, columns)
