"""Writing hour and day means: one row a value, and what it replaced is kept with its source and time."""

from datetime import datetime
from typing import Any

import asyncpg

from services.ingest.domain.readings import KIND_NUMBERS, Change, Changes, Key, Round
from services.ingest.store.dictionaries import Dictionaries
from services.ingest.store.frames import KINDS

_UPSERT = """with put as (
  insert into reading_value as r
    (point, factor, kind, at, value, flag, vmin, vmax, cou, zs, source, received_at, rev)
  select q.point, q.factor, q.kind, to_timestamp(q.at), q.value, q.flag, q.vmin, q.vmax, q.cou, q.zs, q.source, $12, 0
  from unnest($1::int[], $2::int[], $3::smallint[], $4::bigint[], $5::float8[], $6::text[], $7::float8[],
    $8::float8[], $9::float8[], $10::float8[], $11::int[])
    as q(point, factor, kind, at, value, flag, vmin, vmax, cou, zs, source)
  on conflict (point, factor, kind, at) do update set
    value = excluded.value, flag = excluded.flag,
    vmin = coalesce(excluded.vmin, r.vmin), vmax = coalesce(excluded.vmax, r.vmax),
    cou = coalesce(excluded.cou, r.cou), zs = coalesce(excluded.zs, r.zs),
    source = excluded.source, received_at = excluded.received_at, rev = r.rev + 1
  where (r.value, r.flag, r.vmin, r.vmax, r.cou, r.zs) is distinct from
    (excluded.value, excluded.flag, coalesce(excluded.vmin, r.vmin), coalesce(excluded.vmax, r.vmax),
     coalesce(excluded.cou, r.cou), coalesce(excluded.zs, r.zs))
  returning new.point, new.factor, new.kind, new.at, old.rev, old.value, old.vmin, old.vmax, old.cou, old.zs,
    old.flag, old.source, old.received_at),
history as (
  insert into reading_revision
    (point, factor, kind, at, rev, value, vmin, vmax, cou, zs, flag, source, received_at, replaced_at)
  select point, factor, kind, at, rev, value, vmin, vmax, cou, zs, flag, source, received_at, $12
  from put where rev is not null)
select point, factor, kind, extract(epoch from at)::bigint as at, rev is not null as replaced from put"""


class MeanStore:
    """Writes rounds in the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection, dictionaries: Dictionaries) -> None:
        self._connection = connection
        self._dictionaries = dictionaries

    async def write(self, round_: Round, received_at: datetime) -> Changes:
        """Write one round; what it changed."""
        columns = self._columns(round_)
        if not columns:
            return {}
        rows = await self._connection.fetch(_UPSERT, *columns, received_at)
        names = await self._dictionaries.factor_names(self._connection, {row["factor"] for row in rows})
        changes: Changes = {}
        for row in rows:
            key = Key(row["point"], KINDS[row["kind"]], row["at"])
            change = changes.get(key)
            if change is None:
                change = changes[key] = Change()
            (change.replaced if row["replaced"] else change.added).add(names[row["factor"]])
        return changes

    def _columns(self, round_: Round) -> list[list[Any]]:
        factor, source = self._dictionaries.factor, self._dictionaries.source
        lines = sorted(
            (key.point, factor(code), KIND_NUMBERS[key.kind], key.at, *value, source(folded.source))
            for key, folded in round_.items()
            for code, value in folded.values.items()
        )
        return [list(column) for column in zip(*lines, strict=True)]
