"""HTTP of the quality of rules."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from services.detection.deps.quality import QualityReader
from shared.contracts.detection.quality import QualityOut

router = APIRouter(prefix="/v1/quality", tags=["quality"])


@router.get("")
async def get_quality(service: QualityReader, by: Annotated[Literal["rule", "outlet"], Query()] = "rule") -> QualityOut:
    """How often each rule was right by what people found in closed cases, with a 95 % interval."""
    return await service.get_quality(by_outlet=by == "outlet")
