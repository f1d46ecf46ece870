"""The SQL of what loggers tell besides readings, and of reading the journal on without missing a packet."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg

from services.ingest.domain.field import Info, StateSince
from services.ingest.domain.packets import Packet
from services.ingest.domain.parameters import Change, Told
from shared.contracts.ingest import PacketStatus

CURSOR = "field"
RETRIED = "field.retried"
_COLUMNS = "p.id, p.received_at, p.remote, p.mn, p.cn, p.status, p.reason, p.detail, p.repairs, p.raw"
# The condition on cn is written as in the partial index packet_field.
_PACKETS = f"""select {_COLUMNS}, p.id as number from packet p
  where p.id > $1 and p.id <= $2 and cn in ('2062','3020') and p.status in ('answered','ignored')
  order by p.id limit $3"""
_RETRIED = f"""select {_COLUMNS}, a.id as number from packet_act a join packet p on p.id = a.packet_id
  where a.id > $1 and a.id <= $2 and a.act = 'retry' and a.closes and a.status in ('answered','ignored')
  order by a.id limit $3"""
# Numbers are given before the commit, and a number is given only under this lock: once those that hold it now have
# ended, no number up to the present highest can appear any more.
_WRITERS = """select distinct virtualtransaction from pg_locks
  where relation = any($1::regclass[]) and mode = 'RowExclusiveLock' and granted
  and database = (select oid from pg_database where datname = current_database())"""
_STATES = """insert into analyser_state as s(point, factor, at, code, state, packet_id)
  values($1, $2, $3, $4, $5, $6) on conflict(point, factor, at, code)
  do update set state = excluded.state, packet_id = excluded.packet_id where s.packet_id <= excluded.packet_id"""
_NEXT = "select min(at) from analyser_state where point = $1 and factor = $2 and code = $3 and at > $4"
_INFO = """insert into field_info as f(device_id, factor, code, value, at, packet_id) values($1, $2, $3, $4, $5, $6)
  on conflict(device_id, factor, code) do update set value = excluded.value, at = excluded.at,
  packet_id = excluded.packet_id where f.at <= excluded.at"""


_TOLD = "select factor, code, value, at from field_info where device_id = $1 and code = any($2) for update"
_CHANGE = """insert into parameter_change(id, device_id, outlet_id, factor, code, before, after, at, packet_id)
  values($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict(device_id, factor, code, at) do nothing"""


class Horizon(NamedTuple):
    """The highest numbers of the journal and of its acts, and the transactions that may still add lower ones."""

    packet: int
    act: int
    writers: frozenset[str]


class Lines(NamedTuple):
    """Packets in order, and the number the cursor moves to when they are done with. more: there are further ones."""

    packets: list[Packet]
    reached: int
    more: bool


class FieldStore:
    """Reads and writes in the caller's transaction, on the raw connection."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def find_horizon(self) -> Horizon:
        """How far the journal reaches, then who writes to it."""
        packet = await self._connection.fetchval("select coalesce(max(id), 0) from packet")
        act = await self._connection.fetchval("select coalesce(max(id), 0) from packet_act")
        return Horizon(packet, act, await self.list_writers())

    async def list_writers(self) -> frozenset[str]:
        """Transactions that write to the journal now."""
        rows = await self._connection.fetch(_WRITERS, ["packet", "packet_act"])
        return frozenset(row["virtualtransaction"] for row in rows)

    async def take(self, horizon: Horizon, limit: int) -> tuple[Lines, Lines]:
        """The next packets that were taken as they came, and those taken on a re-try. Locks the cursors."""
        return (
            await self._take(CURSOR, _PACKETS, horizon.packet, limit),
            await self._take(RETRIED, _RETRIED, horizon.act, limit),
        )

    async def move(self, lines: tuple[Lines, Lines]) -> None:
        """Let the cursors stand behind what was taken."""
        for name, each in zip((CURSOR, RETRIED), lines, strict=True):
            await self._connection.execute(
                "update journal_cursor set after = $2 where name = $1 and after < $2", name, each.reached
            )

    async def add_states(self, point: int, states: Sequence[StateSince], packet_id: int) -> None:
        """Note working states; of one time the later packet counts."""
        for state in states:
            await self._connection.execute(
                _STATES, point, state.factor, state.at, state.code, state.state, packet_id
            )  # fmt: skip

    async def find_next(self, point: int, state: StateSince) -> datetime | None:
        """When the next state after this one begins."""
        at: datetime | None = await self._connection.fetchval(_NEXT, point, state.factor, state.code, state.at)
        return at

    async def put_infos(self, device_id: UUID, infos: Sequence[Info], at: datetime, packet_id: int) -> None:
        """Keep what is newer than what is known."""
        for info in infos:
            await self._connection.execute(_INFO, device_id, info.factor, info.code, info.value, at, packet_id)

    async def find_told(self, device_id: UUID, codes: Sequence[str]) -> dict[tuple[str, str], Told]:
        """Values of these codes as last told, by factor and code."""
        rows = await self._connection.fetch(_TOLD, device_id, list(codes))
        return {(row["factor"], row["code"]): Told(row["value"], row["at"]) for row in rows}

    async def add_changes(self, device_id: UUID, outlet_id: UUID, changes: Sequence[Change], packet_id: int) -> None:
        """Keep changes of parameters; the same one told again is kept once."""
        for one in changes:
            await self._connection.execute(
                _CHANGE, uuid4(), device_id, outlet_id, one.factor, one.code, one.before, one.after, one.at, packet_id
            )

    async def _take(self, name: str, query: str, until: int, limit: int) -> Lines:
        await self._connection.execute("insert into journal_cursor values($1, 0) on conflict do nothing", name)
        after = await self._connection.fetchval("select after from journal_cursor where name = $1 for update", name)
        rows = await self._connection.fetch(query, after, until, limit)
        more = len(rows) == limit
        return Lines([_packet(row) for row in rows], rows[-1]["number"] if more else until, more)


def _packet(row: Any) -> Packet:
    fields = dict(row)
    del fields["number"]
    fields |= {"status": PacketStatus(fields["status"]), "repairs": tuple(fields["repairs"])}
    return Packet(**fields)
