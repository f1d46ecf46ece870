"""The kernel's parameters of each series at a data time, and events cut where own numbers change."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.checks.definition import Traits
from services.detection.domain.history import HOUR_MEANS
from services.detection.domain.relating import quiet_checks
from services.detection.domain.rules import Plan, Rule
from services.detection.gateways import Column
from services.detection.service.rulebook import Rulebook, interval_of, traits_of
from services.detection.service.timelines import Timelines
from services.detection.store import SeriesId, StoredSeries
from shared.clock import PARK_ZONE
from shared.contracts.ingest import OutletOut, ReadingKind

HOURS_EXPECTED = timedelta(hours=3)
"""An outlet that sends hour means has sent one by then."""


class Planner:
    """Plans of series of the outlets at hand, whose traits, trades and states the caller keeps up to date."""

    def __init__(self, rulebook: Rulebook, timelines: Timelines) -> None:
        self._rulebook = rulebook
        self._timelines = timelines
        self.outlets: dict[UUID, OutletOut] = {}
        self.trades: dict[UUID, str] = {}
        self.states: dict[SeriesId, StoredSeries] = {}

    async def load(self, session: AsyncSession, counts: Mapping[UUID, int]) -> None:
        """Read own numbers of the outlets whose thresholds have changed, by the count of changes."""
        await self._timelines.load(session, self._rulebook.policy.rules, counts)

    def plan(self, series: StoredSeries, at: datetime) -> Plan:
        """What the kernel does with a series at a data time."""
        own = self._timelines.of(series.id).at(at.timestamp())
        return self._rulebook.plan(self.traits(series.id), at, self._off(series), own)

    def traits(self, one: SeriesId) -> Traits:
        """What is known of a series."""
        outlet = self.outlets[one.outlet_id]
        return traits_of(outlet, one.factor, one.kind, self.trades.get(outlet.enterprise_id, ""))

    def relations(self, kind: ReadingKind) -> tuple[Rule, ...]:
        """Rules of relations that judge this kind, in force or not."""
        return self._rulebook.relations(kind)

    def active(self, rules: Iterable[Rule], at: datetime) -> frozenset[str]:
        """Codes of those in force at a data time."""
        day = at.astimezone(PARK_ZONE).date()
        return frozenset(rule.code for rule in rules if rule.in_force(day))

    def numbers(self, rule: Rule, one: SeriesId, at: datetime) -> Mapping[str, float]:
        """A rule's numbers for a series at a data time."""
        return self._rulebook.numbers(rule, self.traits(one), self._timelines.of(one).at(at.timestamp()))

    def interval(self, outlet_id: UUID, kind: ReadingKind) -> float:
        """Seconds between two readings of an outlet."""
        return interval_of(self.outlets[outlet_id], kind)

    def cut(self, columns: Mapping[SeriesId, Column]) -> Iterator[Mapping[SeriesId, Column]]:
        """The columns in parts between the times at which own numbers of any of them change: mostly one."""
        starts = {
            at for one, part in columns.items() for at in self._timelines.of(one).starts if part.t[0] < at <= part.t[-1]
        }
        if not starts:
            yield columns
            return
        edges = [-np.inf, *sorted(starts), np.inf]
        for begin, end in pairwise(edges):
            cut = {one: part.between(begin, end) for one, part in columns.items()}
            if some := {one: part for one, part in cut.items() if len(part.t)}:
                yield some

    def _off(self, series: StoredSeries) -> frozenset[str]:
        """Rules that another series judges, or that have nothing to say of this one."""
        one = series.id
        off = quiet_checks(self._rulebook.rules, one.factor)
        if one.kind is not ReadingKind.MINUTE:
            return off
        if series.first_at is None or series.last_at is None or series.last_at - series.first_at < HOURS_EXPECTED:
            return off | HOUR_MEANS
        has_hours = SeriesId(one.outlet_id, one.factor, ReadingKind.HOUR) in self.states
        return off | HOUR_MEANS if has_hours else off
