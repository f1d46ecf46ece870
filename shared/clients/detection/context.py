"""Calls on what stands around an anomaly."""

from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.detection.context import AnomalyContext


class ContextCalls(ServiceClient):
    """Calls on what stands around an anomaly."""

    async def get_context(self, anomaly_id: UUID) -> AnomalyContext:
        """Rule, numbers, hits, verdicts, recurrences, history."""
        return AnomalyContext.model_validate(await self.get_json(f"/v1/anomalies/{anomaly_id}/context"))
