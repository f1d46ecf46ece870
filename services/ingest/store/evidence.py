"""The SQL of evidence: files that prove marks and quality-assurance records, each content kept once."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.ingest.domain.marks.model import Evidence
from services.ingest.tables import EvidenceContentRow, EvidenceRow
from shared.errors import NotFoundError


class EvidenceNotFoundError(NotFoundError):
    """No such file."""

    code = "evidence_not_found"


def _evidence(row: EvidenceRow) -> Evidence:
    fields = row.model_dump(exclude={"enterprise_id"})
    return Evidence(**{**fields, "sha256": row.sha256.hex()})


class EvidenceStore:
    """Reads and writes in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @staticmethod
    def subjects() -> Select[Any]:
        """Ids of everything that has evidence."""
        return select(EvidenceRow.subject_id)

    async def list_of(self, subject_ids: Sequence[UUID]) -> dict[UUID, list[Evidence]]:
        """Files by what they prove, in the order they came."""
        if not subject_ids:
            return {}
        query = select(EvidenceRow).where(col(EvidenceRow.subject_id).in_(subject_ids))
        found: dict[UUID, list[Evidence]] = {}
        rows = await self._session.execute(query.order_by(col(EvidenceRow.uploaded_at), col(EvidenceRow.id)))
        for row in rows.scalars():
            found.setdefault(row.subject_id, []).append(_evidence(row))
        return found

    async def bytes_of(self, subject_id: UUID) -> int:
        """Size of all files of one subject."""
        query = select(func.coalesce(func.sum(EvidenceRow.size), 0)).where(col(EvidenceRow.subject_id) == subject_id)
        return int((await self._session.execute(query)).scalar_one())

    async def add(self, evidence: Evidence, enterprise_id: UUID, content: bytes) -> None:
        """A new file; a content that is there already is not stored again."""
        digest = bytes.fromhex(evidence.sha256)
        kept = insert(EvidenceContentRow).values(sha256=digest, content=content).on_conflict_do_nothing()
        await self._session.execute(kept)
        self._session.add(EvidenceRow(**{**evidence.__dict__, "sha256": digest, "enterprise_id": enterprise_id}))
        await self._session.flush()

    async def read(self, evidence_id: UUID) -> tuple[Evidence, UUID, bytes]:
        """A file, whose it is, and its content."""
        query = (
            select(EvidenceRow, EvidenceContentRow.content)
            .join(EvidenceContentRow, col(EvidenceContentRow.sha256) == col(EvidenceRow.sha256))
            .where(col(EvidenceRow.id) == evidence_id)
        )
        found = (await self._session.execute(query)).one_or_none()
        if found is None:
            raise EvidenceNotFoundError("no such file", evidence_id=str(evidence_id))
        row, content = found
        return _evidence(row), row.enterprise_id, content
