"""Wiring of quality-assurance records."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.ingest.deps.state import clock_of, db_of
from services.ingest.service.qa import QaService
from shared.auth import Principal, require

MayReadQa = Annotated[Principal, Depends(require("readings:read"))]
MayWriteQa = Annotated[Principal, Depends(require("qa:write"))]


async def read_qa(request: Request, caller: MayReadQa) -> AsyncIterator[QaService]:
    """Records for who may read readings."""
    async with db_of(request).transaction() as session:
        yield QaService(session, clock_of(request).now, caller)


async def write_qa(request: Request, caller: MayWriteQa) -> AsyncIterator[QaService]:
    """Records for who hands them in."""
    async with db_of(request).transaction() as session:
        yield QaService(session, clock_of(request).now, caller)


QaReader = Annotated[QaService, Depends(read_qa, scope="function")]
QaWriter = Annotated[QaService, Depends(write_qa, scope="function")]
