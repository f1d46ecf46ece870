"""HTTP of the packet journal and the quarantine."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from services.ingest.deps import Packets
from services.ingest.deps.packets import PacketActor, Retries
from services.ingest.domain.packets import PacketFilter
from services.ingest.routes.answers import packet_detail, packet_out, page_of, retry_out
from services.ingest.routes.cursors import number_cursor
from shared.contracts.ingest import PacketOut, PacketStatus
from shared.contracts.ingest.packets import PacketActIn, PacketDetail, RetryFilter, RetryOut, RetryReport, Why
from shared.http import MAX_PAGE, Page, link_next

router = APIRouter(prefix="/v1", tags=["packets"])


@router.get("/packets")
async def list_packets(  # noqa: PLR0913, PLR0917 - filters
    service: Packets, request: Request, response: Response,
    status: PacketStatus | None = None,
    reason: Annotated[str | None, Query(max_length=60)] = None,
    mn: Annotated[str | None, Query(max_length=64)] = None,
    since: Annotated[AwareDatetime | None, Query(description="received from then on")] = None,
    until: Annotated[AwareDatetime | None, Query(description="received before then")] = None,
    open_: Annotated[bool, Query(alias="open", description="in the quarantine and not done with")] = False,  # noqa: FBT002
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Page[PacketOut]:  # fmt: skip
    """Journal and quarantine, newest first."""
    wanted = PacketFilter(status, reason, mn, since, until, open_)
    found = await service.list_packets(wanted, before=number_cursor(cursor), limit=limit + 1)
    page = page_of(found, limit, packet_out, lambda packet: [packet.id])
    link_next(request, response, page.next)
    return page


@router.get("/packets/{packet_id}")
async def get_packet(packet_id: int, service: Packets) -> PacketDetail:
    """One packet: bytes, what can be read of them, what is wrong, what was done with it."""
    return packet_detail(await service.get_packet(packet_id))


@router.post("/packets/{packet_id}/acts")
async def act(packet_id: int, given: PacketActIn, service: PacketActor) -> PacketDetail:
    """Discard a packet of the quarantine with a reason, hold any packet as evidence, or release it."""
    return packet_detail(await service.act(packet_id, given.act, given.reason))


@router.post("/packets/{packet_id}/retry")
async def retry_packet(packet_id: int, service: Retries, note: Annotated[Why, Query()] = "") -> RetryOut:
    """Put the bytes of a refused packet through the rules of now. Refused again, it stays open."""
    return retry_out(await service.retry_packet(packet_id, note))


@router.post("/packets/retry")
async def retry_packets(wanted: RetryFilter, service: Retries) -> RetryReport:
    """Try up to 500 open packets again, the oldest first."""
    tried, more = await service.retry_packets(wanted)
    results = [retry_out(one) for one in tried]
    closed = sum(result.status is not PacketStatus.QUARANTINED for result in results)
    return RetryReport(tried=len(results), closed=closed, results=results, more=more)
