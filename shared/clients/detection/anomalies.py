"""Calls for anomalies and rules."""

from datetime import datetime
from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.detection import AnomalyOut, OpenSummary, RuleOut
from shared.http import Page


class AnomalyCalls(ServiceClient):
    """Anomalies and rules."""

    async def list_anomalies(  # noqa: PLR0913 - filters
        self,
        *,
        enterprise_id: UUID | None = None,
        outlet_id: UUID | None = None,
        factor: str | None = None,
        rule: str | None = None,
        state: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        parent_id: UUID | None = None,
        alone: bool = False,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[AnomalyOut]:
        """Anomalies, newest start first; `since`/`until` select those that overlap the span, `parent_id` the children
        of a parent, `alone` leaves out those that a parent stands for.
        """
        answer = await self.get_json(
            "/v1/anomalies", enterprise_id=enterprise_id, outlet_id=outlet_id, factor=factor, rule=rule, state=state,
            since=since, until=until, parent_id=parent_id, alone=alone or None, cursor=cursor, limit=limit,
        )  # fmt: skip
        return Page[AnomalyOut].model_validate(answer)

    async def open_summary(self) -> list[OpenSummary]:
        """Open anomalies of each outlet that has some, by severity, with the gravest."""
        return [OpenSummary.model_validate(item) for item in await self.get_json("/v1/anomalies/open-summary")]

    async def get_anomaly(self, anomaly_id: UUID) -> AnomalyOut:
        """One anomaly."""
        return AnomalyOut.model_validate(await self.get_json(f"/v1/anomalies/{anomaly_id}"))

    async def list_rules(self) -> list[RuleOut]:
        """Rules in force."""
        return [RuleOut.model_validate(item) for item in await self.get_json("/v1/rules")]
