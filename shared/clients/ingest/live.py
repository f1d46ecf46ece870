"""Calls on how outlets stand now."""

from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.ingest.live import OutletLive
from shared.http import Page


class LiveCalls(ServiceClient):
    """Calls on how outlets stand now."""

    async def list_live(
        self, *, enterprise_id: UUID | None = None, cursor: str | None = None, limit: int = 1000
    ) -> Page[OutletLive]:
        """Outlets in use by code: link, newest values against limits, marks in force."""
        answer = await self.get_json("/v1/live", enterprise_id=enterprise_id, cursor=cursor, limit=limit)
        return Page[OutletLive].model_validate(answer)
