"""Calls on bulk exports and the archive."""

from shared.clients.base import ServiceClient
from shared.contracts.ingest.archive import ArchiveOut


class ArchiveCalls(ServiceClient):
    """Calls on bulk exports and the archive."""

    async def get_archive(self) -> ArchiveOut:
        """Files of closed months, how far days are sealed, and what went wrong."""
        return ArchiveOut.model_validate(await self.get_json("/v1/archive"))
