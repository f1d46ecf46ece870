"""Calls on the quality of rules."""

from shared.clients.base import ServiceClient
from shared.contracts.detection.quality import QualityOut


class QualityCalls(ServiceClient):
    """Calls on the quality of rules."""

    async def get_quality(self, by: str = "rule") -> QualityOut:
        """Precision per rule, or per rule and outlet with `by="outlet"`."""
        return QualityOut.model_validate(await self.get_json("/v1/quality", by=by))
