"""HTTP of surveys."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.detection.deps.surveys import SurveyReader, SurveyWriter
from services.detection.routes.cursors import time_cursor
from shared.contracts.detection.surveys import SurveyIn, SurveyRunOut
from shared.http import Page, link_next

router = APIRouter(prefix="/v1/surveys", tags=["surveys"])


@router.get("")
async def list_survey_runs(
    request: Request,
    response: Response,
    service: SurveyReader,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[SurveyRunOut]:
    """Runs of the surveys of history 批量筛查, the latest first, with what could not be judged and why. Staff only."""
    page = await service.list_runs(time_cursor(cursor), limit)
    link_next(request, response, page.next)
    return page


@router.post("", status_code=202)
async def start_survey_run(given: SurveyIn, service: SurveyWriter) -> SurveyRunOut:
    """Have the last night judged again, with what was delivered since; it starts within some minutes."""
    return await service.start_run(given)
