"""HTTP of grading: lists, grades, and the public list."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from services.grading.deps import (
    Grades,
    Lists,
    MeasuredNow,
    PublicQuarter,
    Publisher,
    QuarterPath,
    Reader,
    SeenVersion,
    Taken,
    Writer,
)
from shared.audit import Actor
from shared.calendar import Quarter
from shared.contracts.grading import (
    ColourInForce,
    GradeList,
    GradeListSummary,
    GradeOut,
    ListState,
    Override,
    Publication,
    PublicList,
)
from shared.http import etag_of

router = APIRouter(prefix="/v1")
PUBLIC_CACHE = "public, max-age=60"


def _tagged(response: Response, graded: GradeList) -> GradeList:
    response.headers["ETag"] = etag_of(graded.version)
    return graded


@router.get("/lists", tags=["lists"])
async def list_lists(caller: Reader, service: Lists) -> list[GradeListSummary]:
    """Lists that are or were published, and current drafts with `drafts:read`; newest quarter first."""
    return await service.list_lists(caller)


@router.get("/lists/{quarter}", tags=["lists"])
async def get_list(
    quarter: QuarterPath,
    caller: Reader,
    service: Lists,
    response: Response,
    state: Annotated[Literal["draft", "published"], Query()] = "published",
) -> GradeList:
    """The published list of a quarter, or its draft. An enterprise's people get their own line only."""
    return _tagged(response, await service.get_list(quarter, ListState(state), caller))


@router.post("/lists/{quarter}/draft", tags=["lists"], status_code=status.HTTP_201_CREATED)
async def draft_list(
    quarter: QuarterPath, caller: Writer, measured: MeasuredNow, service: Lists, response: Response
) -> GradeList:
    """Compute the draft from the facts as they are now: a new version with its digest."""
    return _tagged(response, await service.draft_list(Quarter.parse(quarter), measured, Actor.of(caller)))


@router.post("/lists/{quarter}/overrides", tags=["lists"])
async def override(
    quarter: QuarterPath, act: Override, caller: Writer, version: SeenVersion, service: Lists, response: Response
) -> GradeList:
    """Move one enterprise by one level from its computed colour; the computed colour takes it back."""
    return _tagged(response, await service.override(quarter, act, version, caller))


@router.post("/lists/{quarter}/publication", tags=["lists"])
async def publish(
    quarter: QuarterPath, act: Publication, caller: Publisher, version: SeenVersion, service: Lists, response: Response
) -> GradeList:
    """Put the draft in force."""
    return _tagged(response, await service.publish(quarter, act, version, caller))


@router.post("/lists/{quarter}/import", tags=["lists"], status_code=status.HTTP_201_CREATED)
async def import_list(
    quarter: QuarterPath, caller: Publisher, taken: Taken, service: Lists, response: Response
) -> GradeList:
    """Take over a list made before Sanse, as published."""
    return _tagged(response, await service.import_list(Quarter.parse(quarter), taken, caller))


@router.get("/lists/{quarter}/public", tags=["public"])
async def public_list(quarter: PublicQuarter, service: Lists, response: Response) -> PublicList:
    """What residents see of a published list; needs no token."""
    response.headers["Cache-Control"] = PUBLIC_CACHE
    return await service.public_list(quarter)


@router.get("/grades", tags=["grades"])
async def list_colours(caller: Reader, service: Grades) -> list[ColourInForce]:
    """The colour in force of every enterprise; an enterprise's people get their own only."""
    return await service.list_colours(caller)


@router.get("/grades/{enterprise_id}", tags=["grades"])
async def get_grade(enterprise_id: UUID, caller: Reader, service: Grades) -> GradeOut:
    """One enterprise's colour in force, why, the draft so far, and its history."""
    return await service.get_grade(enterprise_id, caller)
