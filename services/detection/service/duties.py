"""Duties of those who run a monitor, looked at by the clock: what ingest knows becomes hits, each told once."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.checks import exceedance
from services.detection.domain.duties import (
    JUDGES,
    calibration,
    clock,
    day_mean,
    drift,
    flag_rate,
    late_mark,
    mark_budget,
    mean_gap,
    parameter,
    quality_check,
)
from services.detection.domain.duties.breach import Breach, Looked, Numbers, find_news, go_on, hit_id
from services.detection.domain.hits import Hit
from services.detection.domain.rules import Rule, parameters
from services.detection.gateways.duties import Facts, Shares
from services.detection.service.ledger import Ledger
from services.detection.service.limits import day_limit
from services.detection.service.rulebook import Rulebook, traits_of
from services.detection.store import EnterpriseStore, HitStore, SeriesStore
from shared.clock import PARK_ZONE
from shared.contracts.ingest import OutletOut, ReadingKind

OUTLETS_A_LOOK = 200
STANDING = frozenset({calibration.JUDGE.name, late_mark.JUDGE.name, clock.JUDGE.name})
"""Of these a look knows all that stand: what runs and is not among them is over."""
SINCE_UNKNOWN = frozenset({clock.JUDGE.name, mark_budget.JUDGE.name, drift.JUDGE.name})
DAY_MEANS = exceedance.CHECK.name
"""The rule on day means judges those that a logger sent, in the kernel, and here those derived from what it sent."""

Found = Mapping[str, Iterable[Breach]]
"""Breaches by the name of the duty."""


class DutyDesk:
    """One look, in one transaction."""

    def __init__(self, session: AsyncSession, rulebook: Rulebook, now: datetime, hazardous: frozenset[str]) -> None:
        self._series = SeriesStore(session)
        self._hits = HitStore(session)
        self._enterprises = EnterpriseStore(session)
        self._ledger = Ledger(session, rulebook.policy, hazardous)
        self._now = now.replace(microsecond=0)
        self._rules = _by_name(rulebook, now.astimezone(PARK_ZONE).date())
        self._outlets: dict[UUID, OutletOut] = {}
        self._trades: dict[UUID, str] = {}

    async def outlets(self, after: UUID | None) -> list[UUID]:
        """Outlets in use, a page after the given one in order of their id."""
        return await self._series.outlets_in_use(after, OUTLETS_A_LOOK)

    async def look(self, facts: Facts) -> None:
        """Apply what a look found."""
        named = {
            item.outlet_id
            for listed in (facts.due, facts.records, facts.changes, facts.differences, facts.marks, facts.devices)
            for item in listed
        }
        await self._load(named)
        now, numbers = self._now, self._numbers
        await self._apply(
            {
                calibration.JUDGE.name: calibration.find(facts.due, numbers(calibration.JUDGE.name), now),
                quality_check.JUDGE.name: quality_check.find(facts.records, numbers(quality_check.JUDGE.name)),
                parameter.JUDGE.name: parameter.find(facts.changes, numbers(parameter.JUDGE.name)),
                mean_gap.JUDGE.name: mean_gap.find(facts.differences, numbers(mean_gap.JUDGE.name)),
                late_mark.JUDGE.name: late_mark.find(facts.marks, numbers(late_mark.JUDGE.name), now),
                clock.JUDGE.name: clock.find(facts.devices, numbers(clock.JUDGE.name), now),
            },
            within=None,
        )

    async def look_at_shares(self, shares: Shares) -> None:
        """Apply what is counted over a month or a year, of some outlets."""
        await self._load(set(shares.outlet_ids))
        name, other = flag_rate.JUDGE.name, mark_budget.JUDGE.name
        await self._apply(
            {
                name: flag_rate.find(shares.days, self._numbers(name), shares.month),
                other: mark_budget.find(shares.budgets, self._numbers(other), self._now),
                drift.JUDGE.name: drift.find(shares.records, self._numbers(drift.JUDGE.name)),
                DAY_MEANS: day_mean.find(shares.means, self._day_limit),
            },
            within=set(shares.outlet_ids),
        )

    async def _load(self, outlet_ids: set[UUID]) -> None:
        known = await self._series.outlets(outlet_ids)
        self._outlets = {one.id: one for one in known.values() if one.active}
        self._trades = await self._enterprises.trades({one.enterprise_id for one in known.values()})

    def _numbers(self, name: str) -> Numbers:
        def of(outlet_id: UUID, factor: str) -> Mapping[str, float] | None:
            rule, outlet = self._rules.get(name), self._outlets.get(outlet_id)
            if rule is None or outlet is None:
                return None
            trade = self._trades.get(outlet.enterprise_id, "")
            return parameters(rule, traits_of(outlet, factor, ReadingKind.HOUR, trade))

        return of

    def _day_limit(self, outlet_id: UUID, factor: str, at: datetime) -> tuple[float | None, float | None]:
        outlet = self._outlets.get(outlet_id)
        return day_limit(outlet, factor, at) if outlet else (None, None)

    async def _apply(self, found: Found, within: set[UUID] | None) -> None:
        """Hits of the breaches; `within`: only these outlets were looked at, and all that stands there is found."""
        await self._series.lock()
        hits: list[Hit] = []
        for name, breaches in found.items():
            rule = self._rules.get(name)
            if rule is not None:
                hits += await self._news(rule, tuple(breaches), within)
        if not hits:
            return
        self._outlets |= await self._series.outlets({hit.series.outlet_id for hit in hits})
        hits = [hit for hit in hits if hit.series.outlet_id in self._outlets]
        since: dict[UUID, datetime] = {}
        for hit in hits:
            since[hit.series.outlet_id] = min(since.get(hit.series.outlet_id, hit.started_at), hit.started_at)
        await self._ledger.load(since, {one.enterprise_id for one in self._outlets.values()})
        await self._ledger.apply(hits, self._outlets)
        await self._ledger.save(self._outlets, self._now)

    async def _news(self, rule: Rule, breaches: tuple[Breach, ...], within: set[UUID] | None) -> list[Hit]:
        running = [one for one in await self._hits.running(rule.code) if within is None or one.outlet_id in within]
        if rule.check.name in SINCE_UNKNOWN:
            breaches = go_on(breaches, running)
        days = rule.check.name == DAY_MEANS
        looked = Looked(rule.code, rule.check.name, breaches, ReadingKind.DAY if days else ReadingKind.HOUR)
        told = await self._hits.known([hit_id(looked, one) for one in breaches])
        closes = rule.check.name in STANDING or (within is not None and not days)
        return find_news(looked, told, running, self._now, closes=closes)


def _by_name(rulebook: Rulebook, day: date) -> dict[str, Rule]:
    """Rules in force by the name of their duty, and the one on day means."""
    duties = {judge.name for judge in JUDGES}
    return {
        rule.check.name: rule
        for rule in rulebook.rules
        if rule.in_force(day)
        and (rule.check.name in duties or (rule.check.name == DAY_MEANS and rule.judges == {ReadingKind.DAY}))
    }
