"""How devices are spoken to, and what they said: from registry and journal, in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg


class Spoken(NamedTuple):
    """A device with the last good packet it sent, if any."""

    password: str | None
    medium: str
    last: bytes | None
    key: bytes | None


class StationStore:
    """On the raw connection."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def find(self, device_id: UUID) -> Spoken:
        """The device's password and medium with its last packet."""
        row = await self._connection.fetchrow(
            "select d.password, o.medium, p.raw, k.key from device d join outlet o on o.id = d.outlet_id"
            " left join device_key k on k.device_id = d.id left join lateral ("
            " select raw from packet where mn = d.mn and status = any('{stored,answered}') order by id desc limit 1"
            ") p on true where d.id = $1",
            device_id,
        )
        return Spoken(row["password"], row["medium"], row["raw"], row["key"])

    async def heard_since(
        self, mn: str, cns: Sequence[str], since: datetime, limit: int
    ) -> list[tuple[bytes, datetime]]:
        """Packets of these commands (CN) that a device sent since, in order, as journalled."""
        rows = await self._connection.fetch(
            "select raw, received_at from packet where mn = $1 and cn = any($2::text[]) and received_at >= $3"
            " and status <> 'quarantined' order by id limit $4",
            mn, list(cns), since, limit,
        )  # fmt: skip
        return [(bytes(row["raw"]), row["received_at"]) for row in rows]

    async def off_clocks(self, beyond: timedelta, since: datetime, limit: int) -> list[str]:
        """MNs of connected devices whose clock was off by more than `beyond` when last measured, since then."""
        rows = await self._connection.fetch(
            "select d.mn from device_link l join device d on d.id = l.device_id where l.state = 'online' and d.active"
            " and abs(l.skew) > $1 and l.skew_at >= $2 order by l.skew_at limit $3",
            beyond.total_seconds(), since, limit,
        )  # fmt: skip
        return [row["mn"] for row in rows]

    async def set_password(self, device_id: UUID, password: str, at: datetime) -> None:
        """The device's PW from now on."""
        await self._connection.execute(
            "update device set password = $2, changed_at = $3 where id = $1", device_id, password, at
        )
