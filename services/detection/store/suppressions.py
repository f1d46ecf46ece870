"""Suppressions, and how many hits each keeps quiet."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import and_, func, insert, or_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.detection.domain.people import Person
from services.detection.domain.suppressing.model import Suppression
from services.detection.store.bulk import among
from services.detection.tables import HitRow, NumberRow, OutletRow, SuppressionRow
from shared.clock import PARK_ZONE
from shared.contracts.detection.suppressions import SuppressionReason, SuppressionState
from shared.contracts.ingest import ReadingKind

_PERSON: TypeAdapter[Person] = TypeAdapter(Person)
OPEN = (SuppressionState.PROPOSED.value, SuppressionState.APPROVED.value)


@dataclass(frozen=True)
class SuppressionFilter:
    """What a list shows; None does not filter."""

    enterprise_id: UUID | None = None
    outlet_id: UUID | None = None
    rule: str | None = None
    state: SuppressionState | None = None


@dataclass(frozen=True)
class Quiet:
    """Hits a suppression kept quiet: how many, and the end of the last one."""

    hits: int = 0
    last_at: datetime | None = None


class SuppressionStore:
    """Reads and writes suppressions."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, suppression_id: UUID, *, lock: bool = False) -> Suppression | None:
        """One suppression, or None."""
        query = select(SuppressionRow).where(col(SuppressionRow.id) == suppression_id)
        row = (await self._session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()
        return _suppression(row) if row else None

    async def find_open(self, like: Suppression) -> Suppression | None:
        """An open suppression that says the same of the same, or None."""
        names = ("enterprise_id", "outlet_id", "factor", "rule", "kind", "value_at_least", "value_at_most", "until",
                 "reason_code", "note")  # fmt: skip
        values = _columns(like)
        same = [getattr(SuppressionRow, name).is_not_distinct_from(values[name]) for name in names]
        mine = SuppressionRow.proposed["subject"].astext == like.proposed.subject
        query = select(SuppressionRow).where(*same, mine, col(SuppressionRow.state).in_(OPEN)).limit(1)
        row = (await self._session.execute(query)).scalar_one_or_none()
        return _suppression(row) if row else None

    async def select(
        self, which: SuppressionFilter, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[Suppression]:
        """The latest proposals first; `after` is the last one of the page before."""
        given = {"enterprise_id": which.enterprise_id, "outlet_id": which.outlet_id, "rule": which.rule,
                 "state": which.state.value if which.state else None}  # fmt: skip
        query = select(SuppressionRow).where(
            *(getattr(SuppressionRow, name) == value for name, value in given.items() if value is not None)
        )
        proposed, number = col(SuppressionRow.proposed_at), col(SuppressionRow.id)
        if after is not None:
            query = query.where(or_(proposed < after[0], and_(proposed == after[0], number < after[1])))
        rows = await self._session.execute(query.order_by(proposed.desc(), number.desc()).limit(limit))
        return [_suppression(row) for row in rows.scalars()]

    async def in_reach(self, enterprise_ids: Iterable[UUID], since: datetime) -> list[Suppression]:
        """Approved ones of these enterprises whose window reaches past `since`, whatever became of them later."""
        rows = await self._session.execute(
            select(SuppressionRow).where(
                among(SuppressionRow.enterprise_id, enterprise_ids),
                col(SuppressionRow.until) >= since,
                col(SuppressionRow.decided).is_not(None),
                col(SuppressionRow.state) != SuppressionState.REFUSED.value,
            )
        )
        return [_suppression(row) for row in rows.scalars()]

    async def lock_over(self, now: datetime, limit: int) -> list[Suppression]:
        """Open ones whose window is over, those that somebody works on just now left out."""
        rows = await self._session.execute(
            select(SuppressionRow)
            .where(col(SuppressionRow.state).in_(OPEN), col(SuppressionRow.until) <= now)
            .order_by(col(SuppressionRow.id))
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [_suppression(row) for row in rows.scalars()]

    async def quiet(self, ids: Sequence[UUID]) -> dict[UUID, Quiet]:
        """What each of these keeps quiet."""
        rows = await self._session.execute(
            select(HitRow.suppressed_by, func.count(), func.max(HitRow.until))
            .where(among(HitRow.suppressed_by, ids))
            .group_by(col(HitRow.suppressed_by))
        )
        return {one: Quiet(count, last) for one, count, last in rows if one is not None}

    async def has_outlets(self, enterprise_id: UUID) -> bool:
        """Whether anything is known of an enterprise."""
        query = select(OutletRow.id).where(col(OutletRow.enterprise_id) == enterprise_id).limit(1)
        return (await self._session.execute(query)).first() is not None

    async def take_number(self, now: datetime) -> str:
        """The next number of the year, as `S-2026-0007`."""
        year = now.astimezone(PARK_ZONE).year
        statement = upsert(NumberRow).values(day=f"S{year}", last=1)
        counted = statement.on_conflict_do_update(
            index_elements=["day"], set_={"last": col(NumberRow.last) + 1}
        ).returning(col(NumberRow.last))
        return f"S-{year}-{(await self._session.execute(counted)).scalar_one():04d}"

    async def add(self, one: Suppression) -> None:
        """A new one."""
        await self._session.execute(insert(SuppressionRow).values(_columns(one)))

    async def save(self, one: Suppression) -> None:
        """The suppression as it is now."""
        await self._session.execute(
            update(SuppressionRow).where(col(SuppressionRow.id) == one.id).values(_columns(one))
        )


def _columns(one: Suppression) -> dict[str, Any]:
    fields = {name: getattr(one, name) for name in SuppressionRow.model_fields if name != "proposed_at"}
    people = {name: _dumped(getattr(one, name)) for name in ("proposed", "decided", "ended")}
    return {**fields, **people, "proposed_at": one.proposed.at, "kind": one.kind.value if one.kind else None,
            "state": one.state.value, "reason_code": one.reason_code.value}  # fmt: skip


def _dumped(person: Person | None) -> dict[str, Any] | None:
    return None if person is None else {**asdict(person), "at": person.at.isoformat()}


def _suppression(row: SuppressionRow) -> Suppression:
    fields = {name: getattr(row, name) for name in SuppressionRow.model_fields if name != "proposed_at"}
    people = {
        name: _PERSON.validate_python(fields[name]) if fields[name] else None
        for name in ("proposed", "decided", "ended")
    }
    return Suppression(
        **{**fields, **people, "kind": ReadingKind(row.kind) if row.kind else None,
           "state": SuppressionState(row.state), "reason_code": SuppressionReason(row.reason_code)}
    )  # fmt: skip
