"""Substituted values, a series apart from measured ones: each with its rule and inputs, all versions kept."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from services.ingest.domain.means.gapfill import Filled, Key

_CURRENT = """select f.name as factor, extract(epoch from s.at)::bigint as at, s.value, s.emission, s.capture, s.rev,
    s.hours, s.gap, s.provisional, s.statistic, extract(epoch from s.first_at)::bigint as first_at,
    extract(epoch from s.last_at)::bigint as last_at, r.name as rule
  from substituted_value s join factor_code f on f.id = s.factor join reading_source r on r.id = s.rule
  where s.point = $1 and s.at >= $2 and s.at < $3 and s.replaced_at is null"""
_RETIRE = """update substituted_value s set replaced_at = $4 from factor_code f
  where f.id = s.factor and s.point = $1 and s.replaced_at is null
    and (f.name, s.at) in (select n, to_timestamp(a) from unnest($2::text[], $3::bigint[]) as q(n, a))"""
_ADD = """insert into substituted_value(point, factor, at, value, emission, capture, rule, rev, hours, gap, provisional,
    statistic, quantity, first_at, last_at, computed_at)
  select $1, f.id, to_timestamp(q.at), q.value, q.emission, q.capture, r.id,
    coalesce((select max(s.rev) + 1 from substituted_value s
      where s.point = $1 and s.factor = f.id and s.at = to_timestamp(q.at)), 0),
    q.hours, q.gap, $2, q.statistic, $3, to_timestamp(q.first), to_timestamp(q.last), $5
  from unnest($6::text[], $7::bigint[], $8::float8[], $9::float8[], $10::int[], $11::int[], $12::text[],
    $13::bigint[], $14::bigint[], $15::float8[])
    as q(factor, at, value, emission, hours, gap, statistic, first, last, capture)
  join factor_code f on f.name = q.factor join reading_source r on r.name = $4"""
_LIST = """select f.name as factor, s.at, s.quantity, s.value, s.emission, r.name as rule, s.statistic, s.hours,
    s.gap as gap_hours, s.first_at, s.last_at, s.capture, s.provisional, s.rev, s.computed_at
  from substituted_value s join factor_code f on f.id = s.factor join reading_source r on r.id = s.rule
  where s.point = $1 and s.at >= $2 and s.at < $3 and s.replaced_at is null
    and ($4::text is null or f.name = $4) and ($5::timestamptz is null or (s.at, f.name) > ($5, $6))
  order by s.at, f.name limit $7"""


class Quarterly(NamedTuple):
    """What the substitutes of an outlet's quarter share. `rule`: of the dictionary of sources; captures by factor."""

    point: int
    since: datetime
    until: datetime
    rule: str
    quantity: str
    captures: Mapping[str, float]
    provisional: bool


class SubstitutedStore:
    """Reads and writes in the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def replace(self, quarter: Quarterly, filled: Mapping[Key, Filled], at: datetime) -> int:
        """Make these the substitutes in force; how many changed. What is the same stays as it is."""
        rows = await self._connection.fetch(_CURRENT, quarter.point, quarter.since, quarter.until)
        there = {(row["factor"], row["at"]): _told(row) for row in rows}
        wanted = {key: _shape(quarter, item) for key, item in filled.items()}
        gone = sorted(key for key, shape in there.items() if wanted.get(key) != shape)
        new = sorted(key for key, shape in wanted.items() if there.get(key) != shape)
        if gone:
            names, hours = zip(*gone, strict=True)
            await self._connection.execute(_RETIRE, quarter.point, list(names), list(hours), at)
        if new:
            await self._add(quarter, {key: filled[key] for key in new}, at)
        return len({*gone, *new})

    async def _add(self, quarter: Quarterly, filled: Mapping[Key, Filled], at: datetime) -> None:
        lines = [
            (*key, item.substitute.value, item.emission, item.substitute.hours, item.substitute.gap,
             item.substitute.statistic, item.substitute.first_at, item.substitute.last_at, quarter.captures[key[0]])
            for key, item in filled.items()
        ]  # fmt: skip
        await self._connection.execute(
            _ADD, quarter.point, quarter.provisional, quarter.quantity, quarter.rule, at,
            *(list(column) for column in zip(*lines, strict=True)),
        )  # fmt: skip

    async def list_substitutes(
        self, point: int, since: datetime, until: datetime, *, factor: str | None,
        after: tuple[datetime, str] | None, limit: int,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Substitutes in force by time and factor."""
        place = after or (None, None)
        rows = await self._connection.fetch(_LIST, point, since, until, factor, *place, limit)
        return [dict(row) for row in rows]


def _told(row: Any) -> tuple[Any, ...]:
    return (
        row["value"], row["emission"], row["statistic"], row["hours"], row["gap"], row["first_at"], row["last_at"],
        row["rule"], row["provisional"],
    )  # fmt: skip


def _shape(quarter: Quarterly, item: Filled) -> tuple[Any, ...]:
    one = item.substitute
    return (
        one.value, item.emission, one.statistic, one.hours, one.gap, one.first_at, one.last_at, quarter.rule,
        quarter.provisional,
    )  # fmt: skip
