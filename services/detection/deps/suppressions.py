"""Wiring of suppressions."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from services.detection.service.local_rules import rulebook_of
from services.detection.service.suppressions import SuppressionService
from services.detection.store.suppressions import SuppressionFilter
from shared.auth import Principal, require
from shared.contracts.detection.suppressions import SuppressionState
from shared.contracts.ingest import Code


async def _read(
    request: Request, caller: Annotated[Principal, Depends(require("anomalies:read"))]
) -> AsyncIterator[SuppressionService]:
    async with request.app.state.db.transaction() as session:
        yield SuppressionService(session, await rulebook_of(session), request.app.state.clock.now, caller)


async def _write(
    request: Request, caller: Annotated[Principal, Depends(require("suppressions:write"))]
) -> AsyncIterator[SuppressionService]:
    async with request.app.state.db.transaction() as session:
        yield SuppressionService(session, await rulebook_of(session), request.app.state.clock.now, caller)


async def get_filter(
    enterprise_id: UUID | None = None,
    outlet_id: UUID | None = None,
    rule: Code | None = None,
    state: SuppressionState | None = None,
) -> SuppressionFilter:
    """Filters from the query."""
    return SuppressionFilter(enterprise_id, outlet_id, rule, state)


SuppressionReader = Annotated[SuppressionService, Depends(_read, scope="function")]
SuppressionWriter = Annotated[SuppressionService, Depends(_write, scope="function")]
WantedSuppressions = Annotated[SuppressionFilter, Depends(get_filter)]
