"""HTTP of what stands around an anomaly."""

from uuid import UUID

from fastapi import APIRouter

from services.detection.deps.context import ContextReader
from shared.contracts.detection.context import AnomalyContext

router = APIRouter(prefix="/v1/anomalies", tags=["detection"])


@router.get("/{anomaly_id}/context")
async def get_context(anomaly_id: UUID, service: ContextReader) -> AnomalyContext:
    """The rule with the numbers it judged by, hits, verdicts, recurrences, history of the rule at the outlet."""
    return await service.get_context(anomaly_id)
