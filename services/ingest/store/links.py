"""Links of devices, written by the gateway in batches on the raw connection."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from services.ingest.domain.links import COUNTS, Change, Link, Seen, SeenLine
from services.ingest.domain.strangers import Stranger
from shared.contracts.ingest import LinkState

_LINKS = """select d.id as device_id, d.mn, d.outlet_id, o.enterprise_id, d.edition,
  l.state, l.since, l.connected_at, l.last_frame_at, l.heartbeat_at, l.duplicate_at, l.skew, l.skew_at, l.clock_off,
  l.peer, l.editions, l.edition_other, l.last_by_cn::text as last_by_cn, l.lines::text as lines
from device d join outlet o on o.id = d.outlet_id join device_link l on l.device_id = d.id"""
_EMPTY = """insert into device_link(device_id, state, clock_off, peer, editions, last_by_cn, lines)
select id, 'never', false, '', '{}', '{}', '[]' from device where mn = any($1::text[]) on conflict do nothing"""
_SAVE = """update device_link l set state = q.state, since = q.since, connected_at = q.connected_at,
  last_frame_at = q.last_frame_at, heartbeat_at = q.heartbeat_at, duplicate_at = q.duplicate_at, skew = q.skew,
  skew_at = q.skew_at, clock_off = q.clock_off, peer = q.peer,
  editions = array(select jsonb_array_elements_text(q.editions::jsonb)), edition_other = q.edition_other,
  last_by_cn = q.last_by_cn::jsonb, lines = q.lines::jsonb
from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
  $7::timestamptz[], $8::float8[], $9::timestamptz[], $10::bool[], $11::text[], $12::text[], $13::text[], $14::text[],
  $15::text[]) as q(device_id, state, since, connected_at, last_frame_at, heartbeat_at, duplicate_at, skew, skew_at,
  clock_off, peer, editions, edition_other, last_by_cn, lines)
where l.device_id = q.device_id"""
_DAYS = """insert into device_day as d(device_id, day, frames, late, repeats, repaired, rejected, undelivered)
select * from unnest($1::uuid[], $2::date[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
  $8::bigint[])
on conflict(device_id, day) do update set frames = d.frames + excluded.frames, late = d.late + excluded.late,
  repeats = d.repeats + excluded.repeats, repaired = d.repaired + excluded.repaired,
  rejected = d.rejected + excluded.rejected, undelivered = d.undelivered + excluded.undelivered"""
_ODDITIES = """insert into device_oddity as d(device_id, kind, name, first_at, last_at, count)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $4::timestamptz[], $5::bigint[])
on conflict(device_id, kind, name) do update set last_at = greatest(d.last_at, excluded.last_at),
  count = d.count + excluded.count"""
_EVENTS = """insert into device_event(device_id, at, change, detail)
select q.device_id, q.at, q.change, q.detail::jsonb
from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[]) with ordinality
  as q(device_id, at, change, detail, n) order by q.n"""
_STRANGERS = """insert into unknown_device as u(mn, first_at, last_at, frames, peer, st, cn, edition)
select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[],
  $7::text[], $8::text[])
on conflict(mn) do update set last_at = greatest(u.last_at, excluded.last_at), frames = u.frames + excluded.frames,
  peer = excluded.peer, st = excluded.st, cn = excluded.cn, edition = excluded.edition"""


class LinkBook:
    """Writes links in the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def lock_links(self, mns: Iterable[str]) -> dict[str, Link]:
        """Links of registered devices by MN, locked; made where there is none yet."""
        wanted = list(mns)
        await self._connection.execute(_EMPTY, wanted)
        rows = await self._connection.fetch(
            f"{_LINKS} where d.mn = any($1::text[]) order by l.device_id for update of l", wanted
        )
        return {row["mn"]: link_of_row(row) for row in rows}

    async def lock_silent(self, heard_before: datetime, repeated_before: datetime, limit: int) -> list[Link]:
        """Links that time alone may change, locked; those another process holds are left to it."""
        rows = await self._connection.fetch(
            f"{_LINKS} where (l.state = 'online' and l.last_frame_at < $1) or l.duplicate_at < $2"
            " order by l.device_id limit $3 for update of l skip locked",
            heard_before, repeated_before, limit,
        )  # fmt: skip
        return [link_of_row(row) for row in rows]

    async def save_links(self, links: Sequence[Link]) -> None:
        """Replace what is stored of each."""
        await self._connection.execute(
            _SAVE,
            *([getattr(link, name) for link in links] for name in ("device_id", "state", "since", "connected_at",
              "last_frame_at", "heartbeat_at", "duplicate_at", "skew", "skew_at", "clock_off", "peer")),
            [orjson.dumps(link.editions).decode() for link in links],
            [link.edition_other for link in links],
            [orjson.dumps(link.last_by_cn).decode() for link in links],
            [orjson.dumps([line._asdict() for line in link.lines]).decode() for link in links],
        )  # fmt: skip

    async def add_traffic(self, seen: Sequence[tuple[UUID, Seen]], day: date) -> None:
        """Add counts to the day, and oddities to those known."""
        await self._connection.execute(
            _DAYS,
            [device_id for device_id, _ in seen],
            [day] * len(seen),
            *([getattr(item, name) for _, item in seen]
              for name in COUNTS),
        )  # fmt: skip

    async def add_oddities(self, seen: Sequence[tuple[UUID, Seen]], at: datetime) -> None:
        """Add repairs and reasons to those known."""
        found = [
            (device_id, kind, name, item.last_at or at, count)
            for device_id, item in seen
            for (kind, name), count in item.oddities.items()
        ]
        if found:
            await self._connection.execute(_ODDITIES, *map(list, zip(*found, strict=True)))

    async def add_events(self, changes: Sequence[tuple[UUID, Change]]) -> None:
        """Append to the histories."""
        if changes:
            await self._connection.execute(
                _EVENTS,
                [device_id for device_id, _ in changes],
                [change.at for _, change in changes],
                [change.change.value for _, change in changes],
                [orjson.dumps(change.detail).decode() for _, change in changes],
            )

    async def add_strangers(self, strangers: Sequence[Stranger]) -> None:
        """Add to the MNs nobody registered."""
        if strangers:
            names = ("mn", "first_at", "last_at", "frames", "peer", "st", "cn", "edition")
            await self._connection.execute(_STRANGERS, *([getattr(item, name) for item in strangers] for name in names))


def link_of_row(row: Mapping[str, Any]) -> Link:
    """A link from its columns; JSON comes as text."""
    fields = dict(row)
    fields["state"] = LinkState(fields["state"])
    fields["editions"] = tuple(fields["editions"])
    fields["last_by_cn"] = {
        cn: datetime.fromisoformat(at) for cn, at in orjson.loads(fields["last_by_cn"]).items()
    }  # fmt: skip
    fields["lines"] = tuple(
        SeenLine(line["peer"], datetime.fromisoformat(line["since"]), datetime.fromisoformat(line["last_at"]))
        for line in orjson.loads(fields["lines"])
    )
    return Link(**fields)
