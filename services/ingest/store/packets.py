"""The journal of packets, and what the gateway knows of devices."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy import ColumnElement, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.ingest.domain.packets import KnownDevice, Packet, PacketFilter
from services.ingest.domain.quarantine import Act
from services.ingest.store.binary import PACKET_COLUMNS, copy, packet_rows
from services.ingest.tables import DeviceRow, PacketActRow, PacketRow
from shared.contracts.ingest import PacketStatus
from shared.contracts.ingest.links import PasswordCheck, Tolerance
from shared.contracts.ingest.packets import PacketAct

_UNDER_WAY = """(select c.secret from command c where c.device_id = d.id and c.secret is not null
    and c.state = any('{sent,accepted,running,timed_out,failed}')"""
_DEVICES = """select d.id, d.mn, d.password, d.edition, d.active and o.active as active, o.point, o.id as outlet_id,
  s.device_id is not null as is_set, s.tolerance, s.accepted, s.networks, s.password_check, k.key,
  k.previous as previous_key,
  {under_way} and c.code = 'set_password' order by c.number desc limit 1) as next_password,
  {under_way} and c.code = 'set_key' order by c.number desc limit 1) as next_key
from device d join outlet o on o.id = d.outlet_id
left join device_setting s on s.device_id = d.id left join device_key k on k.device_id = d.id
where d.mn = any($1::text[])""".replace("{under_way}", _UNDER_WAY)
_FORGET = """with old as (
  select p.id from packet p where p.received_at < :plain
  and (p.received_at < :refused or (p.status <> 'quarantined' and not exists(
    select from packet_act a where a.packet_id = p.id)))
  and not exists(select from packet_act h where h.packet_id = p.id and h.act = 'hold' and not exists(
    select from packet_act r where r.packet_id = h.packet_id and r.act = 'release' and r.id > h.id))
  order by p.id limit :limit), gone as (delete from packet p using old where p.id = old.id returning 1)
select count(*) from gone"""


class PacketStore:
    """Reads the journal in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_packets(self, wanted: PacketFilter, *, before: int | None, limit: int) -> list[Packet]:
        """Newest first."""
        query = select(PacketRow).order_by(col(PacketRow.id).desc()).limit(limit).where(*_conditions(wanted))
        if before is not None:
            query = query.where(col(PacketRow.id) < before)
        return [_packet(row) for row in (await self._session.execute(query)).scalars()]

    async def list_open(self, wanted: PacketFilter, limit: int) -> list[Packet]:
        """Open packets of the quarantine, oldest first."""
        query = select(PacketRow).order_by(col(PacketRow.id)).limit(limit).where(*_conditions(wanted))
        return [_packet(row) for row in (await self._session.execute(query)).scalars()]

    async def find_packet(self, packet_id: int) -> Packet | None:
        """One packet, or None."""
        row = await self._session.get(PacketRow, packet_id)
        return None if row is None else _packet(row)

    async def list_acts(self, packet_id: int) -> list[Act]:
        """What was done with a packet, in order."""
        query = select(PacketActRow).where(col(PacketActRow.packet_id) == packet_id).order_by(col(PacketActRow.id))
        return [
            Act(
                row.packet_id, row.at, PacketAct(row.act), row.actor, PacketStatus(row.status) if row.status else None,
                row.reason, row.detail, row.closes,
            )
            for row in (await self._session.execute(query)).scalars()
        ]  # fmt: skip

    async def add_acts(self, acts: Sequence[Act]) -> bool:
        """Append. False, and nothing is added, where one closes a packet that is closed already."""
        closing = {act.packet_id for act in acts if act.closes}
        taken = select(PacketActRow.packet_id).where(col(PacketActRow.packet_id).in_(closing), col(PacketActRow.closes))
        if closing and (await self._session.execute(taken.limit(1))).first() is not None:
            return False
        rows = [
            PacketActRow(
                packet_id=act.packet_id, at=act.at, act=act.act.value, actor=act.actor,
                status=act.status.value if act.status else None, reason=act.reason, detail=act.detail,
                closes=act.closes,
            )
            for act in acts
        ]  # fmt: skip
        try:
            async with self._session.begin_nested():
                self._session.add_all(rows)
        except IntegrityError:
            return False
        return True

    async def find_device_id(self, mn: str) -> UUID | None:
        """The device with this MN, or None."""
        return (await self._session.execute(select(DeviceRow.id).where(col(DeviceRow.mn) == mn))).scalar_one_or_none()

    async def forget_packets(self, plain: datetime, refused: datetime, limit: int) -> int:
        """Remove up to `limit` packets received before `plain`, those refused or acted on before `refused`; never one
        that is held. How many went.
        """
        result = await self._session.execute(text(_FORGET), {"plain": plain, "refused": refused, "limit": limit})
        return int(result.scalar_one())


def _conditions(wanted: PacketFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.status is not None or wanted.open:
        # Literal for the partial index of the quarantine.
        status = PacketStatus.QUARANTINED if wanted.open else wanted.status
        conditions.append(col(PacketRow.status) == (status.value if status else None))
    if wanted.open:
        closed = select(PacketActRow.id).where(col(PacketActRow.packet_id) == col(PacketRow.id), PacketActRow.closes)
        conditions.append(~closed.exists())
    if wanted.reason is not None:
        conditions.append(col(PacketRow.reason) == wanted.reason)
    if wanted.mn is not None:
        conditions.append(col(PacketRow.mn) == wanted.mn)
    if wanted.since is not None:
        conditions.append(col(PacketRow.received_at) >= wanted.since)
    if wanted.until is not None:
        conditions.append(col(PacketRow.received_at) < wanted.until)
    return conditions


def _packet(row: PacketRow) -> Packet:
    return Packet(
        id=row.id or 0, received_at=row.received_at, remote=row.remote, mn=row.mn, cn=row.cn,
        status=PacketStatus(row.status), reason=row.reason, detail=row.detail, repairs=tuple(row.repairs), raw=row.raw,
    )  # fmt: skip


class JournalStore:
    """Writes the journal in the caller's transaction, on the raw connection."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def add_packets(self, packets: Sequence[Packet]) -> None:
        """Append in order; ids are given by the database."""
        await copy(self._connection, "packet", PACKET_COLUMNS, packet_rows(packets))

    async def find_devices(self, mns: Iterable[str]) -> list[KnownDevice]:
        """Devices with these MNs, with their outlets."""
        rows = await self._connection.fetch(_DEVICES, list(mns))
        return [_device(row) for row in rows]

    async def mark_seen(self, seen: Sequence[tuple[UUID, datetime]]) -> None:
        """Note when devices were last heard of."""
        await self._connection.execute(
            "update device d set last_seen_at = greatest(d.last_seen_at, q.at)"
            " from unnest($1::uuid[], $2::timestamptz[]) as q(id, at) where d.id = q.id",
            [device_id for device_id, _ in seen],
            [at for _, at in seen],
        )


def _device(row: asyncpg.Record) -> KnownDevice:
    known = KnownDevice(
        row["id"], row["mn"], row["password"], row["edition"], row["active"], row["point"], row["outlet_id"],
        key=row["key"], next_password=row["next_password"], next_key=row["next_key"],
        previous_key=row["previous_key"],
    )  # fmt: skip
    if not row["is_set"]:
        return known
    return known._replace(
        tolerance=Tolerance(row["tolerance"]), accepted=tuple(row["accepted"]), networks=tuple(row["networks"]),
        password_check=PasswordCheck(row["password_check"]),
    )  # fmt: skip
