"""HTTP of what rules have done, and of their last evaluation."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.detection.deps.rules import ActivityReader, MayReadAnomalies
from services.detection.service.evaluation import get_evaluation
from shared.contracts.detection.evaluation import EvaluationOut
from shared.contracts.detection.rules import RuleActivityOut

router = APIRouter(prefix="/v1", tags=["rules"])


@router.get("/rules/activity")
async def get_activity(
    service: ActivityReader, days: Annotated[int, Query(ge=1, le=366)] = 30
) -> RuleActivityOut:  # fmt: skip
    """Anomalies, hits and suppressed hits of each rule in the last days, and those open now."""
    return await service.get_activity(days)


@router.get("/evaluation")
async def read_evaluation(caller: MayReadAnomalies) -> EvaluationOut:
    """The last evaluation of the rules: bars, sets, kinds with intervals, seeds. For staff and systems."""
    return get_evaluation(caller)
