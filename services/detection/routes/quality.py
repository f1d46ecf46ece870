"""HTTP of the quality of rules."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.detection.deps.quality import MOST_DAYS, QualityReader, WantedLabels
from services.detection.routes.cursors import time_cursor
from services.detection.store.labels import By
from shared.contracts.detection.quality import LabelOut, QualityOut
from shared.http import MAX_PAGE, Page, link_next

router = APIRouter(prefix="/v1/quality", tags=["quality"])


@router.get("")
async def get_quality(
    service: QualityReader, by: By = By.RULE, days: Annotated[int | None, Query(ge=1, le=MOST_DAYS)] = None
) -> QualityOut:
    """How often each rule was right by what people found in closed cases, with a 95 % interval."""
    return await service.get_quality(by, days)


@router.get("/labels")
async def list_labels(
    request: Request, response: Response, service: QualityReader, wanted: WantedLabels,
    cursor: Annotated[str | None, Query(max_length=400)] = None, limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Page[LabelOut]:  # fmt: skip
    """Judged anomalies with their cases, the latest verdict first: what the precision is made of."""
    page = await service.list_labels(wanted, time_cursor(cursor), limit)
    link_next(request, response, page.next)
    return page
