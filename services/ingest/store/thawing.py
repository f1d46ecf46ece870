"""Opening sealed days again for late data, corrections and repeats, in the transaction that writes them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import asyncpg

from services.ingest.domain.chunks import Chunk, Day, OpenRow, day_of, digest_of, scatter, start_of, unseal
from services.ingest.domain.flat import AnyRow
from services.ingest.domain.packing import DamagedError
from services.ingest.domain.readings import KIND_NUMBERS, MEANS
from services.ingest.store.archive_reading import ArchiveReader
from services.ingest.store.dictionaries import Dictionaries
from services.ingest.store.sealing import SeriesKey

SEALED_STATE = "SE001"
"""SQLSTATE of the guard on partitions of sealed days: the writer did not know yet that the day is sealed."""

_COLD = """select q.point, q.kind, q.day from unnest($1::int[], $2::smallint[], $3::date[]) as q(point, kind, day)
  join sealed_day d on d.day = q.day and d.sealed_at is not null
  left join series_day s on (s.point, s.kind, s.day) = (q.point, q.kind, q.day)
  where s.state is distinct from 'thawed' order by 1, 2, 3"""
_OPEN = """insert into series_day as s
    (point, kind, day, rev, state, changed_at, last_at, row_hash, rows, vals, digest, origin)
  values ($1, $2, $3, 0, 'thawed', $4, null, 0, 0, 0, '', '')
  on conflict (point, kind, day) do update set state = 'thawed', changed_at = excluded.changed_at
  where s.state <> 'thawed' returning old.state as was, new.digest, new.origin"""
_CHUNKS = """select c.factor, f.name, c.vals, c.body, c.besides
  from series_chunk c join factor_code f on f.id = c.factor
  where (c.point, c.kind, c.day) = ($1, $2, $3) and not c.stale order by c.factor"""
_STALE = "update series_chunk set stale = true where (point, kind, day) = ($1, $2, $3)"
_COLUMNS = (
    "point",
    "kind",
    "at",
    "received_at",
    "layout",
    "source",
    "rev",
    "flags",
    "avg",
    "vmin",
    "vmax",
    "cou",
    "zs",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Horizon:
    """Held by the process: up to when days may be sealed.

    It may be out of date: a write to a day that was sealed since finds no partition, or the guard of one that
    was opened again, and looks once more.
    """

    def __init__(self) -> None:
        self._until: int | None = None

    def forget(self) -> None:
        """Look again at the next write."""
        self._until = None

    async def cold(self, connection: asyncpg.Connection, rows: Iterable[AnyRow]) -> list[SeriesKey]:
        """Series and days of rows that may lie in sealed days."""
        if self._until is None:
            day = await connection.fetchval("select max(day) from sealed_day where sealed_at is not null")
            self._until = 0 if day is None else start_of(day) + 86_400
        until = self._until
        if not until:
            return []
        return sorted({
            SeriesKey(row.key.point, KIND_NUMBERS[row.key.kind], day_of(row.key.at))
            for row in rows if row.key.at < until and row.key.kind not in MEANS
        })  # fmt: skip


class ThawStore:
    """Opens sealed series in the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection, dictionaries: Dictionaries) -> None:
        self._connection = connection
        self._dictionaries = dictionaries

    async def thaw(self, keys: list[SeriesKey], now: datetime) -> int:
        """Open those of the series that are sealed; how many. Raises `DamagedError` where a chunk is not whole."""
        columns = [list(column) for column in zip(*keys, strict=True)]
        cold = [SeriesKey(*row) for row in await self._connection.fetch(_COLD, *columns)]
        for key in cold:
            await self._open(key, now)
        return len(cold)

    async def _open(self, key: SeriesKey, now: datetime) -> None:
        opened = await self._connection.fetchrow(_OPEN, *key, now)
        if opened is None or opened["was"] is None:  # somebody else was faster; or there never was data
            return
        if opened["was"] == "released":
            day = await ArchiveReader(self._connection, self._dictionaries).day(*key)
        else:
            day = await self._sealed(key, opened)
        layouts = await self._dictionaries.layout_factors(self._connection, set(day.origin.layout.tolist()))
        records = [_record(key, row) for row in scatter(day, layouts)]
        await self._connection.copy_records_to_table("frame", records=records, columns=_COLUMNS)
        await self._connection.execute(_STALE, *key)

    async def _sealed(self, key: SeriesKey, opened: asyncpg.Record) -> Day:
        stored = await self._connection.fetch(_CHUNKS, *key)
        chunks = [Chunk(row["vals"], row["body"], row["besides"]) for row in stored]
        if digest_of(opened["origin"], chunks) != opened["digest"]:
            raise DamagedError(f"the chunks of point {key.point}, kind {key.kind}, {key.day} do not have their digest")
        names = [row["name"] for row in stored]
        return unseal(opened["origin"], dict(zip(names, chunks, strict=True)), start_of(key.day))


def _record(key: SeriesKey, row: OpenRow) -> tuple[object, ...]:
    return (
        key.point, key.kind, _EPOCH + timedelta(seconds=row.at), _EPOCH + timedelta(microseconds=row.received),
        row.layout, row.source, row.rev, row.flags, row.avg, row.vmin, row.vmax, row.cou, row.zs,
    )  # fmt: skip
