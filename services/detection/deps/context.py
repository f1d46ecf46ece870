"""Wiring of what stands around an anomaly."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.detection.deps.anomalies import Reader
from services.detection.service.context import ContextService
from services.detection.service.rulebook import load_rulebook


async def _read(request: Request, caller: Reader) -> AsyncIterator[ContextService]:
    async with request.app.state.db.transaction() as session:
        yield ContextService(session, load_rulebook(), request.app.state.clock.now(), caller)


ContextReader = Annotated[ContextService, Depends(_read, scope="function")]
