"""Use cases of backtests 回测: ask for one, list, look, cancel. Staff only."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.backtests.bounds import bounds
from services.detection.domain.backtests.change import changed_rules, touched
from services.detection.domain.backtests.life import STARTERS, find_row, move
from services.detection.domain.backtests.model import Backtest
from services.detection.domain.suppressing.limits import refusal
from services.detection.service.local_rules import rulebook_of
from services.detection.service.people import person_of
from services.detection.store.backtests import BacktestFilter, BacktestStore
from services.detection.store.numbers import take_number
from services.detection.store.series import SeriesStore
from shared import audit
from shared.auth import Principal
from shared.clock import PARK_ZONE
from shared.contracts.detection.backtests import BacktestEvent, BacktestIn, BacktestOut, BacktestState, RulesChange
from shared.errors import AppError, ForbiddenError, NotFoundError
from shared.http import Page, encode_cursor


class BacktestNotFoundError(NotFoundError):
    """No such backtest."""

    code = "backtest_not_found"


class TooManyBacktestsError(AppError):
    """Enough of them wait already."""

    code = "too_many_backtests"
    status = 429


def check_staff(caller: Principal) -> None:
    """Raise ForbiddenError for an enterprise: backtests look at all enterprises."""
    if caller.tenant is not None:
        raise ForbiddenError("this is for supervisors and the bureau")


class BacktestService:
    """Use cases in the caller's transaction."""

    def __init__(self, session: AsyncSession, now: Callable[[], datetime], caller: Principal) -> None:
        self._session = session
        self._store = BacktestStore(session)
        self._now = now
        self._caller = caller
        check_staff(caller)

    async def list_backtests(
        self, which: BacktestFilter, after: tuple[datetime, UUID] | None, limit: int
    ) -> Page[BacktestOut]:
        """The latest first, without results."""
        found = await self._store.select(which, after, limit + 1)
        shown = found[:limit]
        last = encode_cursor(shown[-1].asked.at.isoformat(), str(shown[-1].id)) if len(found) > limit else None
        return Page(items=[self._out(one) for one in shown], next=last)

    async def get_backtest(self, backtest_id: UUID) -> BacktestOut:
        """One backtest with its result."""
        return self._out(await self._get(backtest_id))

    async def ask(self, given: BacktestIn) -> BacktestOut:
        """A backtest that waits for its run. The same asked again while it waits or runs is the same."""
        if not self._caller.has(*STARTERS):
            raise ForbiddenError("to start a backtest is not for your role", parties=sorted(STARTERS))
        now = self._now()
        change = plain_change(given.change)
        changed_rules((await rulebook_of(self._session)).rules, change)
        await self._check_size(given, now.astimezone(PARK_ZONE).date())
        one = Backtest(
            id=uuid4(), no="", state=BacktestState.QUEUED, changes=(change,), rules=tuple(sorted(touched(change))),
            first_day=given.first_day, last_day=given.last_day, asked=person_of(self._caller, now),
            enterprise_id=given.enterprise_id, outlet_id=given.outlet_id, note=given.note.strip(),
        )  # fmt: skip
        await SeriesStore(self._session).lock()
        known = await self._store.find_open(one)
        return self._out(known or await add(self._session, one, audit.Actor.of(self._caller)))

    async def cancel(self, backtest_id: UUID) -> BacktestOut:
        """Stop one that waits or runs; what it has read so far is forgotten."""
        await self._get(backtest_id)
        before = await self._get(backtest_id, lock=True)
        state = move(before.state, BacktestEvent.CANCEL, self._caller.roles)
        after = replace(before, state=state, finished_at=self._now())
        await self._store.save(after)
        await record(self._session, audit.Actor.of(self._caller), "cancel", after, self._now())
        return self._out(after)

    # -- inside ------------------------------------------------------------------------------------

    async def _get(self, backtest_id: UUID, *, lock: bool = False) -> Backtest:
        found = await self._store.find(backtest_id, lock=lock)
        if found is None:
            raise BacktestNotFoundError(f"no backtest {backtest_id}", backtest_id=str(backtest_id))
        return found

    async def _check_size(self, given: BacktestIn, today: date) -> None:
        most = bounds()
        days = (given.last_day - given.first_day).days + 1
        if problems := _problems_of_span(given, days, today):
            raise refusal(*problems)
        outlets = len(await self._store.scope(given.enterprise_id, given.outlet_id, most.most_outlet_days + 1))
        if not outlets:
            raise refusal(("outlet_id" if given.outlet_id else "enterprise_id", "unknown", "no such outlet is known"))
        if outlets * days > most.most_outlet_days:
            said = f"{outlets} outlets for {days} days; at most {most.most_outlet_days} days of outlets"
            raise refusal(("last_day", "too_much", said))
        if await self._store.count_open() >= most.most_waiting:
            raise TooManyBacktestsError(f"{most.most_waiting} backtests wait already", limit=most.most_waiting)

    def _out(self, one: Backtest) -> BacktestOut:
        same = ("id", "no", "state", "first_day", "last_day", "enterprise_id", "outlet_id", "note", "retuning", "total",
                "done", "reason", "started_at", "finished_at", "result")  # fmt: skip
        row = find_row(one.state, BacktestEvent.CANCEL)
        return BacktestOut(
            **{name: getattr(one, name) for name in same}, change=dict(one.changes[0]), rules=list(one.rules),
            asked_by=one.asked.name, asked_at=one.asked.at,
            may_cancel=row is not None and not row.who.isdisjoint(self._caller.roles),
        )  # fmt: skip


def _problems_of_span(given: BacktestIn, days: int, today: date) -> list[tuple[str, str, str]]:
    problems = []
    if days < 1:
        problems.append(("last_day", "ends_before_start", "the last day must not come before the first"))
    if given.last_day > today:
        problems.append(("last_day", "ahead", "there are no readings of days ahead"))
    if days > bounds().most_days:
        problems.append(("last_day", "too_long", f"at most {bounds().most_days} days"))
    return problems


def plain_change(change: RulesChange) -> dict[str, Any]:
    """The change as stored: only what is given."""
    given = change.model_dump(mode="json")
    for entries in given["settings"].values():
        for entry in entries:
            for name in ("kinds", "media", "factors", "trades"):
                if not entry[name]:
                    del entry[name]
    return {part: value for part, value in given.items() if value}


async def add(session: AsyncSession, one: Backtest, actor: audit.Actor) -> Backtest:
    """Store a new one with its number and its audit row."""
    one = replace(one, no=await take_number(session, "B", one.asked.at))
    await BacktestStore(session).add(one)
    await record(session, actor, "asked", one, one.asked.at)
    return one


async def record(session: AsyncSession, actor: audit.Actor, action: str, one: Backtest, at: datetime) -> None:
    """The audit row of one change; a result is not copied into it."""
    after = {"no": one.no, "state": one.state, "changes": list(one.changes), "first_day": one.first_day,
             "last_day": one.last_day, "enterprise_id": one.enterprise_id, "outlet_id": one.outlet_id}  # fmt: skip
    await audit.record(
        session, actor, f"backtest.{action}", f"backtest:{one.id}", at=at, after=after, reason=one.reason or one.note
    )
