"""HTTP of thresholds."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from services.detection.deps.thresholds import ThresholdReader, ThresholdWriter, WantedThresholds
from services.detection.routes.cursors import time_cursor
from shared.contracts.detection.thresholds import (
    ThresholdDecision,
    ThresholdDetail,
    ThresholdEvent,
    ThresholdIn,
    ThresholdOut,
    ThresholdProposal,
)
from shared.http import Page, etag_of, link_next, version_from

router = APIRouter(prefix="/v1/thresholds", tags=["thresholds"])
IfMatch = Annotated[str | None, Header()]


@router.get("")
async def list_thresholds(
    request: Request,
    response: Response,
    service: ThresholdReader,
    which: WantedThresholds,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[ThresholdOut]:
    """Thresholds 阈值 that series have of their own, those that changed last first."""
    page = await service.list_thresholds(which, time_cursor(cursor), limit)
    link_next(request, response, page.next)
    return page


@router.post("", status_code=201)
async def propose_first_threshold(given: ThresholdIn, service: ThresholdWriter) -> ThresholdDetail:
    """Propose own numbers for a series that has none for this rule; another person must accept them."""
    return await service.propose_first(given)


@router.get("/{threshold_id}")
async def get_threshold(threshold_id: UUID, service: ThresholdReader, response: Response) -> ThresholdDetail:
    """One threshold with its versions, the newest first."""
    found = await service.get_threshold(threshold_id)
    response.headers["ETag"] = etag_of(found.version)
    return found


@router.post("/{threshold_id}/propose")
async def propose_threshold(
    threshold_id: UUID, given: ThresholdProposal, service: ThresholdWriter, if_match: IfMatch = None
) -> ThresholdDetail:
    """Propose other numbers; needs `If-Match`. Another person must accept them; until then nothing changes."""
    return await service.propose(threshold_id, given, version_from(if_match))


@router.post("/{threshold_id}/accept")
async def accept_threshold(
    threshold_id: UUID, decision: ThresholdDecision, service: ThresholdWriter, if_match: IfMatch = None
) -> ThresholdDetail:
    """Accept what was learnt or proposed; needs `If-Match`. It holds for data of the next day in the park on."""
    return await service.decide(threshold_id, ThresholdEvent.ACCEPT, decision, version_from(if_match))


@router.post("/{threshold_id}/refuse")
async def refuse_threshold(
    threshold_id: UUID, decision: ThresholdDecision, service: ThresholdWriter, if_match: IfMatch = None
) -> ThresholdDetail:
    """Refuse a proposal, with the reason; needs `If-Match`. What held before holds on."""
    return await service.decide(threshold_id, ThresholdEvent.REFUSE, decision, version_from(if_match))


@router.post("/{threshold_id}/freeze")
async def freeze_threshold(
    threshold_id: UUID, decision: ThresholdDecision, service: ThresholdWriter, if_match: IfMatch = None
) -> ThresholdDetail:
    """Keep the numbers as they are, with the reason; needs `If-Match`. Learning leaves them alone."""
    return await service.decide(threshold_id, ThresholdEvent.FREEZE, decision, version_from(if_match))


@router.post("/{threshold_id}/release")
async def release_threshold(
    threshold_id: UUID, decision: ThresholdDecision, service: ThresholdWriter, if_match: IfMatch = None
) -> ThresholdDetail:
    """Let learning go on from a frozen threshold, with the reason; needs `If-Match`."""
    return await service.decide(threshold_id, ThresholdEvent.RELEASE, decision, version_from(if_match))
