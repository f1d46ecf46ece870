"""Wiring of the archive's state."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.ingest.deps.state import db_of
from services.ingest.service.archive_state import ArchiveStateService
from shared.auth import Principal, require

MayReadArchive = Annotated[Principal, Depends(require("packets:read"))]


async def archive_state(request: Request, _caller: MayReadArchive) -> AsyncIterator[ArchiveStateService]:
    """The archive for who watches the data; no enterprise does."""
    async with db_of(request).transaction() as session:
        yield ArchiveStateService(session)


ArchiveStates = Annotated[ArchiveStateService, Depends(archive_state, scope="function")]
