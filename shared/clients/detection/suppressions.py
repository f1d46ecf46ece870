"""Calls on suppressions."""

from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.detection.suppressions import (
    SuppressionDecision,
    SuppressionEvent,
    SuppressionIn,
    SuppressionLimits,
    SuppressionOut,
    SuppressionState,
)
from shared.http import Page


class SuppressionCalls(ServiceClient):
    """Calls on suppressions."""

    async def list_suppressions(
        self, *, enterprise_id: UUID | None = None, outlet_id: UUID | None = None, rule: str | None = None,
        state: SuppressionState | None = None, cursor: str | None = None, limit: int = 50,
    ) -> Page[SuppressionOut]:  # fmt: skip
        """Suppressions, the latest proposals first."""
        answer = await self.get_json(
            "/v1/suppressions", enterprise_id=enterprise_id, outlet_id=outlet_id, rule=rule, state=state,
            cursor=cursor, limit=limit,
        )  # fmt: skip
        return Page[SuppressionOut].model_validate(answer)

    async def get_suppression_limits(self) -> SuppressionLimits:
        """Bounds of a proposal."""
        return SuppressionLimits.model_validate(await self.get_json("/v1/suppressions/limits"))

    async def get_suppression(self, suppression_id: UUID) -> SuppressionOut:
        """One suppression."""
        return SuppressionOut.model_validate(await self.get_json(f"/v1/suppressions/{suppression_id}"))

    async def propose_suppression(self, given: SuppressionIn) -> SuppressionOut:
        """Propose one."""
        return SuppressionOut.model_validate(await self.post_json("/v1/suppressions", given))

    async def approve_suppression(self, suppression_id: UUID, version: int, reason: str = "") -> SuppressionOut:
        """Approve another person's proposal."""
        return await self.decide_suppression(suppression_id, SuppressionEvent.APPROVE, version, reason)

    async def refuse_suppression(self, suppression_id: UUID, version: int, reason: str) -> SuppressionOut:
        """Refuse a proposal."""
        return await self.decide_suppression(suppression_id, SuppressionEvent.REFUSE, version, reason)

    async def revoke_suppression(self, suppression_id: UUID, version: int, reason: str) -> SuppressionOut:
        """End it now."""
        return await self.decide_suppression(suppression_id, SuppressionEvent.REVOKE, version, reason)

    async def decide_suppression(
        self, suppression_id: UUID, event: SuppressionEvent, version: int, reason: str
    ) -> SuppressionOut:
        """Approve, refuse or revoke."""
        answer = await self.post_json(
            f"/v1/suppressions/{suppression_id}/{event.value}", SuppressionDecision(reason=reason),
            headers={"If-Match": f'"{version}"'},
        )  # fmt: skip
        return SuppressionOut.model_validate(answer)
