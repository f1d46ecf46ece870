"""HTTP of the packet journal and quarantine."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.ingest.deps import Packets
from services.ingest.routes.answers import packet_out, page_of
from services.ingest.routes.cursors import number_cursor
from shared.contracts.ingest import PacketOut, PacketStatus
from shared.http import MAX_PAGE, Page, link_next

router = APIRouter(prefix="/v1", tags=["packets"])


@router.get("/packets")
async def list_packets(  # noqa: PLR0913 - filters
    service: Packets, request: Request, response: Response,
    status: PacketStatus | None = None,
    reason: Annotated[str | None, Query(max_length=60)] = None,
    mn: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Page[PacketOut]:  # fmt: skip
    """Journal and quarantine, newest first."""
    found = await service.list_packets(
        status=status, reason=reason, mn=mn, before=number_cursor(cursor), limit=limit + 1
    )
    page = page_of(found, limit, packet_out, lambda packet: [packet.id])
    link_next(request, response, page.next)
    return page
