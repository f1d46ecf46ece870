"""Calls on the quality of rules."""

from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.detection.quality import LabelOut, QualityOut
from shared.http import Page


class QualityCalls(ServiceClient):
    """Calls on the quality of rules."""

    async def get_quality(self, by: str = "rule", days: int | None = None) -> QualityOut:
        """Precision per rule, per rule and outlet with `by="outlet"`, per rule and trade with `by="trade"`."""
        return QualityOut.model_validate(await self.get_json("/v1/quality", by=by, days=days))

    async def list_labels(
        self, *, days: int = 90, rule: str | None = None, outlet_id: UUID | None = None, verdict: str | None = None,
        cursor: str | None = None, limit: int = 100,
    ) -> Page[LabelOut]:  # fmt: skip
        """Judged anomalies with their cases, the latest verdict first."""
        answer = await self.get_json(
            "/v1/quality/labels", days=days, rule=rule, outlet_id=outlet_id, verdict=verdict, cursor=cursor, limit=limit
        )
        return Page[LabelOut].model_validate(answer)
