"""Wiring of standards: one request = one transaction, committed before the answer."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.ingest.deps.state import clock_of, db_of
from services.ingest.service.standards import StandardService
from shared.auth import Principal, require

MayReadStandards = Annotated[Principal, Depends(require("registry:read"))]


async def standard_service(request: Request, caller: MayReadStandards) -> AsyncIterator[StandardService]:
    """Standards; the service says who may apply them."""
    async with db_of(request).transaction() as session:
        yield StandardService(session, clock_of(request).now, caller)


Standards = Annotated[StandardService, Depends(standard_service, scope="function")]
