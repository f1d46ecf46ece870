"""Calls on the journal of packets."""

from shared.clients.base import ServiceClient
from shared.contracts.ingest import PacketOut
from shared.http import Page


class PacketCalls(ServiceClient):
    """Calls on the journal of packets."""

    async def list_packets(
        self, *, status: str | None = None, reason: str | None = None, mn: str | None = None, cursor: str | None = None,
        limit: int = 100,
    ) -> Page[PacketOut]:  # fmt: skip
        """Journal and quarantine, newest first."""
        answer = await self.get_json("/v1/packets", status=status, reason=reason, mn=mn, cursor=cursor, limit=limit)
        return Page[PacketOut].model_validate(answer)
