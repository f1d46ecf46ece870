"""The archive's manifest, what goes into its files, and what leaves the database for them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from services.ingest.domain.archive import first_instant, month_after
from services.ingest.domain.chunks import Chunk, Day, start_of, unseal
from services.ingest.store.archive_files import Written

_CLOSED = """select month, kind from (
    select date_trunc('month', day)::date as month, kind, max(changed_at) as changed_at,
      bool_or(state = 'thawed') as open, bool_or(state = 'released') as gone
    from series_day where day < $1 group by 1, 2
    union all select date_trunc('month', at)::date, kind, max(received_at), false, false
    from reading_value where at < $2 group by 1, 2) m
  where not open and not gone and month <> all($3::date[])
    and changed_at > coalesce((select max(written_at) from archive_file a
      where a.kind = m.kind and a.month = m.month and a.state <> 'replaced'), '-infinity')
  order by 1, 2"""
_MEAN_ROWS = """select f.name, r.at, r.value, r.flag, r.vmin, r.vmax, r.cou, r.zs, r.received_at,
    s.name as source, r.rev
  from reading_value r join factor_code f on f.id = r.factor join reading_source s on s.id = r.source
  where r.point = $1 and r.kind = $2 and r.at >= $3 and r.at < $4 order by f.name, r.at"""
_CHUNKS = """select c.day, f.name, c.vals, c.body, c.besides from series_chunk c join factor_code f on f.id = c.factor
  where c.point = $1 and c.kind = $2 and c.day >= $3 and c.day < $4 and not c.stale"""


class Month(NamedTuple):
    """A month of one kind."""

    month: date
    kind: int


class ArchiveFile(NamedTuple):
    """A line of the manifest."""

    month: date
    kind: int
    rev: int
    path: str
    state: str
    detail: str
    rows: int
    size: int
    sha256: bytes
    schema_version: int
    written_at: datetime
    verified_at: datetime | None
    released_at: datetime | None


class ArchiveStore:
    """The manifest in the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def list_due(self, before: date) -> list[Month]:
        """Closed months before a day of which something is not in a file yet."""
        open_rows = await self._connection.fetch(
            "select distinct date_trunc('month', at)::date from frame where at < $1", first_instant(before), timeout=300
        )
        still_open = [row[0] for row in open_rows]
        rows = await self._connection.fetch(_CLOSED, before, first_instant(before), still_open, timeout=300)
        return [Month(*row) for row in rows if month_after(row["month"]) <= before]

    async def list_points(self, one: Month) -> list[tuple[int, UUID]]:
        """(point number, outlet) with data in a month, by number."""
        spans = (one.kind, one.month, month_after(one.month))
        rows = await self._connection.fetch(
            """select o.point, o.id from outlet o where exists (select from series_day s
              where s.point = o.point and s.kind = $1 and s.day >= $2 and s.day < $3 and s.rows > 0)
            or exists (select from reading_value r
              where r.point = o.point and r.kind = $1 and r.at >= $2::date and r.at < $3::date) order by o.point""",
            *spans, timeout=300,
        )  # fmt: skip
        return [(row["point"], row["id"]) for row in rows]

    async def list_means(self, one: Month, point: int) -> Sequence[Any]:
        """Means of a point in a month, as `mean_table` takes them."""
        span = first_instant(one.month), first_instant(month_after(one.month))
        rows: list[Any] = await self._connection.fetch(_MEAN_ROWS, point, one.kind, *span)
        return rows

    async def list_days(self, one: Month, point: int) -> dict[date, Day]:
        """Sealed days of a point in a month. Raises `DamagedError`."""
        span = point, one.kind, one.month, month_after(one.month)
        chunks: dict[date, dict[str, Chunk]] = {}
        for row in await self._connection.fetch(_CHUNKS, *span):
            chunks.setdefault(row["day"], {})[row["name"]] = Chunk(row["vals"], row["body"], row["besides"])
        origins = await self._connection.fetch(
            """select day, origin from series_day where point = $1 and kind = $2 and day >= $3 and day < $4
            and state = 'sealed' and rows > 0 order by day""",
            *span,
        )
        return {row["day"]: unseal(row["origin"], chunks.get(row["day"], {}), start_of(row["day"])) for row in origins}

    async def lock_days(self, one: Month, point: int) -> None:
        """Nobody opens these days until the transaction ends."""
        await self._connection.execute(
            "select from series_day where point = $1 and kind = $2 and day >= $3 and day < $4 for update",
            point, one.kind, one.month, month_after(one.month),
        )  # fmt: skip

    async def source_names(self) -> Mapping[int, str]:
        """Sources by number."""
        return {row["id"]: row["name"] for row in await self._connection.fetch("select id, name from reading_source")}

    async def list_files(self, *, month: date | None = None, limit: int = 1_000) -> list[ArchiveFile]:
        """The manifest, newest month first; replaced files are left out."""
        rows = await self._connection.fetch(
            """select month, kind, rev, path, state, detail, rows, size, sha256, schema_version,
              written_at, verified_at, released_at
            from archive_file where state <> 'replaced' and ($1::date is null or month = $1)
            order by month desc, kind limit $2""",
            month, limit,
        )  # fmt: skip
        return [ArchiveFile(*row) for row in rows]

    async def seal_state(self) -> tuple[date | None, int]:
        """(newest sealed day, series and days that are open again)."""
        row = await self._connection.fetchrow(
            """select (select max(day) from sealed_day where sealed_at is not null),
              (select count(*) from series_day where state = 'thawed')"""
        )
        return row[0], row[1]

    async def list_seal_faults(self) -> list[tuple[date, str]]:
        """Days that could not be sealed, newest first."""
        rows = await self._connection.fetch(
            "select day, fault from sealed_day where sealed_at is null order by day desc limit 100"
        )
        return [(row["day"], row["fault"]) for row in rows]

    async def next_rev(self, one: Month) -> int:
        """The revision of a month's next file."""
        number: int = await self._connection.fetchval(
            "select coalesce(max(rev) + 1, 0) from archive_file where (month, kind) = ($1, $2)", *one
        )
        return number

    async def add(self, one: Month, rev: int, written: Written, now: datetime) -> list[str]:
        """Enter a verified file; the paths of those it replaces."""
        replaced = await self._connection.fetch(
            "update archive_file set state = 'replaced' where (month, kind) = ($1, $2) "
            " and state <> 'replaced' returning path",
            *one,
        )  # fmt: skip
        await self._connection.execute(
            """insert into archive_file(month, kind, rev, path, state, detail, rows, size, sha256, schema_version,
              written_at, verified_at, released_at)
            values ($1, $2, $3, $4, 'verified', '', $5, $6, $7, 1, $8, $8, null)""",
            *one, rev, written.path, written.rows, written.size, written.sha256, now,
        )  # fmt: skip
        return [row["path"] for row in replaced]

    async def mark(self, file: ArchiveFile, fault: str, now: datetime) -> None:
        """What a check of a file found."""
        await self._connection.execute(
            """update archive_file set state = case when $4 = '' then 'verified' else 'damaged' end, detail = $4,
              verified_at = case when $4 = '' then $5 else verified_at end where (month, kind, rev) = ($1, $2, $3)""",
            file.month, file.kind, file.rev, fault, now,
        )  # fmt: skip

    async def release(self, file: ArchiveFile, point: int, days: Sequence[date]) -> None:
        """Days of a point leave the database; the caller has proved that the file holds them."""
        await self._connection.execute(
            """update series_day set state = 'released', origin = '' where point = $1 and kind = $2
            and day = any($3::date[]) and state = 'sealed'""",
            point, file.kind, list(days),
        )  # fmt: skip
        await self._connection.execute(
            "delete from series_chunk where point = $1 and kind = $2 and day = any($3::date[])",
            point,
            file.kind,
            list(days),
        )
        await self._connection.execute(
            "update archive_file set released_at = $4 where (month, kind, rev) = ($1, $2, $3)",
            file.month, file.kind, file.rev, file.written_at if file.verified_at is None else file.verified_at,
        )  # fmt: skip
