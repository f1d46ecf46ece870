"""Facts of other services: the latest version of each, by id."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Select, func, or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.grading.domain.facts import DONE, EXCUSING, Case, Enterprise, Exceedance, Finding, Outlet, Visit
from services.grading.domain.freezing import Known
from services.grading.tables import CaseRow, EnterpriseRow, ExceedanceRow, FindingRow, OutletRow, Table, VisitRow
from shared.calendar import Quarter

Fact = Enterprise | Outlet | Exceedance | Case | Visit | Finding
TABLES: dict[type[Fact], type[Table]] = {
    Enterprise: EnterpriseRow, Outlet: OutletRow, Exceedance: ExceedanceRow,
    Case: CaseRow, Visit: VisitRow, Finding: FindingRow,
}  # fmt: skip
READERS: dict[Any, TypeAdapter[Any]] = {
    Enterprise: TypeAdapter(list[Enterprise]), Outlet: TypeAdapter(list[Outlet]), Case: TypeAdapter(list[Case]),
    Exceedance: TypeAdapter(list[Exceedance]), Visit: TypeAdapter(list[Visit]), Finding: TypeAdapter(list[Finding]),
}  # fmt: skip
MOST_ENTERPRISES = 100_000
Read = TypeVar("Read")


class FactsStore:
    """Reads and writes facts in one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def keep(self, facts: Sequence[Fact]) -> None:
        """Store facts in the order given; an older version never replaces a newer one."""
        for kind, table in TABLES.items():
            latest: dict[UUID, Fact] = {}
            for fact in facts:
                if isinstance(fact, kind) and _version(fact) >= _version(latest.get(fact.id)):
                    latest[fact.id] = fact
            if latest:
                await self._upsert(table, latest.values())

    async def _upsert(self, table: type[Table], facts: Iterable[Fact]) -> None:
        statement = insert(table)
        columns = {name: column for name, column in statement.excluded.items() if name != "id"}
        newer = statement.excluded.version >= table.version if hasattr(table, "version") else None
        statement = statement.on_conflict_do_update(index_elements=["id"], set_=columns, where=newer)
        await self._session.execute(statement, [_values(fact) for fact in facts])

    async def find_enterprises(self, ids: Collection[UUID]) -> dict[UUID, Enterprise]:
        """Those of the ids that are known."""
        query = select(EnterpriseRow).where(col(EnterpriseRow.id).in_(ids))
        return {each.id: each for each in await self._read(Enterprise, query)}

    async def list_enterprises(self, only: UUID | None = None) -> list[Enterprise]:
        """Active enterprises by code; `only` one of them for its own people."""
        query = select(EnterpriseRow).where(col(EnterpriseRow.active)).order_by(col(EnterpriseRow.code))
        if only is not None:
            query = query.where(col(EnterpriseRow.id) == only)
        return await self._read(Enterprise, query.limit(MOST_ENTERPRISES))

    async def load(self, quarter: Quarter) -> Known:
        """All facts a list of the quarter depends on."""
        start, end = quarter.start, quarter.end
        exceedances = await self._read(
            Exceedance,
            select(ExceedanceRow).where(col(ExceedanceRow.started_at) < end, col(ExceedanceRow.last_at) >= start),
        )
        asked_for, due = func.coalesce(CaseRow.reply_by, CaseRow.inquiry_sent_at), col(FindingRow.due_at)
        verified = col(FindingRow.verified_at)
        still_open = col(FindingRow.state).not_in([state.value for state in DONE])
        return Known(
            enterprises=await self.list_enterprises(),
            outlets=await self._read(Outlet, select(OutletRow)),
            exceedances=exceedances,
            cases=await self._read(
                Case,
                select(CaseRow).where(col(CaseRow.inquiry_sent_at).is_not(None), asked_for >= start, asked_for < end),
            ),
            excusing=await self._list_excusing([each.id for each in exceedances]),
            visits=await self._read(
                Visit,
                select(VisitRow).where(col(VisitRow.completed_at) >= start, col(VisitRow.completed_at) < end),
            ),
            findings=await self._read(
                Finding,
                select(FindingRow).where(due < end, or_(due >= start, still_open, verified >= start)),
            ),
        )

    async def _list_excusing(self, anomaly_ids: list[UUID]) -> list[Case]:
        states = [state.value for state in EXCUSING]
        query = select(CaseRow).where(col(CaseRow.state).in_(states), col(CaseRow.anomaly_ids).op("&&")(anomaly_ids))
        return await self._read(Case, query) if anomaly_ids else []

    async def _read(self, kind: type[Read], query: Select[Any]) -> list[Read]:
        rows = await self._session.execute(query.with_only_columns(*query.selected_columns))  # no ORM objects
        read: list[Read] = READERS[kind].validate_python([dict(row) for row in rows.mappings()])
        return read


def _version(fact: Fact | None) -> int:
    return getattr(fact, "version", 0)


def _values(fact: Fact) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(fact).items()}
