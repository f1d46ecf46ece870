"""The journal of packets, and what the gateway knows of devices."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.ingest.domain.packets import KnownDevice, Packet
from services.ingest.tables import PacketRow
from shared.contracts.ingest import PacketStatus
from shared.contracts.ingest.links import PasswordCheck, Tolerance

_COLUMNS = ("received_at", "remote", "mn", "cn", "status", "reason", "detail", "repairs", "raw")
_DEVICES = """select d.id, d.mn, d.password, d.edition, d.active and o.active as active, o.point, o.id as outlet_id,
  s.device_id is not null as is_set, s.tolerance, s.accepted, s.networks, s.password_check, k.key
from device d join outlet o on o.id = d.outlet_id
left join device_setting s on s.device_id = d.id left join device_key k on k.device_id = d.id
where d.mn = any($1::text[])"""


class PacketStore:
    """Reads the journal in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_packets(
        self, *, status: PacketStatus | None, reason: str | None, mn: str | None, before: int | None, limit: int
    ) -> list[Packet]:
        """Newest first."""
        query = select(PacketRow).order_by(col(PacketRow.id).desc()).limit(limit)
        if status is not None:
            # Literal for the partial index of the quarantine.
            query = query.where(col(PacketRow.status) == status.value)
        if reason is not None:
            query = query.where(col(PacketRow.reason) == reason)
        if mn is not None:
            query = query.where(col(PacketRow.mn) == mn)
        if before is not None:
            query = query.where(col(PacketRow.id) < before)
        rows = (await self._session.execute(query)).scalars()
        return [
            Packet(
                id=row.id or 0, received_at=row.received_at, remote=row.remote, mn=row.mn, cn=row.cn,
                status=PacketStatus(row.status), reason=row.reason, detail=row.detail, repairs=tuple(row.repairs),
                raw=row.raw,
            )
            for row in rows
        ]  # fmt: skip


class JournalStore:
    """Writes the journal in the caller's transaction, on the raw connection."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def add_packets(self, packets: Sequence[Packet]) -> None:
        """Append in order; ids are given by the database."""
        await self._connection.copy_records_to_table(
            "packet",
            columns=_COLUMNS,
            records=[
                (
                    packet.received_at, packet.remote, packet.mn, packet.cn, packet.status.value, packet.reason,
                    packet.detail, packet.repairs, packet.raw,
                )
                for packet in packets
            ],
        )  # fmt: skip

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
        key=row["key"],
    )  # fmt: skip
    if not row["is_set"]:
        return known
    return known._replace(
        tolerance=Tolerance(row["tolerance"]), accepted=tuple(row["accepted"]), networks=tuple(row["networks"]),
        password_check=PasswordCheck(row["password_check"]),
    )  # fmt: skip
