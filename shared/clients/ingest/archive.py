"""Calls on bulk exports and the archive."""

from datetime import datetime
from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.ingest import ReadingKind
from shared.contracts.ingest.archive import ArchiveOut, OriginOut


class ArchiveCalls(ServiceClient):
    """Calls on bulk exports and the archive."""

    async def get_archive(self) -> ArchiveOut:
        """Files of closed months, how far days are sealed, and what went wrong."""
        return ArchiveOut.model_validate(await self.get_json("/v1/archive"))

    async def list_origins(
        self, outlet_id: UUID, *, kind: ReadingKind, since: datetime, until: datetime
    ) -> list[OriginOut]:
        """Where the values of an outlet came from, from `since` to before `until`."""
        answer = await self.get_json(f"/v1/outlets/{outlet_id}/origins", kind=kind, since=since, until=until)
        return [OriginOut.model_validate(item) for item in answer]
