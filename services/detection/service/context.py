"""What stands around one anomaly, for the person who judges it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.thresholds.timeline import overrides
from services.detection.service.judging import precision_of_rules
from services.detection.service.queries import AnomalyNotFoundError
from services.detection.service.rulebook import Rulebook, rule_out, traits_of
from services.detection.service.timelines import Timelines
from services.detection.service.wire import anomaly_out
from services.detection.store import AnomalyStore, Filters, HitStore, SeriesId, SeriesStore, Stored
from services.detection.store.enterprises import EnterpriseStore
from services.detection.store.hits import Line
from services.detection.store.labels import Label, LabelStore
from shared.auth import Principal
from shared.clock import PARK_ZONE
from shared.contracts.detection.context import (
    AnomalyContext,
    AnomalyVerdict,
    HitOut,
    NumberInForce,
    NumberOrigin,
)
from shared.contracts.detection.quality import Verdict
from shared.contracts.ingest import OutletOut

LOOKED_AT, SHOWN, MOST_HITS = 200, 12, 50


class ContextService:
    """Reads in the caller's transaction."""

    def __init__(self, session: AsyncSession, rulebook: Rulebook, now: datetime, caller: Principal) -> None:
        self._session = session
        self._anomalies = AnomalyStore(session)
        self._rulebook = rulebook
        self._now = now
        self._caller = caller

    async def get_context(self, anomaly_id: UUID) -> AnomalyContext:
        """Rule, numbers, hits, chain, history and verdicts; 404 for who may not know of the anomaly."""
        found = await self._anomalies.find(anomaly_id)
        if found is None or self._caller.tenant not in {None, found.enterprise_id}:
            raise AnomalyNotFoundError(f"no anomaly {anomaly_id}", anomaly_id=str(anomaly_id))
        episode = found.episode
        outlet = (await SeriesStore(self._session).outlets([episode.outlet_id])).get(episode.outlet_id)
        same = await self._same_rule(found)
        chain = chain_of(found, same)
        linked = {one.episode.id for one in chain}
        history = [one for one in same if one.episode.id not in linked][:SHOWN]
        named = [found, *chain, *history]
        labels = await LabelStore(self._session).find([one.episode.id for one in named])
        known = await precision_of_rules(self._session, self._now) if self._caller.tenant is None else {}
        rule = self._rulebook.find(episode.rule, episode.started_at.astimezone(PARK_ZONE).date())
        return AnomalyContext(
            anomaly_id=anomaly_id, rule=rule_out(rule) if rule else None,
            numbers=await self._numbers(found, outlet), hits=await self._hits(found),
            chain=[anomaly_out(one, outlet, known) for one in chain if len(chain) > 1],
            history=[anomaly_out(one, outlet, known) for one in history],
            verdicts=[_verdict(one) for one in labels.values()],
        )  # fmt: skip

    async def _same_rule(self, found: Stored) -> list[Stored]:
        filters = Filters(outlet_id=found.episode.outlet_id, rule=found.episode.rule)
        return await self._anomalies.select(filters, None, LOOKED_AT)

    async def _numbers(self, found: Stored, outlet: OutletOut | None) -> list[NumberInForce]:
        episode = found.episode
        on = episode.started_at.astimezone(PARK_ZONE).date()
        rule = self._rulebook.find(episode.rule, on)
        if outlet is None or rule is None or episode.factors:
            return []
        trades = await EnterpriseStore(self._session).trades([found.enterprise_id])
        traits = traits_of(outlet, episode.factor, episode.kind, trades.get(found.enterprise_id, ""))
        defaults = self._rulebook.defaults(episode.rule, traits, on)
        timelines = Timelines()
        await timelines.load(self._session, {rule.code: rule}, {outlet.id: 1})
        series = SeriesId(outlet.id, episode.factor, episode.kind)
        own = overrides(timelines.of(series).at(episode.started_at.timestamp())).get(rule.code, {})
        return [
            NumberInForce(
                name=one.name, value=own.get(one.name, defaults.get(one.name)), default=defaults.get(one.name),
                origin=NumberOrigin.OWN if one.name in own else NumberOrigin.DEFAULT,
            )
            for one in rule.check.parameters
        ]  # fmt: skip

    async def _hits(self, found: Stored) -> list[HitOut]:
        episode = found.episode
        line = Line(episode.outlet_id, episode.factor, episode.kind.value, episode.rule)
        hits = await HitStore(self._session).told(line, episode.started_at, episode.until, MOST_HITS)
        return [HitOut(**asdict(one)) for one in hits]


def chain_of(found: Stored, same: Sequence[Stored]) -> list[Stored]:
    """The anomalies it recurs from and those that recur from it, itself among them, the oldest first."""
    by_id = {one.episode.id: one for one in same} | {found.episode.id: found}
    linked = {found.episode.id}
    earlier = found.episode.recurrence_of
    while earlier is not None and earlier in by_id and earlier not in linked:
        linked.add(earlier)
        earlier = by_id[earlier].episode.recurrence_of
    for one in sorted(by_id.values(), key=lambda one: one.episode.started_at):
        if one.episode.recurrence_of in linked:
            linked.add(one.episode.id)
    return sorted((by_id[one] for one in linked), key=lambda one: (one.episode.started_at, one.episode.id))


def _verdict(one: Label) -> AnomalyVerdict:
    return AnomalyVerdict(
        anomaly_id=one.anomaly_id, case_id=one.case_id, case_no=one.case_no, rectified=one.rectified,
        verdict=Verdict(one.verdict) if one.verdict else None, at=one.judged_at,
    )  # fmt: skip
