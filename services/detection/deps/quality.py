"""Wiring of the quality of rules."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request

from services.detection.service.judging import QualityService
from services.detection.store.labels import LabelFilter
from shared.auth import Principal, require
from shared.contracts.detection.quality import Verdict
from shared.contracts.ingest import Code

MOST_DAYS = 1100


async def _read(
    request: Request, caller: Annotated[Principal, Depends(require("anomalies:read"))]
) -> AsyncIterator[QualityService]:
    async with request.app.state.db.transaction() as session:
        yield QualityService(session, request.app.state.clock.now(), caller)


async def _wanted(
    request: Request, days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 90, rule: Code | None = None,
    outlet_id: UUID | None = None, verdict: Verdict | None = None,
) -> LabelFilter:  # fmt: skip
    return LabelFilter(request.app.state.clock.now() - timedelta(days=days), None, outlet_id, rule, verdict)


QualityReader = Annotated[QualityService, Depends(_read, scope="function")]
WantedLabels = Annotated[LabelFilter, Depends(_wanted)]
