"""Sealed days in the database: copy open rows into chunks, prove the copy, drop the partition.

A day is copied in small transactions that hinder nobody; a trigger on the partition notes who writes to it
meanwhile. The last transaction proves the whole copy (rows, values, a hash over the open rows, a digest over the
stored bytes), and only then locks the table for the moment that detaching takes.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import asyncpg

from services.ingest.domain.chunks import OpenRow, Sealed, day_of, digest_of
from services.ingest.domain.partitions import Partition, partition_named
from services.ingest.store.dictionaries import Dictionaries, Layout

SEAL_LOCK = 7_260_102
LOCK_WAIT = "1s"
LONG = 600.0
"""Seconds that the proof of a big day may take."""
MOST_FAULTS = 20

_PARTITIONS = """select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
  where i.inhparent = 'frame'::regclass order by c.relname"""
_POINTS = "select point, count(*) from frame where at >= $1 and at < $2 group by point order by point"
_ROWS = """select point, kind, extract(epoch from at)::bigint as at,
    (extract(epoch from received_at) * 1000000)::bigint as received, layout, source, rev, flags, avg, vmin, vmax, cou,
    zs, hash_record_extended(f, 0) as hash
  from frame f where point = any($1::int[]) and at >= $2 and at < $3 order by point, kind, at"""
_SAVE_DAY = """insert into series_day as s
    (point, kind, day, rev, state, changed_at, last_at, row_hash, rows, vals, digest, origin)
  values ($1, $2, $3, 0, 'sealed', $4, to_timestamp($5), $6, $7, $8, $9, $10)
  on conflict (point, kind, day) do update set rev = s.rev + 1, state = 'sealed', changed_at = excluded.changed_at,
    last_at = excluded.last_at, row_hash = excluded.row_hash, rows = excluded.rows, vals = excluded.vals,
    digest = excluded.digest, origin = excluded.origin"""
_SAVE_CHUNK = """insert into series_chunk as c (point, factor, kind, day, rev, vals, stale, body, besides)
  values ($1, $2, $3, $4, 0, $5, false, $6, $7)
  on conflict (point, factor, kind, day) do update set rev = c.rev + 1, vals = excluded.vals, stale = false,
    body = excluded.body, besides = excluded.besides"""
_PROOF = """with open as (
    select point, kind, (at at time zone 'UTC')::date as day, count(*) as rows, sum(cardinality(avg)) as vals,
      bit_xor(hash_record_extended(f, 0)) as hash, bool_or(at <> date_trunc('second', at)) as odd
    from frame f where at >= $1 and at < $2 group by 1, 2, 3),
  held as (
    select point, kind, day, sum(vals) as vals,
      string_agg(body || coalesce(besides, ''), ''::bytea order by factor) as body
    from series_chunk where day >= $3 and day < $4 and not stale group by 1, 2, 3),
  kept as (select * from series_day where day >= $3 and day < $4)
  select point, kind, day, o.rows as open_rows, k.rows, o.vals as open_vals, h.vals
  from open o full join kept k using (point, kind, day) left join held h using (point, kind, day)
  where o.odd or o.hash is distinct from k.row_hash or o.rows is distinct from k.rows::bigint
    or o.vals is distinct from k.vals::bigint or coalesce(h.vals, 0) is distinct from k.vals::bigint
    or sha256(coalesce(h.body, ''::bytea) || k.origin) is distinct from k.digest
  limit $5"""


class SeriesKey(NamedTuple):
    """What is sealed by itself: point, kind number, UTC day."""

    point: int
    kind: int
    day: date


class OpenSeries(NamedTuple):
    """The open rows of a series' day, and the hash the database makes of them."""

    rows: list[OpenRow]
    row_hash: int


class SealStore:
    """Sealed days in the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection, dictionaries: Dictionaries) -> None:
        self._connection = connection
        self._dictionaries = dictionaries

    async def list_partitions(self) -> list[Partition]:
        """Partitions of the open table, in order."""
        rows = await self._connection.fetch(_PARTITIONS)
        found = [partition_named("frame", row["relname"]) for row in rows]
        return [partition for partition in found if partition is not None]

    async def watch(self, partition: Partition) -> None:
        """From now on every write to the partition is noted."""
        await self._connection.execute(f"set local lock_timeout = '{LOCK_WAIT}'")
        await self._connection.execute(
            f"create or replace trigger frame_touched before insert or update on {partition.name} "
            "for each row execute function frame_touched()"
        )

    async def lock(self, partition: Partition) -> bool:
        """Until the end of the transaction no one else seals this; False where it is sealed already."""
        await self._connection.execute(
            "select pg_advisory_xact_lock($1, $2)", SEAL_LOCK, partition.start.date().toordinal()
        )
        return not await self.is_sealed(partition)

    async def is_sealed(self, partition: Partition) -> bool:
        """Whether days of a partition are sealed."""
        found: bool = await self._connection.fetchval(
            "select exists(select from sealed_day where day >= $1 and day < $2 and sealed_at is not null)",
            *_days(partition),
        )
        return found

    async def exists(self, partition: Partition) -> bool:
        """Whether a partition is there; ask after `lock`."""
        return await self._connection.fetchval("select to_regclass($1)", partition.name) is not None

    async def list_points(self, partition: Partition) -> list[tuple[int, int]]:
        """(point number, rows) of a partition."""
        rows = await self._connection.fetch(_POINTS, partition.start, partition.end, timeout=LONG)
        return [(row[0], row[1]) for row in rows]

    async def forget_touches(self, partition: Partition, points: Sequence[int]) -> None:
        """What was noted so far of these points will be read now."""
        await self._connection.execute(
            "delete from seal_touch where day >= $1 and day < $2 and point = any($3::int[])", *_days(partition), points
        )

    async def touched(self, partition: Partition) -> list[int]:
        """Points that were written to since they were read."""
        rows = await self._connection.fetch(
            "select distinct point from seal_touch where day >= $1 and day < $2", *_days(partition)
        )
        return sorted(row[0] for row in rows)

    async def read_open(self, points: Sequence[int], start: datetime, end: datetime) -> dict[SeriesKey, OpenSeries]:
        """Open rows from `start` to before `end`, by series and day, ascending."""
        found: dict[SeriesKey, OpenSeries] = {}
        for row in await self._connection.fetch(_ROWS, points, start, end, timeout=LONG):
            key = SeriesKey(row[0], row[1], day_of(row[2]))
            series = found.get(key) or OpenSeries([], 0)
            series.rows.append(OpenRow._make(row[2:13]))
            found[key] = OpenSeries(series.rows, series.row_hash ^ row["hash"])
        return found

    async def layouts(self, series: Iterable[OpenSeries]) -> Mapping[int, Layout]:
        """Factors of the layouts of open rows."""
        numbers = {row.layout for one in series for row in one.rows}
        return await self._dictionaries.layout_factors(self._connection, numbers)

    async def save(self, sealed: Mapping[SeriesKey, tuple[Sealed, OpenSeries]], now: datetime) -> None:
        """Write chunks and origins; what is there of an earlier try is replaced."""
        await self._dictionaries.learn(factors={code for one, _ in sealed.values() for code in one.chunks})
        days, chunks = [], []
        for key, (one, series) in sealed.items():
            numbered = sorted((self._dictionaries.factor(code), chunk) for code, chunk in one.chunks.items())
            digest = digest_of(one.origin, [chunk for _, chunk in numbered])
            last = series.rows[-1].at if series.rows else None
            days.append((*key, now, last, series.row_hash, one.rows, one.vals, digest, one.origin))
            chunks += [(key.point, factor, key.kind, key.day, *chunk) for factor, chunk in numbered]
        await self._connection.executemany(_SAVE_DAY, days)
        await self._connection.executemany(_SAVE_CHUNK, chunks)

    async def prove(self, partition: Partition) -> list[str]:
        """What differs between the open rows of a partition and the stored chunks; nothing where all is well."""
        days = _days(partition)
        rows = await self._connection.fetch(
            _PROOF, partition.start, partition.end, *days, MOST_FAULTS, timeout=LONG
        )  # fmt: skip
        return [
            f"point {row['point']}, kind {row['kind']}, {row['day']}: {row['open_rows']} rows and {row['open_vals']} "
            f"values open, {row['rows']} rows and {row['vals']} values in chunks"
            for row in rows
        ]

    async def shut_out(self) -> None:
        """Wait for all who use the open table, and keep everybody out until the transaction ends."""
        await self._connection.execute(f"set local lock_timeout = '{LOCK_WAIT}'")
        await self._connection.execute("lock table only frame in access exclusive mode")

    async def drop(self, partition: Partition) -> None:
        """Take a partition away; the caller has shut everybody out."""
        await self._connection.execute(f"alter table frame detach partition {partition.name}")
        await self._connection.execute(f"drop table {partition.name}")
        await self._connection.execute("delete from seal_touch where day >= $1 and day < $2", *_days(partition))

    async def mark_sealed(self, partition: Partition, now: datetime) -> None:
        """The days of a partition are sealed: from here on their chunks are read."""
        await self._connection.execute(
            """insert into sealed_day(day, sealed_at, fault, vals, rows)
            select g::date, $3, '', coalesce(sum(s.vals), 0), coalesce(sum(s.rows), 0)
            from generate_series($1::date, $2::date - 1, interval '1 day') g left join series_day s on s.day = g::date
            group by 1 on conflict (day) do update set sealed_at = excluded.sealed_at, fault = '', vals = excluded.vals,
              rows = excluded.rows""",
            *_days(partition), now,
        )  # fmt: skip

    async def mark_fault(self, partition: Partition, fault: str) -> None:
        """The days of a partition could not be sealed, and why."""
        await self._connection.execute(
            """insert into sealed_day(day, sealed_at, fault, vals, rows)
            select g::date, null, $3, 0, 0 from generate_series($1::date, $2::date - 1, interval '1 day') g
            on conflict (day) do update set fault = excluded.fault where sealed_day.sealed_at is null""",
            *_days(partition), fault,
        )  # fmt: skip

    async def list_thawed(self, before: datetime, limit: int) -> list[SeriesKey]:
        """Series opened again before a time."""
        rows = await self._connection.fetch(
            """select s.point, s.kind, s.day from series_day s
            join sealed_day d on d.day = s.day and d.sealed_at is not null
            where s.state = 'thawed' and s.changed_at <= $1 order by s.day, s.point, s.kind limit $2""",
            before, limit,
        )  # fmt: skip
        return [SeriesKey(*row) for row in rows]

    async def claim_thawed(self, key: SeriesKey) -> bool:
        """Lock an opened series against its writers; False where somebody sealed it."""
        return bool(await self._connection.fetchval(
            "select true from series_day where (point, kind, day) = ($1, $2, $3) and state = 'thawed' for update", *key
        ))  # fmt: skip

    async def delete_open(self, key: SeriesKey, start: datetime, end: datetime) -> int:
        """Remove the open rows of a series that has been sealed again; how many."""
        done: str = await self._connection.execute(
            "delete from frame where point = $1 and kind = $2 and at >= $3 and at < $4", key.point, key.kind, start, end
        )
        return int(done.rsplit(" ", 1)[1])

    async def drop_stale(self, key: SeriesKey) -> None:
        """Chunks of factors that the series sealed again no longer has."""
        await self._connection.execute(
            "delete from series_chunk where (point, kind, day) = ($1, $2, $3) and stale", *key
        )

    async def is_empty(self, partition: Partition) -> bool:
        """Whether a partition has no row."""
        return not await self._connection.fetchval(f"select exists(select from {partition.name})")


def _days(partition: Partition) -> tuple[Any, Any]:
    return partition.start.date(), partition.end.date()
