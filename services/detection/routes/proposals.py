"""HTTP of proposals to retune rules."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from services.detection.deps.proposals import ProposalReader, ProposalWriter, WantedProposals
from services.detection.routes.cursors import time_cursor
from shared.contracts.detection.proposals import ProposalDecision, ProposalEvent, ProposalOut
from shared.http import Page, etag_of, link_next, version_from

router = APIRouter(prefix="/v1/proposals", tags=["proposals"])
IfMatch = Annotated[str | None, Header()]


@router.get("")
async def list_proposals(
    request: Request,
    response: Response,
    service: ProposalReader,
    which: WantedProposals,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[ProposalOut]:
    """Proposals 重调建议 of rules that were right too seldom, the latest first."""
    page = await service.list_proposals(which, time_cursor(cursor), limit)
    link_next(request, response, page.next)
    return page


@router.get("/{proposal_id}")
async def get_proposal(proposal_id: UUID, service: ProposalReader, response: Response) -> ProposalOut:
    """One proposal with the candidates tried and the backtest of its numbers."""
    found = await service.get_proposal(proposal_id)
    response.headers["ETag"] = etag_of(found.version)
    return found


@router.post("/{proposal_id}/accept")
async def accept_proposal(
    proposal_id: UUID, decision: ProposalDecision, service: ProposalWriter, if_match: IfMatch = None
) -> ProposalOut:
    """Put its numbers in force from the next day on; needs `If-Match`."""
    return await service.decide(proposal_id, ProposalEvent.ACCEPT, decision, version_from(if_match))


@router.post("/{proposal_id}/decline")
async def decline_proposal(
    proposal_id: UUID, decision: ProposalDecision, service: ProposalWriter, if_match: IfMatch = None
) -> ProposalOut:
    """Leave the rule as it is, with the reason; needs `If-Match`."""
    return await service.decide(proposal_id, ProposalEvent.DECLINE, decision, version_from(if_match))


@router.post("/{proposal_id}/withdraw")
async def withdraw_proposal(
    proposal_id: UUID, decision: ProposalDecision, service: ProposalWriter, if_match: IfMatch = None
) -> ProposalOut:
    """Go back to the numbers before from the next day on, with the reason; needs `If-Match`."""
    return await service.decide(proposal_id, ProposalEvent.WITHDRAW, decision, version_from(if_match))
