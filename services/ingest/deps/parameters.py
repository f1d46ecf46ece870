"""Wiring of parameter changes."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.ingest.deps.state import db_of
from services.ingest.service.parameters import ParameterService
from shared.auth import Principal, require

MayRead = Annotated[Principal, Depends(require("readings:read"))]


async def read_parameters(request: Request, caller: MayRead) -> AsyncIterator[ParameterService]:
    """Changes for who may read readings."""
    async with db_of(request).transaction() as session:
        yield ParameterService(session, caller)


ParameterReader = Annotated[ParameterService, Depends(read_parameters, scope="function")]
