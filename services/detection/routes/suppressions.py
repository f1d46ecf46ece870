"""HTTP of suppressions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from services.detection.deps.suppressions import SuppressionReader, SuppressionWriter, WantedSuppressions
from services.detection.routes.cursors import time_cursor
from shared.contracts.detection.suppressions import (
    SuppressionDecision,
    SuppressionEvent,
    SuppressionIn,
    SuppressionLimits,
    SuppressionOut,
)
from shared.http import Page, etag_of, link_next, version_from

router = APIRouter(prefix="/v1/suppressions", tags=["suppressions"])
IfMatch = Annotated[str | None, Header()]


@router.get("")
async def list_suppressions(
    request: Request,
    response: Response,
    service: SuppressionReader,
    which: WantedSuppressions,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[SuppressionOut]:
    """Suppressions 抑制, the latest proposals first, each with the hits it kept quiet."""
    page = await service.list_suppressions(which, time_cursor(cursor), limit)
    link_next(request, response, page.next)
    return page


@router.post("", status_code=201)
async def propose_suppression(given: SuppressionIn, service: SuppressionWriter) -> SuppressionOut:
    """Propose one; it works once another person has approved it."""
    return await service.propose_suppression(given)


@router.get("/limits")
async def get_suppression_limits(service: SuppressionReader) -> SuppressionLimits:
    """How long a suppression may last, and how far ahead it may begin."""
    return service.get_limits()


@router.get("/{suppression_id}")
async def get_suppression(suppression_id: UUID, service: SuppressionReader, response: Response) -> SuppressionOut:
    """One suppression."""
    found = await service.get_suppression(suppression_id)
    response.headers["ETag"] = etag_of(found.version)
    return found


@router.post("/{suppression_id}/approve")
async def approve_suppression(
    suppression_id: UUID, decision: SuppressionDecision, service: SuppressionWriter, if_match: IfMatch = None
) -> SuppressionOut:
    """Approve another person's proposal; needs `If-Match`."""
    return await service.decide_suppression(suppression_id, SuppressionEvent.APPROVE, decision, version_from(if_match))


@router.post("/{suppression_id}/refuse")
async def refuse_suppression(
    suppression_id: UUID, decision: SuppressionDecision, service: SuppressionWriter, if_match: IfMatch = None
) -> SuppressionOut:
    """Refuse a proposal, with the reason; needs `If-Match`."""
    return await service.decide_suppression(suppression_id, SuppressionEvent.REFUSE, decision, version_from(if_match))


@router.post("/{suppression_id}/revoke")
async def revoke_suppression(
    suppression_id: UUID, decision: SuppressionDecision, service: SuppressionWriter, if_match: IfMatch = None
) -> SuppressionOut:
    """End it now, with the reason; needs `If-Match`. Hits that go on become anomalies."""
    return await service.decide_suppression(suppression_id, SuppressionEvent.REVOKE, decision, version_from(if_match))
