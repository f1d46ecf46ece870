"""Numbers for texts: factor codes, sources and layouts, learnt once and then known to the process.

New entries are committed on their own, before the transaction that uses them: a number in the memory of
the process is then always one that exists, and no writer waits for another one's dictionary entry.
"""

from collections.abc import Iterable

import asyncpg

from services.ingest.store.archive_files import ArchiveFiles
from shared.db import Database, raw
from shared.errors import InvalidError

MOST_ENTRIES = 50_000
"""Far more than all code tables together; what goes beyond is somebody sending noise as codes."""

Layout = tuple[str, ...]


class TooManyCodesError(InvalidError):
    """A dictionary is full."""

    code = "too_many_codes"


class Dictionaries:
    """Held by the process; shared by all its requests. `archive`: where files of released months lie."""

    def __init__(self, db: Database, archive: ArchiveFiles | None = None) -> None:
        self.archive = archive
        self._db = db
        self._factors: dict[str, int] = {}
        self._factor_names: dict[int, str] = {}
        self._sources: dict[str, int] = {}
        self._layouts: dict[Layout, int] = {}
        self._layout_factors: dict[int, Layout] = {}

    async def learn(
        self, *, factors: Iterable[str] = (), sources: Iterable[str] = (), layouts: Iterable[Layout] = ()
    ) -> None:
        """Make sure that all of these have numbers."""
        named = (("factor_code", self._factors, factors), ("reading_source", self._sources, sources))
        for table, known, wanted in named:
            new = sorted(set(wanted) - known.keys())
            if new:
                known.update(await self._add_names(table, new, len(known)))
                self._factor_names = {number: name for name, number in self._factors.items()}
        missing = sorted(set(layouts) - self._layouts.keys())
        if missing:
            await self._add_layouts(missing)

    def factor(self, code: str) -> int:
        """Number of a code that was learnt."""
        return self._factors[code]

    def source(self, name: str) -> int:
        """Number of a source that was learnt."""
        return self._sources[name]

    def find_layout(self, factors: Layout) -> int | None:
        """Number of a layout, or None where it was not learnt yet."""
        return self._layouts.get(factors)

    async def factor_names(self, connection: asyncpg.Connection, numbers: Iterable[int]) -> dict[int, str]:
        """Codes of these numbers; reads on the caller's connection where one is not known yet."""
        if any(number not in self._factor_names for number in numbers):
            rows = await connection.fetch("select id, name from factor_code")
            self._factors.update((row["name"], row["id"]) for row in rows)
            self._factor_names.update((row["id"], row["name"]) for row in rows)
        return self._factor_names

    async def layout_factors(self, connection: asyncpg.Connection, numbers: Iterable[int]) -> dict[int, Layout]:
        """Factors of these layouts, in the order of the arrays."""
        wanted = [number for number in numbers if number not in self._layout_factors]
        if wanted:
            rows = await connection.fetch("select id, factors from factor_layout where id = any($1::int[])", wanted)
            self._remember_layouts((row["id"], tuple(row["factors"])) for row in rows)
        return self._layout_factors

    async def layouts_with(self, connection: asyncpg.Connection, factor: str) -> dict[int, int]:
        """Layouts that hold a factor, and its place in them, from 1."""
        rows = await connection.fetch(
            "select id, array_position(factors, $1) as place from factor_layout where $1 = any(factors)", factor
        )
        return {row["id"]: row["place"] for row in rows}

    async def _add_names(self, table: str, names: list[str], known: int) -> dict[str, int]:
        if known + len(names) > MOST_ENTRIES:
            raise TooManyCodesError(f"more than {MOST_ENTRIES} different codes", dictionary=table)
        async with self._db.transaction() as session:
            connection = await raw(session)
            await connection.execute(
                f"insert into {table}(name) select unnest($1::text[]) on conflict do nothing", names
            )
            rows = await connection.fetch(f"select id, name from {table} where name = any($1::text[])", names)
        return {row["name"]: row["id"] for row in rows}

    async def _add_layouts(self, layouts: list[Layout]) -> None:
        if len(self._layouts) + len(layouts) > MOST_ENTRIES:
            raise TooManyCodesError(f"more than {MOST_ENTRIES} different sets of factors", dictionary="factor_layout")
        found = []
        for layout in layouts:
            async with self._db.transaction() as session:
                connection = await raw(session)
                await connection.execute(
                    "insert into factor_layout(factors) values($1::text[]) on conflict do nothing", list(layout)
                )
                number = await connection.fetchval("select id from factor_layout where factors = $1", list(layout))
            found.append((number, layout))
        self._remember_layouts(found)

    def _remember_layouts(self, rows: Iterable[tuple[int, Layout]]) -> None:
        for number, layout in rows:
            self._layouts[layout] = number
            self._layout_factors[number] = layout
