"""Calls on marks 标记."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import httpx

from shared.clients.base import ServiceClient
from shared.contracts.ingest.marks import (
    BudgetOut,
    MarkAct,
    MarkCheck,
    MarkCodeOut,
    MarkFacts,
    MarkIn,
    MarkOut,
    MarkState,
    MarkVersionOut,
)
from shared.http import Page, etag_of


class MarkCalls(ServiceClient):
    """Calls on marks 标记."""

    async def list_marks(  # noqa: PLR0913 - filters
        self, *, outlet_id: UUID | None = None, enterprise_id: UUID | None = None, state: Sequence[MarkState] = (),
        since: datetime | None = None, until: datetime | None = None, cursor: str | None = None, limit: int = 100,
    ) -> Page[MarkOut]:  # fmt: skip
        """Marks with a moment in the span, the latest beginning first."""
        answer = await self.get_json(
            "/v1/marks", outlet_id=outlet_id, enterprise_id=enterprise_id, state=list(state) or None, since=since,
            until=until, cursor=cursor, limit=limit,
        )  # fmt: skip
        return Page[MarkOut].model_validate(answer)

    async def get_mark(self, mark_id: UUID) -> MarkOut:
        """One mark."""
        return MarkOut.model_validate(await self.get_json(f"/v1/marks/{mark_id}"))

    async def add_mark(self, mark: MarkIn) -> MarkOut:
        """Hand in a mark; as a reviewer propose one."""
        return MarkOut.model_validate(await self.post_json("/v1/marks", mark))

    async def check_mark(self, mark: MarkIn) -> MarkCheck:
        """What would come of it; nothing is kept."""
        return MarkCheck.model_validate(await self.post_json("/v1/marks/check", mark))

    async def act_on_mark(self, mark_id: UUID, act: MarkAct, version: int) -> MarkOut:
        """An event on the mark seen in this version."""
        headers = {"If-Match": etag_of(version)}
        return MarkOut.model_validate(await self.post_json(f"/v1/marks/{mark_id}/events", act, headers=headers))

    async def list_mark_versions(self, mark_id: UUID) -> list[MarkVersionOut]:
        """What it said after each change."""
        answer = await self.get_json(f"/v1/marks/{mark_id}/versions")
        return [MarkVersionOut.model_validate(item) for item in answer]

    async def list_mark_codes(self) -> list[MarkCodeOut]:
        """The catalogue of codes."""
        return [MarkCodeOut.model_validate(item) for item in await self.get_json("/v1/marks/codes")]

    async def mark_budgets(self, outlet_id: UUID, year: int) -> list[BudgetOut]:
        """Yearly budgets of an outlet."""
        answer = await self.get_json("/v1/marks/budgets", outlet_id=outlet_id, year=year)
        return [BudgetOut.model_validate(item) for item in answer]

    async def mark_facts(
        self, since: datetime, until: datetime, *, enterprise_id: UUID | None = None
    ) -> list[MarkFacts]:
        """Marks due in a span, by enterprise."""
        answer = await self.get_json("/v1/marks/facts", since=since, until=until, enterprise_id=enterprise_id)
        return [MarkFacts.model_validate(item) for item in answer]

    async def add_mark_evidence(self, mark_id: UUID, name: str, content: bytes) -> MarkOut:
        """A file that proves a mark."""
        files = {"file": (name, content)}
        answer = await self.request("POST", f"/v1/marks/{mark_id}/evidence", files=files, timeout=60)
        return MarkOut.model_validate(answer.json())

    async def read_mark_evidence(self, evidence_id: UUID) -> httpx.Response:
        """A file with its name and type in the headers."""
        return await self.request("GET", f"/v1/mark-evidence/{evidence_id}", timeout=60)
