"""Wiring of surveys."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.detection.service.surveys import SurveyService
from shared.auth import Principal, require


async def _read(
    request: Request, caller: Annotated[Principal, Depends(require("anomalies:read"))]
) -> AsyncIterator[SurveyService]:
    async with request.app.state.db.transaction() as session:
        yield SurveyService(session, request.app.state.clock.now(), caller)


async def _write(
    request: Request, caller: Annotated[Principal, Depends(require("thresholds:write"))]
) -> AsyncIterator[SurveyService]:
    async with request.app.state.db.transaction() as session:
        yield SurveyService(session, request.app.state.clock.now(), caller)


SurveyReader = Annotated[SurveyService, Depends(_read, scope="function")]
SurveyWriter = Annotated[SurveyService, Depends(_write, scope="function")]
