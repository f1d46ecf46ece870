"""What others ask of marks: facts for grading, budgets, and the check before one is handed in."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.marks import judging
from services.ingest.domain.marks.facts import Tally, signs_of_running, tallies
from services.ingest.domain.marks.judging import Spent
from services.ingest.domain.marks.model import Mark
from services.ingest.domain.marks.rules import Budget, Rules, rules_at
from services.ingest.service.marks import Drafted, MarkService
from services.ingest.store.dictionaries import Dictionaries
from services.ingest.store.readings import ReadingStore
from services.ingest.store.registry import RegistryStore
from shared.clock import PARK_ZONE
from shared.contracts.ingest import ReadingKind
from shared.contracts.ingest.marks import (
    BudgetOut,
    MarkCheck,
    MarkConflict,
    MarkEffect,
    MarkFacts,
    MarkIn,
    MarkOutcome,
    OutletBudget,
    RunningSign,
)
from shared.db import raw
from shared.errors import InvalidError, TooLargeError

MAX_FACTS = 200_000
MAX_FACTS_SPAN = timedelta(days=400)
MOST_OUTLETS = 100_000
SIGNS_SPAN = timedelta(days=31)
MAX_SIGN_VALUES = 100_000


class MarkInsight:
    """Reads in the transaction of its `MarkService`."""

    def __init__(self, session: AsyncSession, marks: MarkService, dictionaries: Dictionaries) -> None:
        self._session = session
        self._marks = marks
        self._dictionaries = dictionaries

    async def check(self, given: MarkIn) -> MarkCheck:
        """What would come of a mark; nothing is kept."""
        draft = await self._marks.draft(given)
        mark, now, rules = draft.mark, self._marks.now, rules_at(draft.mark.since)
        budget = rules.budget_of(mark.code, draft.trade)
        spent = await self._spent_with(draft, budget)
        running = await self._signs(draft, rules)
        warnings = []
        if mark.is_late(now):
            warnings.append("late")
        if judging.wastes_budget(mark, budget, draft.near):
            warnings.append("wastes_budget")
        if spent is not None and spent.is_warning(rules.budget_warning):
            warnings.append("budget_over" if spent.used > spent.budget.hours else "budget_warning")
        if running:
            warnings.append("signs_of_running")
        return MarkCheck(
            conflicts=[
                MarkConflict(kind=each.kind, mark_id=each.mark.id, no=each.mark.no, code=each.mark.code,
                             since=each.mark.since, until=each.mark.until)
                for each in judging.conflicts(mark, draft.near)
            ],
            warnings=warnings, problems=judging.problems(mark, draft.near, rules, now), due_at=mark.due_at,
            evidence_due_at=mark.evidence_due_at, budget=_budget_out(spent, rules) if spent else None, running=running,
        )  # fmt: skip

    async def budgets(self, outlet_id: UUID, year: int) -> list[BudgetOut]:
        """What the yearly budgets of an outlet hold."""
        outlet = await RegistryStore(self._session).get_outlet(outlet_id)
        self._marks.caller.check_may_see(outlet.enterprise_id)
        trade = (await RegistryStore(self._session).get_enterprise(outlet.enterprise_id)).trade
        rules = rules_at(datetime(year, 1, 1, tzinfo=PARK_ZONE))
        marks = await self._marks.store.list_near(outlet_id, *_year(year))
        held = [budget for budget in rules.budgets if trade in budget.trades]
        return [_budget_out(judging.spent(marks, budget, year, self._marks.now), rules) for budget in held]

    async def facts(self, since: datetime, until: datetime, enterprise_id: UUID | None) -> list[MarkFacts]:
        """Marks due from `since` to before `until` by enterprise, and budgets overrun in the year of its end."""
        if until <= since:
            raise InvalidError("until must be after since", field="until")
        if until - since > MAX_FACTS_SPAN:
            raise TooLargeError(f"at most {MAX_FACTS_SPAN.days} days at once", limit=MAX_FACTS_SPAN.days)
        if enterprise_id is not None:
            self._marks.caller.check_may_see(enterprise_id)
        only = self._marks.caller.tenant or enterprise_id
        marks = await self._marks.store.list_due(since, until, only, MAX_FACTS + 1)
        if len(marks) > MAX_FACTS:
            raise TooLargeError(f"more than {MAX_FACTS} marks; ask for less time", limit=MAX_FACTS)
        found = {tally.enterprise_id: tally for tally in tallies(marks, self._marks.now)}
        overruns = await self._overruns(until, only)
        return [
            _facts_out(found.get(each, Tally(each, ())), overruns.get(each, []))
            for each in sorted({*found, *overruns})
        ]  # fmt: skip

    async def _overruns(self, until: datetime, only: UUID | None) -> dict[UUID, list[OutletBudget]]:
        last = min(until - timedelta(seconds=1), self._marks.now)
        year, rules = last.astimezone(PARK_ZONE).year, rules_at(last)
        codes = {code for budget in rules.budgets for code in budget.codes}
        by_outlet: dict[UUID, list[Mark]] = {}
        for mark in await self._marks.store.list_with_codes(codes, *_year(year), only):
            by_outlet.setdefault(mark.outlet_id, []).append(mark)
        trades: dict[UUID, str] = {}
        found: dict[UUID, list[OutletBudget]] = {}
        for outlet_id, marks in by_outlet.items():
            owner = marks[0].enterprise_id
            if owner not in trades:
                trades[owner] = (await RegistryStore(self._session).get_enterprise(owner)).trade
            for budget in rules.budgets:
                used = judging.spent(marks, budget, year, last)
                if trades[owner] in budget.trades and used.used > budget.hours:
                    out = _budget_out(used, rules)
                    found.setdefault(owner, []).append(OutletBudget(**out.model_dump(), outlet_id=outlet_id))
        return found

    async def _spent_with(self, draft: Drafted, budget: Budget | None) -> Spent | None:
        if budget is None:
            return None
        year = draft.mark.since.astimezone(PARK_ZONE).year
        marks = await self._marks.store.list_near(draft.outlet.id, *_year(year))
        return judging.spent([*marks, draft.mark], budget, year, self._marks.now)

    async def _signs(self, draft: Drafted, rules: Rules) -> list[RunningSign]:
        mark = draft.mark
        if mark.effect is not MarkEffect.STOPPED:
            return []
        until = min(mark.until or self._marks.now, mark.since + SIGNS_SPAN)
        if until <= mark.since:
            return []
        store = ReadingStore(await raw(self._session), self._dictionaries)
        whole = until - timedelta(hours=1)
        columns = await store.read(
            [draft.outlet.point], ReadingKind.HOUR, mark.since, max(whole, mark.since), limit=MAX_SIGN_VALUES
        )
        return [] if columns is None else signs_of_running(columns, rules.signs)


def _year(year: int) -> tuple[datetime, datetime]:
    return datetime(year, 1, 1, tzinfo=PARK_ZONE), datetime(year + 1, 1, 1, tzinfo=PARK_ZONE)


def _budget_out(spent: Spent, rules: Rules) -> BudgetOut:
    limit = spent.budget.hours
    return BudgetOut(
        codes=sorted(spent.budget.codes), year=spent.year, limit_h=limit, used_h=round(spent.used, 2),
        left_h=round(max(0.0, limit - spent.used), 2), warning=spent.is_warning(rules.budget_warning),
        source_zh=spent.budget.source_zh, source_en=spent.budget.source_en,
    )  # fmt: skip


def _facts_out(tally: Tally, overruns: list[OutletBudget]) -> MarkFacts:
    return MarkFacts(
        enterprise_id=tally.enterprise_id, due=len(tally.marks), on_time=tally.count(MarkOutcome.ON_TIME),
        late=tally.count(MarkOutcome.LATE), missing=tally.count(MarkOutcome.MISSING),
        untrue=sum(fact.untrue for fact in tally.marks), marks=list(tally.marks), overruns=overruns,
    )  # fmt: skip
