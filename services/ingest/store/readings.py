"""The store of readings: one way in and one way out over both layouts."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID

import asyncpg

from services.ingest.domain.archive import columns_track
from services.ingest.domain.columns import Columns, Track
from services.ingest.domain.flat import FlatRow
from services.ingest.domain.readings import KIND_NUMBERS, MEANS, Changes, Key, Round
from services.ingest.store.archive_reading import ArchiveReader
from services.ingest.store.dictionaries import Dictionaries
from services.ingest.store.flat import FlatStore
from services.ingest.store.frames import FrameStore
from services.ingest.store.means import MeanStore
from services.ingest.store.tiers import chunk_track, joined, mean_columns, open_parts, sealed_part, track_of
from shared.contracts.ingest import READINGS_ACCEPTED, ReadingKind

_FRAME_COUNT = """select (select coalesce(sum(cardinality(avg)), 0) from
    (select avg from frame where point = any($1::int[]) and kind = $2 and at between $3 and $4 limit $5) q)
  + (select coalesce(sum(vals), 0) from series_day
    where point = any($1::int[]) and kind = $2 and day > $6 and day < $7 and state <> 'thawed')"""
# One statement over open rows and chunks: one snapshot, so that a day that is being sealed or opened stands in one.
_FRAMES = """select point, layout, extract(epoch from at)::bigint as at, avg, flags, null::int as factor,
    null::date as day, null::bytea as body
  from frame where point = any($1::int[]) and kind = $2 and at between $3 and $4
  union all select c.point, null, null, null, null, c.factor, c.day, c.body
  from series_chunk c join sealed_day d on d.day = c.day and d.sealed_at is not null
  where c.point = any($1::int[]) and c.kind = $2 and c.day between $5 and $6 and not c.stale
    and ($7::text[] is null or c.factor in (select id from factor_code where name = any($7)))
  union all select point, null, null, null, null, null, day, null from series_day
  where point = any($1::int[]) and kind = $2 and day between $5 and $6 and state = 'released'"""
_MEANS = """select r.point, f.name, extract(epoch from r.at)::bigint, r.value, r.flag
  from reading_value r join factor_code f on f.id = r.factor
  where r.point = any($1::int[]) and r.kind = $2 and r.at between $3 and $4
    and ($6::text[] is null or f.name = any($6)) limit $5"""
_FRAME_TRACK = """select array_agg(at order by at) as at, array_agg(value order by at) as value,
  string_agg(flag, '' order by at) as flags, null::date as day, null::bytea as body from (
    select extract(epoch from f.at)::bigint as at, f.avg[q.place] as value,
      coalesce(substr(f.flags, q.place, 1), 'N') as flag
    from frame f join unnest($5::int[], $6::int[]) as q(layout, place) on q.layout = f.layout
    where f.point = $1 and f.kind = $2 and f.at >= $3 and f.at < $4 limit $7) t
  union all select null, null, null, c.day, c.body
  from series_chunk c join sealed_day d on d.day = c.day and d.sealed_at is not null
  where c.point = $1 and c.factor = (select id from factor_code where name = $8) and c.kind = $2
    and c.day between $9 and $10 and not c.stale
  union all select null, null, null, day, null from series_day
  where point = $1 and kind = $2 and day between $9 and $10 and state = 'released'"""
_MEAN_COUNT = """select count(*) from (select from reading_value
  where point = any($1::int[]) and kind = $2 and at between $3 and $4 limit $5) q"""
_MEAN_TRACK = """select array_agg(at order by at) as at, array_agg(coalesce(value, 'NaN') order by at) as value,
  string_agg(flag, '' order by at) as flags, null::date as day, null::bytea as body from (
    select extract(epoch from at)::bigint as at, value, flag from reading_value
    where point = $1 and kind = $2 and at >= $3 and at < $4
      and factor = (select id from factor_code where name = $5) limit $6) t"""

_LATEST = """select max(greatest(f.at, m.at)) from outlet o
  left join lateral (select max(at) as at from frame
    where point = o.point and kind = any('{1,2}'::smallint[]) and at >= $2
    union all select max(last_at) from series_day
    where point = o.point and kind = any('{1,2}'::smallint[]) and day >= ($2::timestamptz)::date
      and last_at >= $2) f on true
  left join lateral (select max(at) as at from reading_value
    where point = o.point and kind = any('{3,4}'::smallint[]) and at >= $2) m on true
where $1::uuid is null or o.enterprise_id = $1"""

_RECEIVED = "select time from outbox where type = $1 order by id desc limit 1"
_INSTANT = timedelta(microseconds=1)


class ReadingStore:
    """Readings in the caller's transaction, on the raw connection."""

    def __init__(self, connection: asyncpg.Connection, dictionaries: Dictionaries) -> None:
        self._connection = connection
        self._dictionaries = dictionaries

    async def add_flat(self, rows: Sequence[FlatRow], received_at: datetime) -> list[int]:
        """Add flat rows whose key is not there yet, each key once; numbers of those that were left out."""
        return await FlatStore(self._connection, self._dictionaries).add(rows, received_at) if rows else []

    async def write(self, rounds: Sequence[Round], received_at: datetime) -> list[Changes]:
        """Write rounds in order; what each changed."""
        frames, means = (
            FrameStore(self._connection, self._dictionaries),
            MeanStore(self._connection, self._dictionaries),
        )
        changes: list[Changes] = []
        for round_ in rounds:
            fast: Round = {key: row for key, row in round_.items() if key.kind not in MEANS and row.values}
            slow: Round = {key: row for key, row in round_.items() if key.kind in MEANS}
            changed: Changes = {}
            if fast:
                changed |= await frames.write(fast, received_at)
            if slow:
                changed |= await means.write(slow, received_at)
            changes.append(changed)
        return changes

    async def read(
        self, points: Sequence[int], kind: ReadingKind, since: datetime, until: datetime, *, limit: int,
        factors: Sequence[str] = (),
    ) -> Columns | None:  # fmt: skip
        """Values from `since` to `until`, both included, of these factors or all; None where more than `limit`."""
        where = list(points), KIND_NUMBERS[kind], since, until
        only = list(factors) or None
        if kind in MEANS:
            rows = await self._connection.fetch(_MEANS, *where, limit + 1, only)
            return None if len(rows) > limit else mean_columns(rows)
        days = since.date(), until.date()
        if await self._connection.fetchval(_FRAME_COUNT, *where, limit + 1, *days) > limit:
            return None
        rows = await self._connection.fetch(_FRAMES, *where, *days, only)
        span = ceil(since.timestamp()), int(until.timestamp())
        columns = await self._frame_columns(rows, KIND_NUMBERS[kind], span, only)
        return None if len(columns) > limit else columns

    async def count(
        self, points: Sequence[int], kind: ReadingKind, since: datetime, until: datetime, *, limit: int
    ) -> int:
        """About how many values there are; not exact at the ends of sealed days, and not beyond `limit` + 1."""
        where = list(points), KIND_NUMBERS[kind], since, until
        if kind in MEANS:
            count: int = await self._connection.fetchval(_MEAN_COUNT, *where, limit + 1)
            return count
        found = await self._connection.fetchval(_FRAME_COUNT, *where, limit + 1, since.date(), until.date())
        return int(found)

    async def _frame_columns(
        self, rows: Sequence[Any], kind: int, span: tuple[int, int], only: Sequence[str] | None
    ) -> Columns:
        since, until = span
        opened = [row for row in rows if row["layout"] is not None]
        sealed = [row for row in rows if row["body"] is not None]
        layouts = await self._dictionaries.layout_factors(self._connection, {row["layout"] for row in opened})
        names = await self._dictionaries.factor_names(self._connection, {row["factor"] for row in sealed})
        parts = open_parts(opened, layouts)
        parts += [sealed_part(row["point"], names[row["factor"]], chunk_track(row, since, until + 1)) for row in sealed]
        archived: dict[int, list[date]] = {}
        for row in rows:
            if row["day"] is not None and row["body"] is None:
                archived.setdefault(row["point"], []).append(row["day"])
        reader = ArchiveReader(self._connection, self._dictionaries)
        for point, days in archived.items():
            parts += [part.between(since, until + 1) for part in await reader.columns(point, kind, days)]
        return joined([part.of_factors(only) for part in parts] if only else parts)

    async def read_track(self, key: Key, factor: str, until: datetime, *, limit: int) -> Track | None:
        """One factor of one outlet from `key.at` to before `until`; None where there are more than `limit` values."""
        where = key.point, KIND_NUMBERS[key.kind], datetime.fromtimestamp(key.at, UTC), until
        if key.kind in MEANS:
            rows = await self._connection.fetch(_MEAN_TRACK, *where, factor, limit + 1)
        else:
            places = await self._dictionaries.layouts_with(self._connection, factor)
            span = where[2].date(), (until - _INSTANT).date()
            rows = await self._connection.fetch(
                _FRAME_TRACK, *where, list(places), list(places.values()), limit + 1, factor, *span
            )
        end = ceil(until.timestamp())
        parts = []
        if days := [row["day"] for row in rows if row["body"] is None and row["at"] is None and row["day"]]:
            reader = ArchiveReader(self._connection, self._dictionaries)
            found = await reader.columns(key.point, KIND_NUMBERS[key.kind], days)
            parts = [columns_track(part.between(key.at, end), factor) for part in found]
        track = track_of(rows, key.at, end, parts)
        return None if len(track.at) > limit else track

    async def latest(self, enterprise_id: UUID | None, since: datetime) -> tuple[datetime | None, datetime | None]:
        """(newest time with a reading not older than `since`, when readings last came in)."""
        return (
            await self._connection.fetchval(_LATEST, enterprise_id, since),
            await self._connection.fetchval(_RECEIVED, READINGS_ACCEPTED),
        )
