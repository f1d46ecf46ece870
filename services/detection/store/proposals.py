"""Proposals to retune rules."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import and_, insert, or_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.detection.domain.backtests.proposal import Proposal
from services.detection.domain.people import Person
from services.detection.tables import ProposalRow, RuleVersionRow
from shared.contracts.detection.proposals import ProposalState

_PERSON: TypeAdapter[Person] = TypeAdapter(Person)
_LISTS = ("settings", "former", "tried")


@dataclass(frozen=True)
class ProposalFilter:
    """What a list shows; None does not filter."""

    state: ProposalState | None = None
    rule: str | None = None


class ProposalStore:
    """Reads and writes proposals."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, proposal_id: UUID, *, lock: bool = False) -> Proposal | None:
        """One proposal, or None."""
        query = select(ProposalRow).where(col(ProposalRow.id) == proposal_id)
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        row = (await self._session.execute(query)).scalar_one_or_none()
        return _proposal(row) if row else None

    async def select(self, which: ProposalFilter, after: tuple[datetime, UUID] | None, limit: int) -> list[Proposal]:
        """The latest first; `after` is the last one of the page before."""
        query = select(ProposalRow)
        if which.state is not None:
            query = query.where(col(ProposalRow.state) == which.state.value)
        if which.rule is not None:
            query = query.where(col(ProposalRow.rule) == which.rule)
        made, number = col(ProposalRow.made_at), col(ProposalRow.id)
        if after is not None:
            query = query.where(or_(made < after[0], and_(made == after[0], number < after[1])))
        rows = await self._session.execute(query.order_by(made.desc(), number.desc()).limit(limit))
        return [_proposal(row) for row in rows.scalars()]

    async def open_rules(self) -> set[str]:
        """Rules with a proposal that nobody has decided on."""
        query = select(ProposalRow.rule).where(col(ProposalRow.state) == ProposalState.PROPOSED.value)
        return set((await self._session.execute(query)).scalars())

    async def validity(self, ids: Iterable[UUID]) -> dict[UUID, tuple[date, date | None]]:
        """First day, and the day after the last, of the versions that came of these proposals."""
        rows = await self._session.execute(select(RuleVersionRow).where(col(RuleVersionRow.proposal_id).in_(list(ids))))
        return {row.proposal_id: (row.valid_from, row.valid_to) for row in rows.scalars()}

    async def add(self, one: Proposal) -> None:
        """A new one."""
        await self._session.execute(insert(ProposalRow).values(_columns(one)))

    async def save(self, one: Proposal) -> None:
        """The proposal as it is now."""
        await self._session.execute(update(ProposalRow).where(col(ProposalRow.id) == one.id).values(_columns(one)))


def _columns(one: Proposal) -> dict[str, Any]:
    fields = {name: getattr(one, name) for name in ProposalRow.model_fields}
    plain = {name: [dict(entry) for entry in getattr(one, name)] for name in _LISTS}
    people = {name: _dumped(getattr(one, name)) for name in ("decided", "ended")}
    return {**fields, **plain, **people, "state": one.state.value}


def _dumped(person: Person | None) -> dict[str, Any] | None:
    return None if person is None else {**asdict(person), "at": person.at.isoformat()}


def _proposal(row: ProposalRow) -> Proposal:
    fields = {name: getattr(row, name) for name in ProposalRow.model_fields}
    lists = {name: tuple(fields[name]) for name in _LISTS}
    people = {name: _PERSON.validate_python(fields[name]) if fields[name] else None for name in ("decided", "ended")}
    return Proposal(**{**fields, **lists, **people, "state": ProposalState(row.state)})
