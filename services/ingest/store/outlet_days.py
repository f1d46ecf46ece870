"""Days of outlets as letters of their hours, and the counts that rates are made of."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from services.ingest.domain.completeness import HourCounts, letters_that

_PUT = """insert into outlet_day(point, at, states, late, stopped, received, valid, changed_at)
  select point, to_timestamp(at), states, late, stopped, received, valid, $8
  from unnest($1::int[], $2::bigint[], $3::text[], $4::int[], $5::smallint[], $6::smallint[], $7::smallint[])
    as q(point, at, states, late, stopped, received, valid)
  on conflict (point, at) do update set states = excluded.states, late = excluded.late, stopped = excluded.stopped,
    received = excluded.received, valid = excluded.valid, changed_at = excluded.changed_at"""
_REACH = """insert into outlet_reach as r (point, first_at, heard_at)
  select point, to_timestamp(first), to_timestamp(heard)
  from unnest($1::int[], $2::bigint[], $3::bigint[]) as q(point, first, heard)
  on conflict (point) do update set first_at = least(r.first_at, excluded.first_at)
  returning new.point, extract(epoch from new.first_at)::bigint as first,
    extract(epoch from new.heard_at)::bigint as heard, extract(epoch from old.first_at)::bigint as before"""
# A day that lies in the span whole counts by its sums; of the first and the last only the hours inside.
_COUNTED = """case when d.at >= $1 and d.at + interval '24 hours' <= $2 then d.{name}
    else length(regexp_replace(substr(d.states, 1 + greatest(0, (extract(epoch from $1 - d.at) / 3600)::int),
      least(24, (extract(epoch from $2 - d.at) / 3600)::int)
        - greatest(0, (extract(epoch from $1 - d.at) / 3600)::int)), ${letters}, '', 'g')) end"""
_DAYS = f"""select d.point, {{period}} as period,
    sum({_COUNTED.format(name="stopped", letters=4)})::int as stopped,
    sum({_COUNTED.format(name="received", letters=5)})::int as received,
    sum({_COUNTED.format(name="valid", letters=6)})::int as valid, sum(bit_count(d.late::bit(24)))::int as late
  from outlet_day d where d.at > $1 - interval '24 hours' and d.at < $2 and ($3::int[] is null or d.point = any($3))
  group by 1, 2"""
_ALL = f"""select o.id, o.enterprise_id, r.first_at, c.stopped, c.received, c.valid, c.late
  from outlet o left join outlet_reach r on r.point = o.point
  left join ({_DAYS.format(period="null")}) c on c.point = o.point
  where o.active and ($7::uuid is null or o.enterprise_id = $7) and ($8::uuid is null or o.id = $8)
  order by o.code, o.id limit $9"""
PERIODS = {
    "day": "d.at",
    "month": "date_trunc('month', d.at, 'Asia/Shanghai')",
    "quarter": "date_trunc('quarter', d.at, 'Asia/Shanghai')",
}
_SEEN = """select o.id, o.enterprise_id, o.point, o.code, r.first_at from outlet o
  left join outlet_reach r on r.point = o.point
  where o.active and ($1::uuid is null or o.enterprise_id = $1) and ($2::uuid is null or o.id = $2)
    and ($3::text is null or (o.code, o.id) > ($3, $4)) order by o.code, o.id limit $5"""


class Reach(NamedTuple):
    """First hour of an outlet with readings, when it was first heard of, and the first hour as known before."""

    first: int
    heard: int
    before: int | None


class Day(NamedTuple):
    """A day of an outlet: a letter for each hour, and a bit for each that came late (hour 0 is the lowest)."""

    states: str
    late: int


class Seen(NamedTuple):
    """An outlet in use, and from when on hours are expected of it."""

    outlet_id: UUID
    enterprise_id: UUID
    point: int
    code: str
    first_at: datetime | None


def _class_of_others(name: str) -> str:
    """A pattern for the letters that do not count as `name`."""
    letters = letters_that(name).replace(".", "\\.")
    return f"[^{letters}]"


def patterns() -> tuple[str, str, str]:
    """Patterns of what to leave out when counting stopped, received and valid hours."""
    return "[^S]", _class_of_others("received"), _class_of_others("valid")


class OutletDayStore:
    """Reads and writes in the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def reach(self, first: Mapping[int, int], heard: Mapping[int, int]) -> dict[int, Reach]:
        """Tell the first hours (Unix seconds) by point and when they came; what is known of each outlet now."""
        points = sorted(first)
        rows = await self._connection.fetch(
            _REACH, points, [first[point] for point in points], [heard[point] for point in points]
        )
        return {row["point"]: Reach(row["first"], row["heard"], row["before"]) for row in rows}

    async def first_hours(self, points: Sequence[int]) -> dict[int, int]:
        """The first hour of each outlet that has sent something, Unix seconds."""
        rows = await self._connection.fetch(
            "select point, extract(epoch from first_at)::bigint as first from outlet_reach"
            " where point = any($1::int[])", list(points),
        )  # fmt: skip
        return {row["point"]: row["first"] for row in rows}

    async def active_points(self) -> list[int]:
        """Outlets in use that have sent something."""
        rows = await self._connection.fetch(
            "select o.point from outlet o join outlet_reach r on r.point = o.point where o.active order by o.point"
        )
        return [row["point"] for row in rows]

    async def days(self, keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Day]:
        """Days by (point, start in Unix seconds), locked; those that are not there are left out."""
        points, starts = zip(*sorted(keys), strict=True)
        rows = await self._connection.fetch(
            "select d.point, q.at, d.states, d.late from unnest($1::int[], $2::bigint[]) as q(point, at)"
            " join outlet_day d on d.point = q.point and d.at = to_timestamp(q.at) for update of d",
            list(points), list(starts),
        )  # fmt: skip
        return {(row["point"], row["at"]): Day(row["states"], row["late"]) for row in rows}

    async def put(self, days: Mapping[tuple[int, int], Day], at: datetime) -> None:
        """Write days with their counts."""
        if not days:
            return
        received, valid = letters_that("received"), letters_that("valid")
        lines = [
            (
                *key, day.states, day.late, day.states.count("S"),
                sum(letter in received for letter in day.states), sum(letter in valid for letter in day.states),
            )
            for key, day in sorted(days.items())
        ]  # fmt: skip
        await self._connection.execute(_PUT, *(list(column) for column in zip(*lines, strict=True)), at)

    async def counts(
        self, since: datetime, until: datetime, *, enterprise_id: UUID | None, outlet_id: UUID | None, limit: int
    ) -> list[HourCounts]:
        """Hours of a span by outlet in use, by code. `since` and `until` are whole hours."""
        rows = await self._connection.fetch(_ALL, since, until, None, *patterns(), enterprise_id, outlet_id, limit)
        return [
            HourCounts(
                row["id"], row["enterprise_id"], row["first_at"], row["stopped"] or 0, row["received"] or 0,
                row["valid"] or 0, row["late"] or 0,
            )
            for row in rows
        ]  # fmt: skip

    async def seen(
        self, *, enterprise_id: UUID | None, outlet_id: UUID | None, after: tuple[str, UUID] | None, limit: int
    ) -> list[Seen]:
        """Outlets in use by code."""
        place = after or (None, None)
        rows = await self._connection.fetch(_SEEN, enterprise_id, outlet_id, *place, limit)
        return [Seen(row["id"], row["enterprise_id"], row["point"], row["code"], row["first_at"]) for row in rows]

    async def period_counts(
        self, points: Sequence[int], unit: str, since: datetime, until: datetime
    ) -> dict[tuple[int, datetime], dict[str, Any]]:
        """Counts by (point, start of the period)."""
        query = _DAYS.format(period=PERIODS[unit])
        rows = await self._connection.fetch(query, since, until, list(points), *patterns())
        return {(row["point"], row["period"]): dict(row) for row in rows}

    async def list_days(self, point: int, since: datetime, until: datetime) -> dict[int, Day]:
        """Days of one outlet by start in Unix seconds."""
        rows = await self._connection.fetch(
            "select extract(epoch from at)::bigint as at, states, late from outlet_day"
            " where point = $1 and at >= $2 and at < $3 order by at", point, since, until,
        )  # fmt: skip
        return {row["at"]: Day(row["states"], row["late"]) for row in rows}
