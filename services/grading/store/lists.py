"""Lists with their lines, frozen snapshots, the colour in force."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row, func, insert, or_, text, update
from sqlalchemy import select as select_columns
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.grading.domain.freezing import PastGrade
from services.grading.domain.grades import Grade, in_order
from services.grading.domain.lists import GradeList, InForce, ListHead, PublicGrade
from services.grading.domain.score import share
from services.grading.tables import GradeRow, ListRow, SnapshotRow
from shared.calendar import Quarter
from shared.contracts.grading import Colour, ListState

WRITERS = 7_260_101
"""Advisory lock: whoever changes lists or colours goes one at a time."""
MOST_HEADS = 200
MOST_HISTORY = 40
_GRADE = TypeAdapter(Grade)
_HEAD = TypeAdapter(ListHead)


class ListStore:
    """Reads and writes lists in one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(self) -> None:
        """Wait for other writers of lists; held to the end of the transaction."""
        await self._session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": WRITERS})

    async def find_head(self, quarter: str, state: ListState) -> ListHead | None:
        """The quarter's draft, or its published list."""
        query = select(ListRow).where(col(ListRow.quarter) == quarter, col(ListRow.state) == state.value)
        return _head(await self._session.scalar(query))

    async def find_newest(self, state: ListState) -> ListHead | None:
        """The draft, or the published list, of the newest quarter that has one."""
        query = select(ListRow).where(col(ListRow.state) == state.value).order_by(col(ListRow.quarter).desc())
        return _head(await self._session.scalar(query.limit(1)))

    async def list_heads(self, *, drafts: bool) -> list[ListHead]:
        """Lists that are or were published, and the current drafts where wanted; newest quarter first."""
        states = [ListState.DRAFT.value] if drafts else []
        shown = or_(col(ListRow.published_at).is_not(None), col(ListRow.state).in_(states))
        query = select(ListRow).where(shown).order_by(col(ListRow.quarter).desc(), col(ListRow.version).desc())
        rows = await self._session.scalars(query.limit(MOST_HEADS))
        return [_HEAD.validate_python(row.model_dump()) for row in rows]

    async def list_published_quarters(self) -> list[str]:
        """Quarters with a published list, newest first."""
        query = select(ListRow.quarter).where(col(ListRow.state) == ListState.PUBLISHED.value)
        return list(await self._session.scalars(query.order_by(col(ListRow.quarter).desc()).limit(MOST_HEADS)))

    async def next_version(self, quarter: str) -> int:
        """One more than the newest version of the quarter."""
        newest = await self._session.scalar(select(func.max(ListRow.version)).where(ListRow.quarter == quarter))
        return (newest or 0) + 1

    async def list_grades(self, list_id: UUID, only: UUID | None = None) -> tuple[Grade, ...]:
        """The lines of a list, gravest first; `only` one enterprise's for its own people."""
        query = select(GradeRow.body).where(col(GradeRow.list_id) == list_id)
        if only is not None:
            query = query.where(col(GradeRow.enterprise_id) == only)
        return in_order(_GRADE.validate_python(body) for body in await self._session.scalars(query))

    async def list_public(self, list_id: UUID) -> list[PublicGrade]:
        """The lines of a list as residents see them, by code; causes stay in the database."""
        rows = await self._session.execute(_PUBLIC, {"list": list_id})
        return sorted((_public(row) for row in rows), key=lambda grade: grade.enterprise_code)

    async def add(self, graded: GradeList) -> None:
        """Store a new version with its lines; the quarter's draft before it is superseded."""
        head = graded.head
        if head.state is ListState.DRAFT:
            await self._supersede(head.quarter, ListState.DRAFT)
        self._session.add(ListRow(**asdict(head)))
        await self._session.flush()
        lines = [_line(head.id, grade) for grade in graded.grades]
        if lines:
            await self._session.execute(insert(GradeRow), lines)

    async def save_published(self, head: ListHead) -> None:
        """Make this version the quarter's published list; one published before it is superseded."""
        await self._supersede(head.quarter, ListState.PUBLISHED)
        await self._session.execute(
            update(ListRow)
            .where(col(ListRow.id) == head.id)
            .values(
                state=head.state.value, interim=head.interim, published_at=head.published_at,
                published_by=head.published_by, note=head.note,
            )
        )  # fmt: skip

    async def _supersede(self, quarter: str, state: ListState) -> None:
        await self._session.execute(
            update(ListRow)
            .where(col(ListRow.quarter) == quarter, col(ListRow.state) == state.value)
            .values(state=ListState.SUPERSEDED.value)
        )

    async def add_snapshot(self, digest: str, facts: str, at: datetime) -> None:
        """Keep the frozen facts; the same facts once."""
        row = {"digest": digest, "facts": facts, "frozen_at": at}
        await self._session.execute(upsert(SnapshotRow).values(row).on_conflict_do_nothing())

    async def list_past(self, quarter: Quarter, quarters: int) -> list[dict[UUID, PastGrade]]:
        """Published lines of the quarter before, of the one before that, and so on."""
        past = []
        for back in range(1, quarters + 1):
            query = (
                select_columns(col(GradeRow.enterprise_id), col(GradeRow.p), col(GradeRow.colour))
                .select_from(GradeRow)
                .join(ListRow, col(ListRow.id) == col(GradeRow.list_id))
                .where(
                    col(ListRow.quarter) == str(quarter.shift(-back)),
                    col(ListRow.state) == ListState.PUBLISHED.value,
                )
            )
            rows = await self._session.execute(query)
            past.append({row.enterprise_id: PastGrade(row.p, Colour(row.colour)) for row in rows})
        return past

    async def list_in_force(self, only: UUID | None = None) -> dict[UUID, InForce]:
        """Colours of the newest published list."""
        head = await self.find_newest(ListState.PUBLISHED)
        if head is None:
            return {}
        query = select_columns(col(GradeRow.enterprise_id), col(GradeRow.colour)).where(
            col(GradeRow.list_id) == head.id
        )
        if only is not None:
            query = query.where(col(GradeRow.enterprise_id) == only)
        rows = await self._session.execute(query)
        return {row.enterprise_id: InForce(row.enterprise_id, Colour(row.colour), head.quarter) for row in rows}

    async def list_history(self, enterprise_id: UUID) -> list[dict[str, Any]]:
        """The enterprise's published lines, newest quarter first: quarter, version, colour, p, risk."""
        query = (
            select_columns(
                col(ListRow.quarter), col(ListRow.version), col(GradeRow.colour), col(GradeRow.p), col(GradeRow.risk)
            )
            .select_from(GradeRow)
            .join(ListRow, col(ListRow.id) == col(GradeRow.list_id))
            .where(col(GradeRow.enterprise_id) == enterprise_id, col(ListRow.state) == ListState.PUBLISHED.value)
            .order_by(col(ListRow.quarter).desc())
            .limit(MOST_HISTORY)
        )
        return [dict(row) for row in (await self._session.execute(query)).mappings()]

    async def has_run(self, job: str, slot: datetime) -> bool:
        """Whether a job's slot is done."""
        query = text("select 1 from job_run where job = :job and slot = :slot")
        return (await self._session.execute(query, {"job": job, "slot": slot})).first() is not None


_PUBLIC = text(
    "select enterprise_id, body->>'enterprise_code' as enterprise_code, body->>'name_zh' as name_zh,"
    " body->>'name_en' as name_en, body->>'trade' as trade, colour, body->>'previous' as previous, p,"
    " jsonb_path_query_array(body, '$.blocks[*].code') as codes,"
    " jsonb_path_query_array(body, '$.blocks[*].score') as scores,"
    " jsonb_path_query_array(body, '$.blocks[*].maximum') as maxima from grades where list_id = :list"
).columns(codes=JSONB, scores=JSONB, maxima=JSONB)


def _public(row: Row[Any]) -> PublicGrade:
    blocks = zip(row.codes, row.scores, row.maxima, strict=True) if row.p is not None else ()
    return PublicGrade(
        enterprise_id=row.enterprise_id, enterprise_code=row.enterprise_code, name_zh=row.name_zh,
        name_en=row.name_en, trade=row.trade, colour=Colour(row.colour),
        previous=Colour(row.previous) if row.previous else None,
        shares={code: share(score, maximum) for code, score, maximum in blocks},
    )  # fmt: skip


def _head(row: ListRow | None) -> ListHead | None:
    return _HEAD.validate_python(row.model_dump()) if row else None


def _line(list_id: UUID, grade: Grade) -> dict[str, Any]:
    return {
        "list_id": list_id,
        "enterprise_id": grade.enterprise_id,
        "colour": grade.colour.value,
        "p": grade.p,
        "risk": grade.risk,
        "body": _GRADE.dump_python(grade, mode="json"),
    }
