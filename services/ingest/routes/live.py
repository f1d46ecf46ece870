"""HTTP of how outlets stand now."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.ingest.deps.live import LiveReader
from services.ingest.routes.answers import page_of
from services.ingest.routes.cursors import outlet_cursor
from shared.contracts.ingest.live import OutletLive
from shared.http import MAX_PAGE, Page, link_next

router = APIRouter(prefix="/v1/live", tags=["live"])


@router.get("")
async def list_live(
    request: Request, response: Response, service: LiveReader, enterprise_id: UUID | None = None,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 200,
) -> Page[OutletLive]:  # fmt: skip
    """Outlets in use by code: link, newest values against the limits in force, marks in force, silence."""
    found = await service.list_live(enterprise_id, outlet_cursor(cursor), limit + 1)
    page = page_of(found, limit, lambda one: one, lambda one: [one.code, str(one.outlet_id)])
    link_next(request, response, page.next)
    return page
