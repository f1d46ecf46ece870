"""Visits and findings in SQL. Whoever changes one holds the lock of its case."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Double, Table, cast, func, insert, or_, select, tuple_, update
from sqlalchemy import case as sql_case
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from services.casework.domain.findings import FIRMS_TURN, Finding
from services.casework.domain.queues import WorkSelection
from services.casework.domain.visits import Visit
from services.casework.store.cases import CASES, ENTERPRISES, OUTLETS
from services.casework.store.rows import finding_columns, finding_of, visit_columns, visit_of
from services.casework.tables import metadata
from shared.contracts.casework import FindingState, VisitState, VisitType
from shared.errors import InvalidError, NotFoundError
from shared.http import decode_cursor, encode_cursor

VISITS = metadata.tables["visits"]
FINDINGS = metadata.tables["findings"]
NEVER = datetime(9999, 1, 1, tzinfo=UTC)

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Around:
    """Names around a visit or a finding."""

    case_no: str
    enterprise_name_zh: str
    enterprise_name_en: str
    outlet_code: str
    colour: str


def visits_seen_by_firm() -> Condition:
    """A planned inspection is not announced; a service visit is agreed with the enterprise."""
    return or_(VISITS.c.type == VisitType.SERVICE, VISITS.c.state.in_([VisitState.STARTED, VisitState.COMPLETED]))


def _around(row: Any) -> Around:
    return Around(row["case_no"], row["e_name_zh"], row["e_name_en"], row["o_code"], row["e_colour"])


def _joined(table: Table, *keys: Any) -> Any:
    return (
        select(
            table, CASES.c.no.label("case_no"), ENTERPRISES.c.name_zh.label("e_name_zh"),
            ENTERPRISES.c.name_en.label("e_name_en"), ENTERPRISES.c.colour.label("e_colour"),
            OUTLETS.c.code.label("o_code"), *keys,
        )
        .join(CASES, CASES.c.id == table.c.case_id)
        .join(ENTERPRISES, ENTERPRISES.c.id == CASES.c.enterprise_id)
        .join(OUTLETS, OUTLETS.c.id == CASES.c.outlet_id)
    )  # fmt: skip


class WorkStore:
    """Visits and findings."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_visit(self, visit: Visit) -> None:
        """A new visit."""
        await self._session.execute(insert(VISITS).values(visit_columns(visit)))

    async def save_visit(self, visit: Visit) -> None:
        """The visit as it is now."""
        await self._session.execute(update(VISITS).where(VISITS.c.id == visit.id).values(visit_columns(visit)))

    async def get_visit(self, visit_id: UUID) -> Visit:
        """One visit."""
        row = (await self._session.execute(select(VISITS).where(VISITS.c.id == visit_id))).mappings().one_or_none()
        if row is None:
            raise NotFoundError("no such visit", visit=str(visit_id))
        return visit_of(row)

    async def visits_of(self, case_id: UUID) -> list[Visit]:
        """Visits of a case, oldest first."""
        rows = await self._session.execute(
            select(VISITS).where(VISITS.c.case_id == case_id).order_by(VISITS.c.created_at, VISITS.c.no)
        )
        return [visit_of(row) for row in rows.mappings()]

    async def add_findings(self, findings: Sequence[Finding]) -> None:
        """New findings."""
        if findings:
            await self._session.execute(insert(FINDINGS), [finding_columns(finding) for finding in findings])

    async def save_finding(self, finding: Finding) -> None:
        """The finding as it is now."""
        columns = finding_columns(finding)
        await self._session.execute(update(FINDINGS).where(FINDINGS.c.id == finding.id).values(columns))

    async def get_finding(self, finding_id: UUID) -> Finding:
        """One finding."""
        row = (
            (await self._session.execute(select(FINDINGS).where(FINDINGS.c.id == finding_id))).mappings().one_or_none()
        )
        if row is None:
            raise NotFoundError("no such finding", finding=str(finding_id))
        return finding_of(row)

    async def findings_of(self, case_id: UUID) -> list[Finding]:
        """Findings of a case by number."""
        rows = await self._session.execute(
            select(FINDINGS).where(FINDINGS.c.case_id == case_id).order_by(FINDINGS.c.no)
        )
        return [finding_of(row) for row in rows.mappings()]

    async def due_findings(self, now: datetime, limit: int) -> list[Finding]:
        """Findings past their limit that are not marked overdue; their cases are locked, busy ones left out."""
        rows = await self._session.execute(
            select(FINDINGS)
            .join(CASES, CASES.c.id == FINDINGS.c.case_id)
            .where(FINDINGS.c.state.in_(sorted(FIRMS_TURN)), FINDINGS.c.due_at <= now)
            .order_by(FINDINGS.c.due_at)
            .limit(limit)
            .with_for_update(of=CASES, skip_locked=True)
        )
        return [finding_of(row) for row in rows.mappings()]

    async def last_verified(self, enterprise_id: UUID, codes: set[str], since: datetime) -> dict[str, UUID]:
        """The latest finding of each code that this enterprise had verified since then."""
        rows = await self._session.execute(
            select(FINDINGS.c.code, FINDINGS.c.id)
            .ext(distinct_on(FINDINGS.c.code))
            .where(
                FINDINGS.c.enterprise_id == enterprise_id,
                FINDINGS.c.code.in_(codes),
                FINDINGS.c.state == FindingState.VERIFIED,
                FINDINGS.c.verified_at >= since,
            )
            .order_by(FINDINGS.c.code, FINDINGS.c.verified_at.desc())
        )
        return {row.code: row.id for row in rows}

    async def list_visits(
        self, selection: WorkSelection, cursor: str | None, limit: int
    ) -> tuple[list[tuple[Visit, Around]], str | None]:
        """Visits that are still to come first, by planned time; then those that were, newest first."""
        waiting = VISITS.c.state.in_([VisitState.PLANNED, VisitState.STARTED])
        seconds = cast(func.extract("epoch", VISITS.c.planned_at), Double)
        keys = (
            waiting.is_(False).label("k0"),
            sql_case((waiting, seconds), else_=-seconds).label("k1"),
            VISITS.c.id.label("k2"),
        )
        extra = [visits_seen_by_firm()] if selection.tenant is not None else []
        rows, more = await self._page(VISITS, selection, extra, keys, cursor, limit)
        return [(visit_of(row), _around(row)) for row in rows], more

    async def list_findings(
        self, selection: WorkSelection, cursor: str | None, limit: int
    ) -> tuple[list[tuple[Finding, Around]], str | None]:
        """Findings by what is due first; those that are done come last."""
        done = FINDINGS.c.state.in_([FindingState.VERIFIED, FindingState.WAIVED])
        seconds = cast(func.extract("epoch", func.coalesce(FINDINGS.c.due_at, NEVER)), Double)
        keys = (done.label("k0"), seconds.label("k1"), FINDINGS.c.id.label("k2"))
        rows, more = await self._page(FINDINGS, selection, [], keys, cursor, limit)
        return [(finding_of(row), _around(row)) for row in rows], more

    async def _page(
        self, table: Table, selection: WorkSelection, extra: list[Condition], keys: tuple[Any, Any, Any],
        cursor: str | None, limit: int,
    ) -> tuple[Sequence[Any], str | None]:  # fmt: skip
        query = _joined(table, *keys).where(*_conditions(table, selection), *extra)
        if cursor is not None:
            query = query.where(tuple_(*(key.element for key in keys)) > tuple_(*_keys(cursor)))
        rows = (
            (await self._session.execute(query.order_by(*(key.element for key in keys)).limit(limit + 1)))
            .mappings()
            .all()
        )
        if len(rows) <= limit:
            return rows, None
        last = rows[limit - 1]
        return rows[:limit], encode_cursor(bool(last["k0"]), float(last["k1"]), str(last["k2"]))


def _conditions(table: Table, selection: WorkSelection) -> list[Condition]:
    equal = {
        "case_id": selection.case_id, "enterprise_id": selection.enterprise_id, "id": selection.identity,
    }  # fmt: skip
    conditions: list[Condition] = [table.c[name] == value for name, value in equal.items() if value is not None]
    if selection.tenant is not None:
        conditions.append(table.c.enterprise_id == selection.tenant)
    if selection.states:
        conditions.append(table.c.state.in_(list(selection.states)))
    return conditions


def _keys(cursor: str) -> tuple[bool, float, UUID]:
    keys = decode_cursor(cursor)
    try:
        first, second, third = keys
        return bool(first), float(second), UUID(third)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidError("the cursor is not valid; start again without it", field="cursor") from error
