"""Wiring of the quality of rules."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.detection.service.judging import QualityService
from shared.auth import Principal, require


async def _read(
    request: Request, caller: Annotated[Principal, Depends(require("anomalies:read"))]
) -> AsyncIterator[QualityService]:
    async with request.app.state.db.transaction() as session:
        yield QualityService(session, request.app.state.clock.now(), caller)


QualityReader = Annotated[QualityService, Depends(_read, scope="function")]
