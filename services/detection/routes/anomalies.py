"""HTTP of anomalies and rules."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.detection.deps.anomalies import Reader, Service, Wanted
from shared.contracts.detection import AnomalyOut, OpenSummary, RuleOut
from shared.http import MAX_PAGE, Page, link_next

router = APIRouter(prefix="/v1", tags=["detection"])


@router.get("/anomalies")
async def list_anomalies(  # noqa: PLR0913 - filters, page and caller
    request: Request,
    response: Response,
    service: Service,
    caller: Reader,
    filters: Wanted,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Page[AnomalyOut]:
    """Anomalies 异常, newest start first."""
    page = await service.list_anomalies(caller, filters, cursor, limit)
    link_next(request, response, page.next)
    return page


@router.get("/anomalies/open-summary")
async def summarise_open(service: Service, caller: Reader) -> list[OpenSummary]:
    """Open anomalies of each outlet that has some, by severity, with the gravest: one call for a whole park."""
    return await service.open_summary(caller)


@router.get("/anomalies/{anomaly_id}")
async def get_anomaly(anomaly_id: UUID, service: Service, caller: Reader) -> AnomalyOut:
    """One anomaly."""
    return await service.get_anomaly(caller, anomaly_id)


@router.get("/rules")
async def list_rules(service: Service, _caller: Reader) -> list[RuleOut]:
    """Rules 规则 in force, with parameters and source."""
    return service.list_rules()
