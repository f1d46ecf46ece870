"""The newest readings of many outlets in a fixed number of statements."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isnan
from uuid import UUID

import asyncpg

from services.ingest.domain.live import Newest
from services.ingest.domain.readings import KIND_NUMBERS, NORMAL
from services.ingest.store.dictionaries import Dictionaries
from shared.contracts.ingest import LinkState, ReadingKind

FRAMES_A_KIND = 6
"""Newest rows looked at: an outlet's factors may come in several packets."""
MEAN_HOURS = timedelta(hours=3)
"""Hour means of an outlet beside its newest one: factors may end at different hours."""
_FRAMES = """select o.point, k.kind, f.at, f.layout, f.avg, f.flags
from unnest($1::int[]) as o(point) cross join unnest('{1,2}'::smallint[]) as k(kind) cross join lateral (
  select at, layout, avg, flags from frame
  where point = o.point and kind = k.kind and at >= $2 and at <= $3 order by at desc limit $4) f"""
_MEANS = """select o.point, c.name, m.at, m.value, m.flag
from unnest($1::int[]) as o(point) cross join lateral (
  select factor, at, value, flag from reading_value
  where point = o.point and kind = 3 and at >= $2 and at <= $3) m join factor_code c on c.id = m.factor"""
_SEALED = """select point, max(last_at) as at from series_day
where point = any($1::int[]) and kind = any('{1,2}'::smallint[]) and day >= ($2::timestamptz)::date
  and last_at >= $2 and last_at <= $3 group by point"""
_LINKS = """select d.outlet_id, bool_or(l.state = 'online') as online, bool_or(l.state = 'offline') as offline
from device d join device_link l on l.device_id = d.id
where d.outlet_id = any($1::uuid[]) and d.active group by d.outlet_id"""
_KINDS = {number: kind for kind, number in KIND_NUMBERS.items()}

Values = Mapping[int, Mapping[str, Sequence[Newest]]]


class LiveStore:
    """Reads in the caller's transaction, on the raw connection."""

    def __init__(self, connection: asyncpg.Connection, dictionaries: Dictionaries) -> None:
        self._connection = connection
        self._dictionaries = dictionaries

    async def newest(self, points: Sequence[int], since: datetime, now: datetime) -> Values:
        """By point and factor the newest value of each kind, not older than `since` and not from the future."""
        rows = await self._connection.fetch(_FRAMES, list(points), since, now, FRAMES_A_KIND)
        layouts = await self._dictionaries.layout_factors(self._connection, {row["layout"] for row in rows})
        found: dict[int, dict[tuple[str, ReadingKind], Newest]] = defaultdict(dict)
        for row in sorted(rows, key=lambda row: row["at"]):
            kind, factors = _KINDS[row["kind"]], layouts[row["layout"]]
            flags = row["flags"] or NORMAL * len(factors)
            for factor, value, flag in zip(factors, row["avg"], flags, strict=True):
                read = None if value is None or isnan(value) else float(value)
                found[row["point"]][factor, kind] = Newest(kind, row["at"].astimezone(UTC), read, flag)
        means = await self._connection.fetch(_MEANS, list(points), now - MEAN_HOURS, now)
        for row in sorted(means, key=lambda row: row["at"]):
            newest = Newest(ReadingKind.HOUR, row["at"].astimezone(UTC), row["value"], row["flag"])
            found[row["point"]][row["name"], ReadingKind.HOUR] = newest
        return {point: _by_factor(values) for point, values in found.items()}

    async def links(self, outlet_ids: Sequence[UUID]) -> dict[UUID, LinkState]:
        """Link of each outlet that has devices in use: online where one of them is."""
        rows = await self._connection.fetch(_LINKS, list(outlet_ids))
        return {
            row["outlet_id"]: LinkState.ONLINE if row["online"]
            else LinkState.OFFLINE if row["offline"] else LinkState.NEVER
            for row in rows
        }  # fmt: skip

    async def sealed(self, points: Sequence[int], since: datetime, now: datetime) -> dict[int, datetime]:
        """The newest time in sealed days of those points that have one not older than `since`."""
        return {row["point"]: row["at"] for row in await self._connection.fetch(_SEALED, list(points), since, now)}


def _by_factor(values: Mapping[tuple[str, ReadingKind], Newest]) -> dict[str, list[Newest]]:
    made: dict[str, list[Newest]] = defaultdict(list)
    for (factor, _), newest in values.items():
        made[factor].append(newest)
    return made
