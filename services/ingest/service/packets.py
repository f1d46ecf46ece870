"""The journal of packets, read, and acts on the quarantine that bring no readings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.packets import Packet, PacketFilter, claimed_mn
from services.ingest.domain.quarantine import (
    Act,
    Dissection,
    PacketClosedError,
    check_may_act,
    dissect,
)
from services.ingest.store.packets import PacketStore
from shared import audit
from shared.audit import Actor
from shared.auth import Principal
from shared.contracts.ingest.packets import PacketAct
from shared.db import Database
from shared.errors import NotFoundError
from shared.logging import get_logger

log = get_logger(__name__)

FORGOTTEN_AT_ONCE = 5_000
MOST_ROUNDS = 200


class PacketNotFoundError(NotFoundError):
    """No packet with this number."""


@dataclass(frozen=True)
class PacketView:
    """A packet, what its bytes say, the device it names, and what was done with it."""

    packet: Packet
    dissection: Dissection
    device_id: UUID | None
    acts: list[Act]


class PacketService:
    """Use cases in the caller's transaction."""

    def __init__(self, session: AsyncSession, now: Callable[[], datetime], caller: Principal) -> None:
        self._session = session
        self._store = PacketStore(session)
        self._now = now
        self._caller = caller

    async def list_packets(self, wanted: PacketFilter, *, before: int | None, limit: int) -> list[Packet]:
        """Journal and quarantine, newest first."""
        return await self._store.list_packets(wanted, before=before, limit=limit)

    async def get_packet(self, packet_id: int) -> PacketView:
        """One packet with its bytes taken apart."""
        packet = await self._packet(packet_id)
        mn = packet.mn or claimed_mn(packet.raw)
        device_id = await self._store.find_device_id(mn) if mn else None
        return PacketView(packet, dissect(packet.raw), device_id, await self._store.list_acts(packet_id))

    async def act(self, packet_id: int, act: PacketAct, reason: str) -> PacketView:
        """Discard, hold or release a packet; the packet itself stays as it is."""
        packet = await self._packet(packet_id)
        check_may_act(act, packet, await self._store.list_acts(packet_id), reason)
        at = self._now()
        done = Act(packet_id, at, act, self._caller.name, detail=reason.strip(), closes=act is PacketAct.DISCARD)
        if not await self._store.add_acts([done]):
            raise PacketClosedError(f"packet {packet_id} is not open in the quarantine", packet_id=packet_id)
        await audit.record(
            self._session, Actor.of(self._caller), f"packet.{act.value}", f"packet:{packet_id}", at=at,
            reason=reason.strip(),
        )  # fmt: skip
        return await self.get_packet(packet_id)

    async def _packet(self, packet_id: int) -> Packet:
        packet = await self._store.find_packet(packet_id)
        if packet is None:
            raise PacketNotFoundError(f"no packet {packet_id}", packet_id=packet_id)
        return packet


async def forget_packets(db: Database, now: datetime, *, plain_days: int, refused_days: int) -> int:
    """Remove packets that are too old to keep, some at a time. How many went."""
    plain, refused = now - timedelta(days=plain_days), now - timedelta(days=max(plain_days, refused_days))
    total = 0
    for _ in range(MOST_ROUNDS):
        async with db.transaction() as session:
            gone = await PacketStore(session).forget_packets(plain, refused, FORGOTTEN_AT_ONCE)
        total += gone
        if gone < FORGOTTEN_AT_ONCE:
            break
    if total:
        log.info("packets_forgotten", packets=total)
    return total
