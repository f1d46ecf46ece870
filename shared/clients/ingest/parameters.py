"""Calls on parameter changes."""

from datetime import datetime
from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.ingest.parameters import ParameterChangeOut
from shared.http import Page


class ParameterCalls(ServiceClient):
    """Calls on parameter changes."""

    async def list_parameter_changes(
        self, *, outlet_id: UUID | None = None, enterprise_id: UUID | None = None, since: datetime | None = None,
        cursor: str | None = None, limit: int = 100,
    ) -> Page[ParameterChangeOut]:  # fmt: skip
        """Changes that loggers told, the latest first."""
        answer = await self.get_json(
            "/v1/parameter-changes", outlet_id=outlet_id, enterprise_id=enterprise_id, since=since, cursor=cursor,
            limit=limit,
        )  # fmt: skip
        return Page[ParameterChangeOut].model_validate(answer)
