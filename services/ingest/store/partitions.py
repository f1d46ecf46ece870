"""Partitions of the reading tables, made when a time needs one and some days ahead.

A partition is made as a table of its own and then attached: unlike `create … partition of` that does not
lock the parent against readers and writers. An advisory lock keeps two processes from making the same one.
The partition of a sealed day takes only what was opened again (`store/thawing.py`): a trigger sees to it.
"""

from collections.abc import Iterable

from services.ingest.domain.partitions import Grain, Partition, partitions_of
from shared.db import Database, raw

GRAINS = {
    "frame": Grain.DAY,
    "reading_value": Grain.MONTH,
    "derived_value": Grain.MONTH,
    "outlet_day": Grain.MONTH,
}
LOCK = 7_260_101
_THERE = "select exists(select from pg_class where relname = $1 and relnamespace = current_schema()::regnamespace)"
"""Not `to_regclass`: it may answer from a cache that waiting for the advisory lock did not refresh."""
_SEALED = "select exists(select from sealed_day where day >= $1 and day < $2 and sealed_at is not null)"
_GUARD = """create trigger frame_guarded before insert or update on {}
  for each row execute function frame_guarded()"""


class Partitions:
    """Held by the process: remembers what is there."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._there: set[str] = set()

    async def ensure(self, table: str, times: Iterable[int]) -> None:
        """Make the partitions of these times (Unix seconds) where they are missing."""
        missing = [part for part in partitions_of(table, GRAINS[table], times) if part.name not in self._there]
        for partition in missing:
            await self._make(table, partition)
            self._there.add(partition.name)

    def forget(self) -> None:
        """Look again: a partition that was there has been dropped."""
        self._there.clear()

    async def _make(self, table: str, partition: Partition) -> None:
        async with self._db.transaction() as session:
            connection = await raw(session)
            await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
            if await connection.fetchval(_THERE, partition.name):
                return
            start, end = partition.start.isoformat(), partition.end.isoformat()
            await connection.execute(f"create table {partition.name} (like {table} including all)")
            if table == "frame" and await connection.fetchval(_SEALED, partition.start.date(), partition.end.date()):
                await connection.execute(_GUARD.format(partition.name))
            await connection.execute(
                f"alter table {table} attach partition {partition.name} for values from ('{start}') to ('{end}')"
            )
