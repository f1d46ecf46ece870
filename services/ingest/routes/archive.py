"""HTTP of the archive's state."""

from fastapi import APIRouter

from services.ingest.deps.archive import ArchiveStates
from shared.contracts.ingest.archive import ArchiveOut

router = APIRouter(prefix="/v1", tags=["archive"])


@router.get("/archive")
async def get_archive(service: ArchiveStates) -> ArchiveOut:
    """Files of closed months with hash and state, how far days are sealed, and what went wrong."""
    return await service.get_archive()
