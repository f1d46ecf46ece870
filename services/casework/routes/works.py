"""HTTP of visits and findings."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.casework.deps import Acting, Findings, Reader, Version, Visits, refuse_nul
from services.casework.domain.queues import WorkSelection
from shared.contracts.casework import (
    FindingAct,
    FindingCodeOut,
    FindingOut,
    FindingState,
    VisitAct,
    VisitIn,
    VisitOut,
    VisitState,
)
from shared.http import Page, etag_of, link_next

router = APIRouter(prefix="/v1", tags=["visits and findings"], dependencies=[Depends(refuse_nul)])
Cursor = Annotated[str | None, Query(max_length=400)]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("/visits")
async def list_visits(  # noqa: PLR0913 - filters
    request: Request,
    response: Response,
    service: Visits,
    reader: Reader,
    state: Annotated[list[VisitState] | None, Query()] = None,
    case_id: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[VisitOut]:
    """Visits: those to come first, next planned first."""
    page = await service.list_visits(state or [], case_id, cursor, limit, reader)
    link_next(request, response, page.next)
    return page


@router.post("/visits", status_code=201)
async def plan_visit(plan: VisitIn, response: Response, service: Visits, actor: Acting) -> VisitOut:
    """Plan a visit; the same plan again gives the same visit."""
    visit = await service.plan_visit(plan, actor)
    response.headers["ETag"] = etag_of(visit.version)
    return visit


@router.get("/visits/{visit_id}")
async def get_visit(visit_id: UUID, response: Response, service: Visits, reader: Reader) -> VisitOut:
    """One visit."""
    visit = await service.get_visit(visit_id, reader)
    response.headers["ETag"] = etag_of(visit.version)
    return visit


@router.post("/visits/{visit_id}/events")
async def act_on_visit(
    visit_id: UUID, act: VisitAct, version: Version, response: Response, service: Visits, actor: Acting
) -> VisitOut:
    """Start, complete with findings, cancel."""
    visit = await service.act_on_visit(visit_id, act, version, actor)
    response.headers["ETag"] = etag_of(visit.version)
    return visit


@router.get("/finding-codes")
async def list_finding_codes(service: Findings, _reader: Reader) -> list[FindingCodeOut]:
    """Finding codes with clauses."""
    return service.list_finding_codes()


@router.get("/findings")
async def list_findings(  # noqa: PLR0913, PLR0917 - filters
    request: Request,
    response: Response,
    service: Findings,
    reader: Reader,
    state: Annotated[list[FindingState] | None, Query()] = None,
    case_id: UUID | None = None,
    enterprise_id: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[FindingOut]:
    """Findings, first due first."""
    selection = WorkSelection(reader.tenant, state or (), case_id, enterprise_id)
    page = await service.list_findings(selection, cursor, limit, reader)
    link_next(request, response, page.next)
    return page


@router.get("/findings/{finding_id}")
async def get_finding(finding_id: UUID, response: Response, service: Findings, reader: Reader) -> FindingOut:
    """One finding with its evidence."""
    finding = await service.get_finding(finding_id, reader)
    response.headers["ETag"] = etag_of(finding.version)
    return finding


@router.post("/findings/{finding_id}/events")
async def act_on_finding(
    finding_id: UUID, act: FindingAct, version: Version, response: Response, service: Findings, actor: Acting
) -> FindingOut:
    """Plan, evidence, verification, extension, waiver."""
    finding = await service.act_on_finding(finding_id, act, version, actor)
    response.headers["ETag"] = etag_of(finding.version)
    return finding
