"""Calls on thresholds."""

from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.detection.thresholds import (
    ThresholdDecision,
    ThresholdDetail,
    ThresholdEvent,
    ThresholdIn,
    ThresholdOut,
    ThresholdProposal,
    ThresholdState,
)
from shared.contracts.ingest import ReadingKind
from shared.http import Page


class ThresholdCalls(ServiceClient):
    """Calls on thresholds."""

    async def list_thresholds(  # noqa: PLR0913 - filters
        self,
        *,
        enterprise_id: UUID | None = None,
        outlet_id: UUID | None = None,
        factor: str | None = None,
        kind: ReadingKind | None = None,
        rule: str | None = None,
        state: ThresholdState | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[ThresholdOut]:
        """Thresholds, those that changed last first."""
        answer = await self.get_json(
            "/v1/thresholds", enterprise_id=enterprise_id, outlet_id=outlet_id, factor=factor, kind=kind, rule=rule,
            state=state, cursor=cursor, limit=limit,
        )  # fmt: skip
        return Page[ThresholdOut].model_validate(answer)

    async def get_threshold(self, threshold_id: UUID) -> ThresholdDetail:
        """One threshold with its versions."""
        return ThresholdDetail.model_validate(await self.get_json(f"/v1/thresholds/{threshold_id}"))

    async def propose_first_threshold(self, given: ThresholdIn) -> ThresholdDetail:
        """Own numbers for a series that has none for the rule."""
        return ThresholdDetail.model_validate(await self.post_json("/v1/thresholds", given))

    async def propose_threshold(self, threshold_id: UUID, version: int, given: ThresholdProposal) -> ThresholdDetail:
        """Other numbers for a threshold."""
        headers = {"If-Match": f'"{version}"'}
        answer = await self.post_json(f"/v1/thresholds/{threshold_id}/propose", given, headers=headers)
        return ThresholdDetail.model_validate(answer)

    async def decide_threshold(
        self, threshold_id: UUID, event: ThresholdEvent, version: int, reason: str = ""
    ) -> ThresholdDetail:
        """Accept, refuse, freeze or release."""
        answer = await self.post_json(
            f"/v1/thresholds/{threshold_id}/{event.value}", ThresholdDecision(reason=reason),
            headers={"If-Match": f'"{version}"'},
        )  # fmt: skip
        return ThresholdDetail.model_validate(answer)
