"""Wiring of anomalies and rules."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import AwareDatetime

from services.detection.service import AnomalyService
from services.detection.service.local_rules import rulebook_of
from services.detection.store import Filters
from shared.auth import Principal, require
from shared.contracts.detection import AnomalyState
from shared.contracts.ingest import Code
from shared.errors import InvalidError


async def get_service(request: Request) -> AsyncIterator[AnomalyService]:
    """The service in the request's transaction."""
    async with request.app.state.db.transaction() as session:
        yield AnomalyService(session, await rulebook_of(session), request.app.state.clock.now())


async def get_filters(  # noqa: PLR0913, PLR0917 - the filters of the list
    enterprise_id: UUID | None = None,
    outlet_id: UUID | None = None,
    factor: Code | None = None,
    rule: Code | None = None,
    state: AnomalyState | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    parent_id: UUID | None = None,
    alone: Annotated[bool, Query(description="Without those that a parent stands for.")] = False,  # noqa: FBT002
) -> Filters:
    """Filters from the query."""
    times = _utc(since, "since"), _utc(until, "until")
    return Filters(enterprise_id, outlet_id, factor, rule, state, *times, parent_id=parent_id, alone=alone)


def _utc(at: datetime | None, field: str) -> datetime | None:
    try:
        return None if at is None else at.astimezone(UTC)
    except OverflowError as error:
        raise InvalidError(f"{field} is outside the calendar", field=field) from error


Service = Annotated[AnomalyService, Depends(get_service, scope="function")]
Wanted = Annotated[Filters, Depends(get_filters)]
Reader = Annotated[Principal, Depends(require("anomalies:read"))]
