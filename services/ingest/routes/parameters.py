"""HTTP of parameter changes."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from services.ingest.deps.parameters import ParameterReader
from services.ingest.routes.answers import page_of
from services.ingest.routes.cursors import time_cursor
from services.ingest.store.parameters import Which
from shared.contracts.ingest.parameters import ParameterChangeOut
from shared.http import Page, link_next

router = APIRouter(prefix="/v1", tags=["parameters"])


@router.get("/parameter-changes")
async def list_parameter_changes(  # noqa: PLR0913 - filters
    service: ParameterReader, request: Request, response: Response,
    enterprise_id: UUID | None = None, outlet_id: UUID | None = None, since: AwareDatetime | None = None,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[ParameterChangeOut]:  # fmt: skip
    """Changes of range, slope, intercept and the like that loggers told (CN 3020), the latest first."""
    which = Which(enterprise_id, outlet_id, since)
    found = await service.list_changes(which, after=time_cursor(cursor), limit=limit + 1)
    page = page_of(
        found, limit, lambda one: ParameterChangeOut(**asdict(one)), lambda one: [one.at.isoformat(), str(one.id)]
    )
    link_next(request, response, page.next)
    return page
