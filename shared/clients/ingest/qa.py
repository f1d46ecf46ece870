"""Calls on quality-assurance records."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.ingest.qa import QaDueOut, QaIn, QaKind, QaOut, QaState
from shared.http import Page


class QaCalls(ServiceClient):
    """Calls on quality-assurance records."""

    async def list_qa_records(  # noqa: PLR0913 - filters
        self, *, outlet_id: UUID | None = None, enterprise_id: UUID | None = None, factor: str | None = None,
        kind: QaKind | None = None, since: datetime | None = None, cursor: str | None = None, limit: int = 100,
    ) -> Page[QaOut]:  # fmt: skip
        """Records, the latest first."""
        answer = await self.get_json(
            "/v1/qa-records", outlet_id=outlet_id, enterprise_id=enterprise_id, factor=factor, kind=kind, since=since,
            cursor=cursor, limit=limit,
        )  # fmt: skip
        return Page[QaOut].model_validate(answer)

    async def get_qa_record(self, record_id: UUID) -> QaOut:
        """One record."""
        return QaOut.model_validate(await self.get_json(f"/v1/qa-records/{record_id}"))

    async def list_qa_due(
        self, *, outlet_id: UUID | None = None, enterprise_id: UUID | None = None, state: Sequence[QaState] = ()
    ) -> list[QaDueOut]:
        """Periodic duties and how they stand."""
        answer = await self.get_json(
            "/v1/qa-records/due", outlet_id=outlet_id, enterprise_id=enterprise_id, state=list(state) or None
        )
        return [QaDueOut.model_validate(item) for item in answer]

    async def add_qa_record(self, record: QaIn) -> QaOut:
        """Hand in a record; judged at once."""
        return QaOut.model_validate(await self.post_json("/v1/qa-records", record))

    async def add_qa_evidence(self, record_id: UUID, name: str, content: bytes) -> QaOut:
        """A file that proves a record."""
        files = {"file": (name, content)}
        answer = await self.request("POST", f"/v1/qa-records/{record_id}/evidence", files=files, timeout=60)
        return QaOut.model_validate(answer.json())
