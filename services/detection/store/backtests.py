"""Backtests, and what they ask of what detection keeps: outlets in scope, anomalies with their verdicts."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Select, and_, any_, func, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.detection.domain.backtests.comparison import Known, Window
from services.detection.domain.backtests.model import Backtest
from services.detection.domain.people import Person
from services.detection.tables import AnomalyRow, BacktestRow, LabelRow, OutletRow
from shared.contracts.detection.backtests import BacktestResult, BacktestState
from shared.contracts.detection.quality import Verdict

_PERSON: TypeAdapter[Person] = TypeAdapter(Person)
_OPEN = (BacktestState.QUEUED.value, BacktestState.RUNNING.value)
_LISTED = [getattr(BacktestRow, name) for name in BacktestRow.model_fields if name != "result"]
MOST_KNOWN = 20_000
"""Anomalies of one outlet that are held against a backtest."""


@dataclass(frozen=True)
class BacktestFilter:
    """What a list shows; None does not filter."""

    state: BacktestState | None = None
    rule: str | None = None


class BacktestStore:
    """Reads and writes backtests."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, backtest_id: UUID, *, lock: bool = False) -> Backtest | None:
        """One backtest with its result, or None."""
        query = select(BacktestRow).where(col(BacktestRow.id) == backtest_id)
        row = (await self._session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()
        return _backtest(row, row.result) if row else None

    async def find_open(self, like: Backtest) -> Backtest | None:
        """One of the same person that waits or runs and asks the same, or None."""
        names = ("changes", "first_day", "last_day", "enterprise_id", "outlet_id", "note", "retuning")
        values = _columns(like)
        same = [getattr(BacktestRow, name).is_not_distinct_from(values[name]) for name in names if name != "changes"]
        query = select(*_LISTED).where(*same, col(BacktestRow.state).in_(_OPEN)).limit(100)
        rows = [_backtest(row, None) for row in await self._session.execute(query)]
        return next(
            (one for one in rows if (one.changes, one.asked.subject) == (like.changes, like.asked.subject)), None
        )

    async def select(self, which: BacktestFilter, after: tuple[datetime, UUID] | None, limit: int) -> list[Backtest]:
        """The latest first, without results; `after` is the last one of the page before."""
        query = select(*_LISTED)
        if which.state is not None:
            query = query.where(col(BacktestRow.state) == which.state.value)
        if which.rule is not None:
            query = query.where(which.rule == any_(col(BacktestRow.rules)))
        asked, number = col(BacktestRow.asked_at), col(BacktestRow.id)
        if after is not None:
            query = query.where(or_(asked < after[0], and_(asked == after[0], number < after[1])))
        rows = await self._session.execute(query.order_by(asked.desc(), number.desc()).limit(limit))
        return [_backtest(row, None) for row in rows]

    async def count_open(self) -> int:
        """How many wait or run."""
        query = select(func.count()).where(col(BacktestRow.state).in_(_OPEN))
        return int((await self._session.execute(query)).scalar_one())

    async def last_retuning(self, rule: str) -> datetime | None:
        """When better numbers of a rule were last looked for."""
        query = select(func.max(BacktestRow.asked_at)).where(
            col(BacktestRow.retuning), rule == any_(col(BacktestRow.rules))
        )
        return (await self._session.execute(query)).scalar_one()

    async def lock_running(self) -> list[Backtest]:
        """All that are said to run."""
        query = select(*_LISTED).where(col(BacktestRow.state) == BacktestState.RUNNING.value).with_for_update()
        return [_backtest(row, None) for row in await self._session.execute(query)]

    async def lock_next(self) -> Backtest | None:
        """The one that has waited longest."""
        query = select(*_LISTED).where(col(BacktestRow.state) == BacktestState.QUEUED.value)
        query = query.order_by(col(BacktestRow.asked_at), col(BacktestRow.id)).limit(1)
        row = (await self._session.execute(query.with_for_update(skip_locked=True))).first()
        return _backtest(row, None) if row else None

    async def note_progress(self, one: Backtest) -> bool:
        """Write how far this run is; False where it is no longer the one that counts."""
        mine = (
            col(BacktestRow.id) == one.id, col(BacktestRow.state) == BacktestState.RUNNING.value,
            col(BacktestRow.attempts) == one.attempts,
        )  # fmt: skip
        statement = (
            update(BacktestRow).where(*mine).values(done=one.done, total=one.total).returning(col(BacktestRow.id))
        )
        return (await self._session.execute(statement)).first() is not None

    async def add(self, one: Backtest) -> None:
        """A new one."""
        await self._session.execute(insert(BacktestRow).values(_columns(one)))

    async def save(self, one: Backtest) -> None:
        """The backtest as it is now."""
        await self._session.execute(update(BacktestRow).where(col(BacktestRow.id) == one.id).values(_columns(one)))

    # -- what it is tried on -----------------------------------------------------------------------

    async def scope(self, enterprise_id: UUID | None, outlet_id: UUID | None, limit: int) -> list[UUID]:
        """Outlets of an enterprise, one outlet, or all of them, in order of their id."""
        query = select(col(OutletRow.id)).order_by(col(OutletRow.id)).limit(limit)
        if enterprise_id is not None:
            query = query.where(col(OutletRow.enterprise_id) == enterprise_id)
        if outlet_id is not None:
            query = query.where(col(OutletRow.id) == outlet_id)
        return list((await self._session.execute(query)).scalars())

    async def known(self, outlet_id: UUID, window: Window, codes: Iterable[str]) -> tuple[Known, ...]:
        """Anomalies of an outlet that begin in a window, by these rules, with their verdicts."""
        names = ("id", "no", "factor", "rule", "started_at", "until")
        columns: list[Any] = [*(getattr(AnomalyRow, name) for name in names), col(LabelRow.verdict)]
        query: Select[Any] = (
            select(*columns)
            .join(LabelRow, col(LabelRow.anomaly_id) == col(AnomalyRow.id), isouter=True)
            .where(
                col(AnomalyRow.outlet_id) == outlet_id,
                col(AnomalyRow.rule).in_(sorted(codes)),
                col(AnomalyRow.started_at) >= window.since,
                col(AnomalyRow.started_at) < window.until,
            )
            .order_by(col(AnomalyRow.started_at), col(AnomalyRow.id))
            .limit(MOST_KNOWN)
        )
        rows = await self._session.execute(query)
        return tuple(Known._make((*row[:-1], Verdict(row[-1]) if row[-1] else None)) for row in rows)


def _columns(one: Backtest) -> dict[str, Any]:
    fields = {name: getattr(one, name) for name in BacktestRow.model_fields if name != "asked_at"}
    return {
        **fields, "state": one.state.value, "changes": [dict(change) for change in one.changes],
        "rules": list(one.rules), "asked": {**asdict(one.asked), "at": one.asked.at.isoformat()},
        "asked_at": one.asked.at, "result": one.result.model_dump(mode="json") if one.result else None,
    }  # fmt: skip


def _backtest(row: Any, result: dict[str, Any] | None) -> Backtest:
    fields = {name: getattr(row, name) for name in BacktestRow.model_fields if name not in {"asked_at", "result"}}
    return Backtest(
        **{**fields, "state": BacktestState(row.state), "changes": tuple(row.changes), "rules": tuple(row.rules),
           "asked": _PERSON.validate_python(row.asked)},
        result=BacktestResult.model_validate(result) if result else None,
    )  # fmt: skip
