"""The case list and its counts in SQL: a fixed number of statements, whatever is found."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, true, tuple_
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession

from services.casework.domain.findings import DONE
from services.casework.domain.queues import (
    COUNTED,
    FIRM_CLOCKS,
    OPEN_STATES,
    RECENT,
    SOON,
    VIEWS,
    Due,
    Moment,
    Selection,
    Sort,
    View,
)
from services.casework.domain.registry import Placed
from services.casework.store.cases import CASES, ENTERPRISES, OUTLETS, placed_select
from services.casework.store.rows import placed_of
from services.casework.tables import metadata
from shared.contracts.casework import CaseCounts, CaseState, VisitState, VisitType
from shared.errors import InvalidError
from shared.http import decode_cursor, encode_cursor

VISITS = metadata.tables["visits"]
FINDINGS = metadata.tables["findings"]
ANOMALIES = metadata.tables["anomaly_copy"]
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Stands for "no clock runs" in an order by due time."""

_PRIORITY = CASES.c.priority + ENTERPRISES.c.colour_weight
_DUE = func.coalesce(CASES.c.due_at, NEVER)
Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Found:
    """One page of the list."""

    items: list[Placed]
    next: str | None


def seen_by(tenant: UUID | None) -> Condition:
    """Cases this enterprise may see: its own, once something was asked of it."""
    return true() if tenant is None else and_(CASES.c.enterprise_id == tenant, CASES.c.sent_at.is_not(None))


def _of_view(view: View, now: datetime, tenant: UUID | None) -> Condition:
    conditions: list[Condition] = [CASES.c.state.in_(sorted(view.states))]
    if view.states <= OPEN_STATES:
        conditions.append(CASES.c.closed_at.is_(None))
    if view.due is not None:
        conditions.append(CASES.c.due_at <= now if view.due is Due.OVERDUE else _soon(now))
        if tenant is not None:
            conditions.append(CASES.c.clock_name.in_(sorted(FIRM_CLOCKS)))
    if view.colour is not None:
        conditions.append(ENTERPRISES.c.colour == view.colour)
    if view.nature is not None:
        conditions.append(CASES.c.nature == view.nature)
    return and_(*conditions)


def _soon(now: datetime) -> Condition:
    return and_(CASES.c.due_at > now, CASES.c.due_at <= now + SOON)


def _search(q: str) -> Condition:
    escaped = q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    columns = (
        CASES.c.no, ENTERPRISES.c.code, ENTERPRISES.c.name_zh, ENTERPRISES.c.name_en,
        OUTLETS.c.code, OUTLETS.c.name_zh, OUTLETS.c.name_en,
    )  # fmt: skip
    return or_(*(column.ilike(f"%{escaped}%", escape="\\") for column in columns))


def _selected(selection: Selection, now: datetime) -> list[Condition]:
    conditions: list[Condition] = [seen_by(selection.tenant)]
    if selection.view is not None:
        conditions.append(_of_view(VIEWS[selection.view], now, selection.tenant))
    if selection.states:
        conditions.append(CASES.c.state.in_(sorted(selection.states)))
    equal = {
        CASES.c.severity: selection.severity, OUTLETS.c.medium: selection.medium, CASES.c.rule: selection.rule,
        CASES.c.enterprise_id: selection.enterprise_id,
    }  # fmt: skip
    conditions += [column == value for column, value in equal.items() if value is not None]
    if selection.q and selection.q.strip():
        conditions.append(_search(selection.q.strip()))
    return conditions


@dataclass(frozen=True)
class _Order:
    """Keys of an order, all ascending or all descending, so that a cursor is one row comparison (and an index)."""

    keys: tuple[Any, ...]
    readers: tuple[Callable[[Any], Any], ...]
    """How the keys of a cursor are read back."""
    descending: bool = False

    def clauses(self) -> list[Any]:
        return [key.desc() for key in self.keys] if self.descending else list(self.keys)

    def after(self, values: list[Any]) -> Condition:
        left, right = tuple_(*self.keys), tuple_(*values)
        return left < right if self.descending else left > right


_ORDERS: dict[Sort, _Order] = {
    Sort.PRIORITY: _Order((-_PRIORITY, _DUE, CASES.c.id), (int, datetime.fromisoformat, UUID)),
    Sort.DUE: _Order((_DUE, CASES.c.id), (datetime.fromisoformat, UUID)),
    Sort.NEWEST: _Order((CASES.c.opened_at, CASES.c.id), (datetime.fromisoformat, UUID), descending=True),
}


def _after(selection: Selection, cursor: str) -> Condition:
    sort, *keys = decode_cursor(cursor) or [""]
    order = _ORDERS[selection.sort]
    if sort != selection.sort or len(keys) != len(order.readers):
        raise InvalidError("the cursor belongs to another order; start again without it", field="cursor")
    try:
        return order.after([read(key) for read, key in zip(order.readers, keys, strict=True)])
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidError("the cursor is not valid; start again without it", field="cursor") from error


class QueueStore:
    """Lists and counts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_cases(self, selection: Selection, now: datetime, cursor: str | None, limit: int) -> Found:
        """One page; one statement."""
        order = _ORDERS[selection.sort]
        query = placed_select().add_columns(*(key.label(f"k{index}") for index, key in enumerate(order.keys)))
        query = query.where(*_selected(selection, now))
        if cursor is not None:
            query = query.where(_after(selection, cursor))
        rows = (await self._session.execute(query.order_by(*order.clauses()).limit(limit + 1))).mappings().all()
        more = None
        if len(rows) > limit:
            last = rows[limit - 1]
            more = encode_cursor(selection.sort, *(_plain(last[f"k{index}"]) for index in range(len(order.keys))))
        return Found([placed_of(row) for row in rows[:limit]], more)

    async def by_outlet(self, tenant: UUID | None, now: datetime, limit: int) -> list[dict[str, Any]]:
        """Open cases by outlet, at most `limit` outlets; one statement."""
        late = [CASES.c.due_at <= now]
        if tenant is not None:
            late.append(CASES.c.clock_name.in_(sorted(FIRM_CLOCKS)))
        first = [CASES.c.priority.desc(), _DUE, CASES.c.id]
        query = (
            select(
                CASES.c.outlet_id, CASES.c.enterprise_id, func.count().label("open"),
                func.count().filter(*late).label("overdue"),
                func.array_agg(aggregate_order_by(CASES.c.no, *first))[1].label("first"),
                func.array_agg(aggregate_order_by(CASES.c.state, *first))[1].label("state"),
            )
            .where(seen_by(tenant), CASES.c.closed_at.is_(None))
            .group_by(CASES.c.outlet_id, CASES.c.enterprise_id)
            .order_by(CASES.c.outlet_id)
            .limit(limit)
        )  # fmt: skip
        return [dict(row) for row in (await self._session.execute(query)).mappings()]

    async def count(self, tenant: UUID | None, moment: Moment) -> CaseCounts:
        """All numbers; three statements."""
        visible = seen_by(tenant)
        now = moment.now
        queues = (
            await self._session.execute(
                select(
                    *(func.count().filter(_of_view(VIEWS[name], now, tenant)).label(name) for name in COUNTED)
                ).select_from(CASES.join(ENTERPRISES, ENTERPRISES.c.id == CASES.c.enterprise_id)).where(
                    visible, CASES.c.closed_at.is_(None)
                )
            )
        ).mappings().one()  # fmt: skip
        since = now - RECENT
        closed = CASES.c.closed_at >= since
        recent = (
            await self._session.execute(
                select(
                    func.count().filter(CASES.c.opened_at >= moment.today).label("opened_today"),
                    func.count().filter(closed).label("closed_30d"),
                    func.count().filter(closed, CASES.c.state == CaseState.SIMPLIFIED).label("simplified_30d"),
                    func.avg(func.extract("epoch", CASES.c.first_replied_at - CASES.c.sent_at))
                    .filter(CASES.c.first_replied_at >= since).label("reply_seconds"),
                ).where(visible, or_(CASES.c.opened_at >= moment.today, closed, CASES.c.first_replied_at >= since))
            )
        ).mappings().one()  # fmt: skip
        rest = (await self._session.execute(select(*_work(tenant, moment)))).mappings().one()
        seconds = recent["reply_seconds"]
        return CaseCounts(
            **queues, **rest,
            opened_today=recent["opened_today"], closed_30d=recent["closed_30d"],
            simplified_30d=recent["simplified_30d"],
            mean_reply_hours=None if seconds is None else round(float(seconds) / 3600, 2),
        )  # fmt: skip


def _work(tenant: UUID | None, moment: Moment) -> list[Any]:
    planned: list[Condition] = [VISITS.c.state == VisitState.PLANNED]
    findings: list[Condition] = [FINDINGS.c.state.not_in(sorted(DONE))]
    merged: list[Condition] = [ANOMALIES.c.joined_at >= moment.today]
    joined = ANOMALIES.join(CASES, CASES.c.id == ANOMALIES.c.case_id)
    if tenant is not None:
        planned += [VISITS.c.enterprise_id == tenant, VISITS.c.type == VisitType.SERVICE]
        findings.append(FINDINGS.c.enterprise_id == tenant)
        merged.append(seen_by(tenant))
    return [
        select(func.count()).select_from(VISITS).where(*planned).scalar_subquery().label("visits_planned"),
        select(func.count()).select_from(FINDINGS).where(*findings).scalar_subquery().label("findings_open"),
        select(func.count()).select_from(joined).where(*merged).scalar_subquery().label("merged_today"),
    ]


def _plain(key: Any) -> Any:
    return key.isoformat() if isinstance(key, datetime) else key
