"""Wiring of how outlets stand now."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.ingest.deps import MayReadReadings
from services.ingest.deps.state import clock_of, db_of, intake_of
from services.ingest.service.live import LiveService


async def read_live(request: Request, caller: MayReadReadings) -> AsyncIterator[LiveService]:
    """How outlets stand for who may read readings."""
    async with db_of(request).transaction() as session:
        yield LiveService(session, intake_of(request).dictionaries, clock_of(request).now(), caller)


LiveReader = Annotated[LiveService, Depends(read_live, scope="function")]
