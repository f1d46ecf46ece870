"""HTTP of cases."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.casework.deps import Acting, Cases, Reader, Version, refuse_nul
from services.casework.domain.queues import Selection, Sort, ViewName
from shared.contracts.casework import CaseAct, CaseCounts, CaseDetail, CaseState, CaseSummary, OutletCases
from shared.contracts.detection import Severity
from shared.contracts.ingest import Medium
from shared.http import Page, etag_of, link_next

router = APIRouter(prefix="/v1/cases", tags=["cases"], dependencies=[Depends(refuse_nul)])


@router.get("")
async def list_cases(  # noqa: PLR0913, PLR0917 - filters
    request: Request,
    response: Response,
    service: Cases,
    reader: Reader,
    view: ViewName | None = None,
    state: Annotated[list[CaseState] | None, Query()] = None,
    severity: Severity | None = None,
    medium: Medium | None = None,
    rule: Annotated[str | None, Query(max_length=40)] = None,
    enterprise_id: UUID | None = None,
    q: Annotated[str | None, Query(max_length=80, description="number, enterprise, outlet")] = None,
    sort: Sort = Sort.PRIORITY,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Page[CaseSummary]:
    """Cases, filtered and in order; an enterprise gets its own."""
    selection = Selection(
        view=view, states=frozenset(state or ()), severity=severity, medium=medium, rule=rule,
        enterprise_id=enterprise_id, q=q, sort=sort,
    )  # fmt: skip
    page = await service.list_cases(selection, cursor, limit, reader)
    link_next(request, response, page.next)
    return page


@router.get("/counts")
async def count_cases(service: Cases, reader: Reader) -> CaseCounts:
    """Numbers for menus and the strip above the queue."""
    return await service.count_cases(reader)


@router.get("/by-outlet")
async def count_by_outlet(service: Cases, reader: Reader) -> list[OutletCases]:
    """Open cases of each outlet that has some, in one call; an enterprise gets its own."""
    return await service.count_by_outlet(reader)


@router.get("/{case_id}")
async def get_case(case_id: str, response: Response, service: Cases, reader: Reader) -> CaseDetail:
    """A case whole, by id or number; its version is the ETag."""
    case = await service.get_case(case_id, reader)
    response.headers["ETag"] = etag_of(case.version)
    return case


@router.post("/{case_id}/events")
async def act_on_case(
    case_id: str, act: CaseAct, version: Version, response: Response, service: Cases, actor: Acting
) -> CaseDetail:
    """Do an event. 428 without If-Match, 412 where somebody was faster, 409 where state or guard refuse."""
    case = await service.act_on_case(case_id, act, version, actor)
    response.headers["ETag"] = etag_of(case.version)
    return case
