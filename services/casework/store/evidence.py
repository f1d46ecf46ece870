"""Evidence in SQL: what is known of files; the content is the vault's."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.casework.domain.evidence import Evidence
from services.casework.store.rows import evidence_columns, evidence_of
from services.casework.tables import metadata
from shared.errors import NotFoundError

EVIDENCE = metadata.tables["evidence"]


class EvidenceStore:
    """Files of cases."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, evidence: Evidence) -> None:
        """A new file."""
        await self._session.execute(insert(EVIDENCE).values(evidence_columns(evidence)))

    async def get(self, evidence_id: UUID) -> Evidence:
        """One file."""
        query = select(EVIDENCE).where(EVIDENCE.c.id == evidence_id)
        row = (await self._session.execute(query)).mappings().one_or_none()
        if row is None:
            raise NotFoundError("no such evidence", evidence=str(evidence_id))
        return evidence_of(row)

    async def find_same(self, evidence: Evidence) -> Evidence | None:
        """The same content handed in before for the same purpose by the same person."""
        rows = await self._session.execute(
            select(EVIDENCE).where(
                EVIDENCE.c.case_id == evidence.case_id,
                EVIDENCE.c.sha256 == evidence.sha256,
                EVIDENCE.c.kind == evidence.kind,
                EVIDENCE.c.name == evidence.name,
                EVIDENCE.c.uploaded_by == evidence.uploaded_by,
                EVIDENCE.c.finding_id.is_not_distinct_from(evidence.finding_id),
            )
        )
        row = rows.mappings().first()
        return evidence_of(row) if row else None

    async def bytes_of(self, case_id: UUID) -> int:
        """Size of all files of a case."""
        query = select(func.coalesce(func.sum(EVIDENCE.c.size), 0)).where(EVIDENCE.c.case_id == case_id)
        return int((await self._session.execute(query)).scalar_one())

    async def list_of_case(self, case_id: UUID) -> list[Evidence]:
        """Files of a case in the order they came."""
        return await self._list(EVIDENCE.c.case_id == case_id)

    async def list_of_findings(self, finding_ids: Iterable[UUID]) -> list[Evidence]:
        """Files of findings in the order they came."""
        return await self._list(EVIDENCE.c.finding_id.in_(list(finding_ids)))

    async def list_named(self, case_id: UUID, ids: Iterable[UUID]) -> list[Evidence]:
        """Those of the files that belong to this case."""
        return await self._list(and_(EVIDENCE.c.case_id == case_id, EVIDENCE.c.id.in_(list(ids))))

    async def attach(self, ids: Iterable[UUID], finding_id: UUID) -> None:
        """Let files prove a finding."""
        await self._session.execute(update(EVIDENCE).where(EVIDENCE.c.id.in_(list(ids))).values(finding_id=finding_id))

    async def _list(self, condition: ColumnElement[bool]) -> list[Evidence]:
        query = select(EVIDENCE).where(condition).order_by(EVIDENCE.c.uploaded_at, EVIDENCE.c.id)
        return [evidence_of(row) for row in (await self._session.execute(query)).mappings()]
