"""Wiring of thresholds."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from services.detection.service.local_rules import rulebook_of
from services.detection.service.thresholds import ThresholdService
from services.detection.store.thresholds import ThresholdFilter
from shared.auth import Principal, require
from shared.contracts.detection.thresholds import ThresholdState
from shared.contracts.ingest import Code, ReadingKind


async def _read(
    request: Request, caller: Annotated[Principal, Depends(require("anomalies:read"))]
) -> AsyncIterator[ThresholdService]:
    async with request.app.state.db.transaction() as session:
        yield ThresholdService(session, await rulebook_of(session), request.app.state.clock.now, caller)


async def _write(
    request: Request, caller: Annotated[Principal, Depends(require("thresholds:write"))]
) -> AsyncIterator[ThresholdService]:
    async with request.app.state.db.transaction() as session:
        yield ThresholdService(session, await rulebook_of(session), request.app.state.clock.now, caller)


async def get_filter(
    enterprise_id: UUID | None = None,
    outlet_id: UUID | None = None,
    factor: Code | None = None,
    kind: ReadingKind | None = None,
    rule: Code | None = None,
    state: ThresholdState | None = None,
) -> ThresholdFilter:
    """Filters from the query."""
    return ThresholdFilter(enterprise_id, outlet_id, factor, kind, rule, state)


ThresholdReader = Annotated[ThresholdService, Depends(_read, scope="function")]
ThresholdWriter = Annotated[ThresholdService, Depends(_write, scope="function")]
WantedThresholds = Annotated[ThresholdFilter, Depends(get_filter)]
