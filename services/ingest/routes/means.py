"""HTTP of derived means, substituted values and rates."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from services.ingest.deps.means import MeanReader, MeanWriter, RateReader
from services.ingest.routes.answers import page_of
from services.ingest.routes.cursors import difference_cursor, outlet_cursor, value_cursor
from shared.contracts.ingest import Code, Completeness
from shared.contracts.ingest.means import (
    DayOut,
    DifferenceOut,
    MeanKind,
    MeanOut,
    MeanProgress,
    MeanSettingsIn,
    MeanSettingsOut,
    RateDefinition,
    RateOut,
    RateUnit,
    RecomputeIn,
    RecomputeOut,
    SubstituteOut,
)
from shared.http import MAX_PAGE, Page, encode_cursor, link_next

router = APIRouter(prefix="/v1", tags=["means"])


@dataclass(frozen=True)
class SpanPage:
    """A page of what lies from `since` to before `until`."""

    since: AwareDatetime
    until: AwareDatetime
    cursor: Annotated[str | None, Query(max_length=400)] = None
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 200


Paged = Annotated[SpanPage, Depends()]


@router.get("/outlets/{outlet_id}/means")
async def list_means(  # noqa: PLR0913 - what to list, and which page
    outlet_id: UUID, service: MeanReader, request: Request, response: Response, kind: MeanKind, span: Paged,
    factor: Code | None = None,
) -> Page[MeanOut]:  # fmt: skip
    """Derived means by time and factor, the device's own beside them with the difference."""
    found = await service.list_means(
        outlet_id, kind, span.since, span.until, factor=factor, after=value_cursor(span.cursor), limit=span.limit + 1
    )
    page = page_of(found, span.limit, lambda item: item, lambda item: [item.at.isoformat(), item.factor])
    link_next(request, response, page.next)
    return page


@router.get("/outlets/{outlet_id}/means/history")
async def list_mean_versions(
    outlet_id: UUID, service: MeanReader, kind: MeanKind, factor: Code, at: AwareDatetime
) -> list[MeanOut]:
    """All versions of one mean, the one in force first."""
    return await service.list_versions(outlet_id, kind, factor, at)


@router.get("/outlets/{outlet_id}/substitutes")
async def list_substitutes(
    outlet_id: UUID, service: MeanReader, request: Request, response: Response, span: Paged, factor: Code | None = None
) -> Page[SubstituteOut]:  # fmt: skip
    """What stands in for missing and invalid hours of mass emission, each with its rule and inputs."""
    found = await service.list_substitutes(
        outlet_id, span.since, span.until, factor=factor, after=value_cursor(span.cursor), limit=span.limit + 1
    )
    page = page_of(found, span.limit, lambda item: item, lambda item: [item.at.isoformat(), item.factor])
    link_next(request, response, page.next)
    return page


@router.get("/outlets/{outlet_id}/mean-settings")
async def get_mean_settings(outlet_id: UUID, service: MeanReader) -> MeanSettingsOut:
    """How the means of an outlet are made, and the rule set that results."""
    return await service.get_settings(outlet_id)


@router.put("/outlets/{outlet_id}/mean-settings")
async def set_mean_settings(outlet_id: UUID, given: MeanSettingsIn, service: MeanWriter) -> MeanSettingsOut:
    """Set how the means of an outlet are made from now on."""
    return await service.set_settings(outlet_id, given)


@router.post("/outlets/{outlet_id}/means/recompute", status_code=202)
async def recompute_means(outlet_id: UUID, given: RecomputeIn, service: MeanWriter) -> RecomputeOut:
    """Put a span in line to be made again; `GET /v1/means/progress` tells how far it is."""
    return await service.recompute(outlet_id, given)


@router.get("/means/progress")
async def get_mean_progress(service: MeanReader) -> MeanProgress:
    """How far the making of means is."""
    return await service.progress()


@router.get("/means/differences")
async def list_mean_differences(
    service: MeanReader, request: Request, response: Response, span: Paged,
    enterprise_id: UUID | None = None, outlet_id: UUID | None = None,
) -> Page[DifferenceOut]:  # fmt: skip
    """Means whose reported value lies beyond the tolerance of the recomputed one, the newest first."""
    found = await service.list_differences(
        span.since, span.until, enterprise_id=enterprise_id, outlet_id=outlet_id,
        after=difference_cursor(span.cursor), limit=span.limit + 1,
    )  # fmt: skip
    page = page_of(
        found, span.limit, lambda item: item,
        lambda item: [item.at.isoformat(), item.outlet_id, item.factor, item.kind.value],
    )  # fmt: skip
    link_next(request, response, page.next)
    return page


@router.get("/completeness")
async def completeness(
    service: RateReader, since: AwareDatetime, until: AwareDatetime,
    enterprise_id: UUID | None = None, outlet_id: UUID | None = None,
) -> list[Completeness]:  # fmt: skip
    """Transmission and validity rates by outlet over one span; hours that a mark stops are not expected."""
    return await service.completeness(since, until, enterprise_id=enterprise_id, outlet_id=outlet_id)


@router.get("/rates")
async def list_rates(  # noqa: PLR0913 - what to list, and which page
    service: RateReader, request: Request, response: Response, unit: RateUnit, span: Paged,
    enterprise_id: UUID | None = None, outlet_id: UUID | None = None,
) -> Page[RateOut]:  # fmt: skip
    """Transmission, validity and their product by outlet and day, month or quarter (Beijing time).

    `limit` counts outlets.
    """
    found, last = await service.list_rates(
        unit,
        span.since,
        span.until,
        enterprise_id=enterprise_id,
        outlet_id=outlet_id,
        after=outlet_cursor(span.cursor),
        limit=span.limit,
    )
    page = Page[RateOut](items=found, next=encode_cursor(last.code, last.outlet_id) if last else None)
    link_next(request, response, page.next)
    return page


@router.get("/rates/definition")
async def get_rate_definition(service: RateReader) -> RateDefinition:
    """How rates are defined, and what each letter of an hour means."""
    return service.definition()


@router.get("/outlets/{outlet_id}/days")
async def list_outlet_days(outlet_id: UUID, service: RateReader, since: date, until: date) -> list[DayOut]:
    """Days of an outlet from `since` to before `until` (Beijing dates), hour by hour."""
    return await service.list_days(outlet_id, since, until)
