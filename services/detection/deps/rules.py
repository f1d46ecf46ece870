"""Wiring of what rules have done."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.detection.service.activity import ActivityService
from shared.auth import Principal, require

MayReadAnomalies = Annotated[Principal, Depends(require("anomalies:read"))]


async def _read(request: Request, caller: MayReadAnomalies) -> AsyncIterator[ActivityService]:
    async with request.app.state.db.transaction() as session:
        yield ActivityService(session, request.app.state.clock.now(), caller)


ActivityReader = Annotated[ActivityService, Depends(_read, scope="function")]
