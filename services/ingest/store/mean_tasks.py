"""The line of periods whose means are to be made, and the cursor in the service's own outbox that fills it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import asyncpg

from services.ingest.domain.means.periods import Task
from shared.contracts.ingest import READINGS_ACCEPTED
from shared.contracts.ingest.marks import MARK_CHANGED

CURSOR = "means"
"""Name of the cursor beside those of other services' feeds."""
WORKER_LOCK = 7_260_106

_ADD = """insert into mean_task(kind, at, point, due_at, why)
  select kind, to_timestamp(at), point, to_timestamp(due), why
  from unnest($1::smallint[], $2::bigint[], $3::int[], $4::bigint[], $5::smallint[]) as q(kind, at, point, due, why)
  on conflict (kind, at, point) do update
    set why = greatest(mean_task.why, excluded.why), due_at = least(mean_task.due_at, excluded.due_at)"""
_TAKE = """select kind, extract(epoch from at)::bigint as at, point, extract(epoch from due_at)::bigint as due, why
  from mean_task where due_at <= $1
    and kind = (select kind from mean_task where due_at <= $1 order by kind limit 1)
  order by at, point limit $2 for update"""
_DONE = """delete from mean_task t using unnest($1::smallint[], $2::bigint[], $3::int[]) as q(kind, at, point)
  where t.kind = q.kind and t.at = to_timestamp(q.at) and t.point = q.point"""
_PROGRESS = """select (select seq from feed_head) + (select count(*) from (select 1 from outbox where seq is null
    limit 10001) q) - coalesce((select seq from feed_cursor where feed = $1), 0) as behind,
  (select count(*) from (select 1 from mean_task where due_at <= $2 limit 100001) q) as due,
  (select min(due_at) from mean_task where due_at <= $2) as oldest"""


class News(NamedTuple):
    """An event of the outbox: its type, its data, when it was written."""

    type: str
    data: dict[str, Any]
    time: datetime


class MeanTaskStore:
    """Reads and writes in the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def add(self, tasks: Iterable[Task]) -> None:
        """Put in line; of a period that is there already the earlier time and the stronger reason stand."""
        folded: dict[tuple[int, int, int], Task] = {}
        for task in tasks:
            old = folded.get(task[:3], task)
            folded[task[:3]] = Task(*task[:3], min(old.due, task.due), max(old.why, task.why))
        if folded:
            columns = zip(*sorted(folded.values()), strict=True)
            await self._connection.execute(_ADD, *(list(column) for column in columns))

    async def lock(self) -> bool:
        """Whether this transaction is the one that makes means; ends with it."""
        return bool(await self._connection.fetchval("select pg_try_advisory_xact_lock($1)", WORKER_LOCK))

    async def take(self, now: datetime, limit: int) -> list[Task]:
        """Periods of one kind that are due, the shortest kind first; locked against those who put in line."""
        return [Task(*row) for row in await self._connection.fetch(_TAKE, now, limit)]

    async def done(self, tasks: Sequence[Task]) -> None:
        """Take out of the line."""
        kind, at, point, _, _ = zip(*tasks, strict=True)
        await self._connection.execute(_DONE, list(kind), list(at), list(point))

    async def read_news(self, limit: int) -> list[News]:
        """Readings and marks told since the last call; moves the cursor in the caller's transaction.

        Locks the cursor: who comes second waits and goes on where the first one ended.
        """
        connection = self._connection
        await connection.execute("insert into feed_cursor(feed) values($1) on conflict do nothing", CURSOR)
        cursor = await connection.fetchval("select seq from feed_cursor where feed = $1 for update", CURSOR)
        last = await connection.fetchval("select least(seq, $1::bigint + $2::bigint) from feed_head", cursor, limit)
        if last <= cursor:
            return []
        rows = await connection.fetch(
            "select type, data, time from outbox where seq > $1 and seq <= $2 and type = any($3::text[]) order by seq",
            cursor, last, [READINGS_ACCEPTED, MARK_CHANGED],
        )  # fmt: skip
        await connection.execute(
            "update feed_cursor set seq = $2, updated_at = clock_timestamp() where feed = $1", CURSOR, last
        )
        return [News(row["type"], row["data"], row["time"]) for row in rows]

    async def behind(self) -> int:
        """How many events were not read yet; numbers those that have no number."""
        await self._connection.execute("select feed_sequence()")
        count: int = await self._connection.fetchval(
            "select (select seq from feed_head) - coalesce((select seq from feed_cursor where feed = $1), 0)", CURSOR
        )
        return count

    async def roll(self, hour: datetime, most: int) -> list[int]:
        """Hours (Unix seconds) that began since the last call and before `hour`, at most `most`; moves on."""
        await self._connection.execute("insert into mean_roll(reached_at) values($1) on conflict do nothing", hour)
        reached = await self._connection.fetchval("select reached_at from mean_roll for update")
        start = int(reached.timestamp())
        hours = list(range(start, int(hour.timestamp()), 3600))[:most]
        if hours:
            await self._connection.execute(
                "update mean_roll set reached_at = $1", datetime.fromtimestamp(hours[-1] + 3600, UTC)
            )
        return hours

    async def progress(self, now: datetime) -> tuple[int, int, datetime | None]:
        """(events not yet read, periods due, when the oldest of them fell due); counts are capped."""
        row = await self._connection.fetchrow(_PROGRESS, CURSOR, now)
        return max(0, row["behind"]), row["due"], row["oldest"]
