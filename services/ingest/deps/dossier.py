"""Wiring of the dossier: one request = one transaction, committed before the answer."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.ingest.deps.state import clock_of, db_of
from services.ingest.service.dossier import DossierService
from shared.auth import Principal, require

MayRead = Annotated[Principal, Depends(require("registry:read"))]


async def dossier(request: Request, caller: MayRead) -> AsyncIterator[DossierService]:
    """The dossier; the service says who may write which part."""
    async with db_of(request).transaction() as session:
        yield DossierService(session, clock_of(request).now, caller)


Dossier = Annotated[DossierService, Depends(dossier, scope="function")]
