"""Wiring: one request = one transaction, committed before the answer."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import AwareDatetime

from services.detection.service import AnomalyService, load_rulebook
from services.detection.store import Filters
from shared.auth import Principal, require
from shared.clock import PARK_ZONE
from shared.contracts.detection import AnomalyState


async def get_service(request: Request) -> AsyncIterator[AnomalyService]:
    """The service in the request's transaction."""
    now: datetime = request.app.state.clock.now()
    async with request.app.state.db.transaction() as session:
        yield AnomalyService(session, load_rulebook(), now.astimezone(PARK_ZONE).date())


async def get_filters(  # noqa: PLR0913 - the filters of the list
    enterprise_id: UUID | None = None,
    outlet_id: UUID | None = None,
    factor: Annotated[str | None, Query(max_length=40)] = None,
    rule: Annotated[str | None, Query(max_length=20)] = None,
    state: AnomalyState | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
) -> Filters:
    """Filters from the query."""
    return Filters(enterprise_id, outlet_id, factor, rule, state, since, until)


Service = Annotated[AnomalyService, Depends(get_service, scope="function")]
Wanted = Annotated[Filters, Depends(get_filters)]
Reader = Annotated[Principal, Depends(require("anomalies:read"))]
