"""Learning by night: numbers of an outlet's series from what it did itself, kept as versions of thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.checks.definition import Traits
from services.detection.domain.covers import Cover, marked_flags
from services.detection.domain.history import HOUR_MEANS
from services.detection.domain.kernel import Batch
from services.detection.domain.learning import TAUGHT, Learnt, study
from services.detection.domain.rules import Rule
from services.detection.domain.thresholds.model import Basis, Threshold, Version, threshold_id
from services.detection.domain.thresholds.policy import Policy, policy_on
from services.detection.domain.thresholds.table import add
from services.detection.domain.thresholds.teaching import consider
from services.detection.gateways import History
from services.detection.service.people import system_at
from services.detection.service.rulebook import Rulebook, traits_of
from services.detection.service.thresholds import next_number, own_defaults, record
from services.detection.store import EnterpriseStore, MarkStore, SeriesId, SeriesStore
from services.detection.store.thresholds import Span, ThresholdStore
from shared import audit
from shared.clock import PARK_ZONE
from shared.contracts.detection.thresholds import ThresholdEvent, ThresholdOrigin
from shared.contracts.ingest import OutletOut, ReadingKind

LEARNT = Counter("sanse_detection_thresholds_learnt_total", "Versions of thresholds that learning wrote", ["event"])
OUTLETS_A_PAGE = 50


@dataclass(frozen=True)
class Lesson:
    """What is learnt of one outlet for the day that begins at `until`, and what teaches nothing."""

    outlet: OutletOut
    since: datetime
    until: datetime
    series: Mapping[SeriesId, Traits]
    covers: Sequence[Cover]
    doubtful: Sequence[Span]

    @property
    def kinds(self) -> list[ReadingKind]:
        """Kinds of readings to fetch."""
        return sorted({one.kind for one in self.series})

    @property
    def day(self) -> date:
        """The day in the park for which is learnt."""
        return self.until.astimezone(PARK_ZONE).date()


@dataclass(frozen=True)
class Taught:
    """Numbers of one rule on one series with what they rest on."""

    series: SeriesId
    rule: str
    numbers: Mapping[str, float]
    basis: Basis


async def due_outlets(session: AsyncSession, slot: datetime, after: OutletOut | None) -> list[OutletOut]:
    """A page of outlets for which nothing was learnt since `slot`, after a given one."""
    return await ThresholdStore(session).due(slot, after.id if after else None, OUTLETS_A_PAGE)


async def prepare(session: AsyncSession, rulebook: Rulebook, outlet: OutletOut, slot: datetime) -> Lesson:
    """What learning needs to know of an outlet before it reads its history."""
    day = slot.astimezone(PARK_ZONE).date()
    since = slot - timedelta(days=policy_on(day).span_days)
    kinds = {kind for rule in _teachable(rulebook.rules, day) for kind in rule.judges}
    trades = await EnterpriseStore(session).trades({outlet.enterprise_id})
    trade = trades.get(outlet.enterprise_id, "")
    known = await SeriesStore(session).of_outlets([outlet.id])
    series = {one: traits_of(outlet, one.factor, one.kind, trade) for one in sorted(known) if one.kind in kinds}
    covers = (await MarkStore(session).covers({outlet.id: since})).get(outlet.id, [])
    doubtful = await ThresholdStore(session).doubtful(outlet.id, since, slot)
    return Lesson(outlet, since, slot, series, covers, doubtful)


def learn(rulebook: Rulebook, lesson: Lesson, history: History) -> list[Taught]:
    """What the history teaches: a pure reckoning that takes a second for a year of minutes."""
    rules = _teachable(rulebook.rules, lesson.day)
    hours = {one.factor for one in lesson.series if one.kind is ReadingKind.HOUR}
    found: list[Taught] = []
    for series, traits in lesson.series.items():
        column = history.get((series.factor, series.kind))
        if column is None or not len(column.t):
            continue
        by_hours = series.kind is ReadingKind.MINUTE and series.factor in hours
        judged = [rule for rule in rules if not (by_hours and rule.code in HOUR_MEANS)]
        flags = marked_flags(column.flags, column.t, series.factor, lesson.covers)
        batch = Batch(column.t, column.v, flags, np.full((len(column.t), 2), np.nan))
        wrong = [(int(begin.timestamp()), int(end.timestamp()))
                 for factor, begin, end in lesson.doubtful if factor == series.factor]  # fmt: skip
        found += _by_rule(lesson, series, study(judged, traits, batch, wrong=wrong), len(column.t))
    return found


async def keep(
    session: AsyncSession, rulebook: Rulebook, lesson: Lesson, taught: Sequence[Taught], now: datetime
) -> None:
    """Write what is new as versions, once for the outlet and day."""
    await SeriesStore(session).lock()
    store = ThresholdStore(session)
    if not await store.claim(lesson.outlet.id, lesson.until):
        return
    known = await store.of_outlet(lesson.outlet.id)
    policy = policy_on(now.astimezone(PARK_ZONE).date())
    for one in taught:
        which = threshold_id(one.series.outlet_id, one.series.factor, one.series.kind, one.rule)
        before = known.get(which) or Threshold(which, lesson.outlet.enterprise_id, *one.series, one.rule, now)
        default = own_defaults(rulebook, one.rule, lesson.series[one.series], lesson.day)
        event = consider(before, one.numbers, default, policy)
        if event is not None:
            after = add(before, event, _version(before, event, one, policy, now))
            await store.save([after])
            await record(session, audit.SYSTEM, event, before if before.version else None, after, "")
            LEARNT.labels(event.value).inc()


def _version(before: Threshold, event: ThresholdEvent, one: Taught, policy: Policy, now: datetime) -> Version:
    numbers = {**(before.newest.numbers if before.newest else {}), **one.numbers}
    valid_from = policy.takes_effect(now) if event is ThresholdEvent.LEARN else None
    return Version(
        next_number(before), ThresholdOrigin.LEARNT, numbers, system_at(now), basis=one.basis, valid_from=valid_from
    )


def _teachable(rules: Sequence[Rule], day: date) -> list[Rule]:
    """Rules of which something is learnt."""
    own = policy_on(day).numbers
    return [rule for rule in rules if rule.check.name in TAUGHT and rule.code in own and rule.in_force(day)]


def _by_rule(lesson: Lesson, series: SeriesId, learnt: Sequence[Learnt], received: int) -> list[Taught]:
    own = policy_on(lesson.day).numbers
    by_rule: dict[str, list[Learnt]] = {}
    for one in learnt:
        if one.parameter in own[one.rule]:
            by_rule.setdefault(one.rule, []).append(one)
    return [Taught(series, rule, {one.parameter: one.value for one in listed}, _basis(lesson, listed, received))
            for rule, listed in by_rule.items()]  # fmt: skip


def _basis(lesson: Lesson, listed: Sequence[Learnt], received: int) -> Basis:
    numbers = {
        one.parameter: {"quantile": one.quantile, "observed": one.observed, "low": one.low, "high": one.high}
        for one in listed
    }
    first = listed[0]
    return Basis(lesson.since, lesson.until, first.days, first.readings, received - first.readings, numbers)
