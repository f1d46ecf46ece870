"""The journal of packets, read."""

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.packets import Packet
from services.ingest.store.packets import PacketStore
from shared.contracts.ingest import PacketStatus


class PacketService:
    """Use cases in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._store = PacketStore(session)

    async def list_packets(
        self, *, status: PacketStatus | None, reason: str | None, mn: str | None, before: int | None, limit: int
    ) -> list[Packet]:
        """Journal and quarantine, newest first."""
        return await self._store.list_packets(status=status, reason=reason, mn=mn, before=before, limit=limit)
