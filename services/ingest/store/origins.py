"""Where values came from, whichever tier holds them: receipt, source and revision of each row, in runs."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

import asyncpg

from services.ingest.domain.chunks import Origin, open_origin, start_of
from services.ingest.store.archive_reading import ArchiveReader
from services.ingest.store.dictionaries import Dictionaries

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPEN = """select extract(epoch from at)::bigint as at, (extract(epoch from received_at) * 1000000)::bigint as received,
    source, rev, null::date as day, null::bytea as origin, null::text as state
  from frame where point = $1 and kind = $2 and at >= $3 and at < $4
  union all select null, null, null, null, s.day, s.origin, s.state
  from series_day s join sealed_day d on d.day = s.day and d.sealed_at is not null
  where s.point = $1 and s.kind = $2 and s.day between $5 and $6 and s.state <> 'thawed' and s.rows > 0"""
_MEANS = """select extract(epoch from at)::bigint as at, (extract(epoch from max(received_at)) * 1000000)::bigint,
    source, max(rev) from reading_value
  where point = $1 and kind = $2 and at >= $3 and at < $4 group by at, source order by at, source"""


class OriginRow(NamedTuple):
    """One time: Unix seconds, receipt in Unix microseconds, number of the source, revision."""

    at: int
    received: int
    source: int
    rev: int


class OriginRun(NamedTuple):
    """Neighbouring times of one source and revision."""

    since: datetime
    until: datetime
    rows: int
    received_first: datetime
    received_last: datetime
    source: str
    rev: int


class OriginStore:
    """Origins in the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection, dictionaries: Dictionaries) -> None:
        self._connection = connection
        self._dictionaries = dictionaries

    async def list_frame_runs(self, point: int, kind: int, since: datetime, until: datetime) -> list[OriginRun]:
        """Runs of real-time or minute rows from `since` to before `until`."""
        last = (until - timedelta(microseconds=1)).date()
        rows: list[OriginRow] = []
        for row in await self._connection.fetch(_OPEN, point, kind, since, until, since.date(), last):
            if row["day"] is None:
                rows.append(OriginRow(*row[:4]))
            else:
                rows += _rows(await self._origin(point, kind, row["day"], row))
        start, end = since.timestamp(), until.timestamp()
        return await self._runs(sorted(row for row in rows if start <= row.at < end))

    async def list_mean_runs(self, point: int, kind: int, since: datetime, until: datetime) -> list[OriginRun]:
        """Runs of means from `since` to before `until`."""
        rows = await self._connection.fetch(_MEANS, point, kind, since, until)
        return await self._runs([OriginRow(*row) for row in rows])

    async def _origin(self, point: int, kind: int, day: date, row: asyncpg.Record) -> Origin:
        if row["state"] == "released":
            return (await ArchiveReader(self._connection, self._dictionaries).day(point, kind, day)).origin
        return open_origin(row["origin"], start_of(day))

    async def _runs(self, rows: Iterable[OriginRow]) -> list[OriginRun]:
        found = await self._connection.fetch("select id, name from reading_source")
        names = {row["id"]: row["name"] for row in found}
        return [_run(list(group), names) for _, group in groupby(rows, key=lambda row: (row.source, row.rev))]


def _rows(origin: Origin) -> Iterator[OriginRow]:
    columns = (origin.at, origin.received, origin.source, origin.rev)
    return (OriginRow(*row) for row in zip(*(column.tolist() for column in columns), strict=True))


def _run(rows: list[OriginRow], names: dict[int, str]) -> OriginRun:
    received = [row.received for row in rows]
    return OriginRun(
        _time(rows[0].at * 1_000_000), _time(rows[-1].at * 1_000_000), len(rows), _time(min(received)),
        _time(max(received)), names[rows[0].source], rows[0].rev,
    )  # fmt: skip


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
