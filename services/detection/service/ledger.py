"""Anomalies of some outlets while hits are applied to them; then what is written and told."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.anomalies import Change, ChangeKind, Episode, Policy, apply_hit, fold, settle
from services.detection.domain.checks import exceedance
from services.detection.domain.covers import Cover, excuse
from services.detection.domain.hits import Hit
from services.detection.domain.parents import gather
from services.detection.domain.suppressing.model import Suppression, find_cover
from services.detection.service.judging import precision_of_rules
from services.detection.service.wire import anomaly_out
from services.detection.store import AnomalyStore, HitStore, Line, Span, Stored, SuppressionStore, line_of
from shared.clock import PARK_ZONE
from shared.contracts.detection import ANOMALY_CLOSED, ANOMALY_OPENED, ANOMALY_UPDATED, Severity
from shared.contracts.ingest import OutletOut
from shared.feed import publish


class Ledger:
    """Applies hits in the order in which they became known, and each of them once."""

    def __init__(
        self,
        session: AsyncSession,
        policy: Policy,
        hazardous: frozenset[str],
        warns_only: Callable[[Hit], bool] | None = None,
    ) -> None:
        """`warns_only`: whether an exceedance does not count where the park lies, and is told as a warning."""
        self._session = session
        self._anomalies = AnomalyStore(session)
        self._hits = HitStore(session)
        self._suppressions = SuppressionStore(session)
        self._policy = policy
        self._warning = _as_warnings(policy)
        self._warns_only = warns_only or (lambda _hit: False)
        self._hazardous = hazardous
        self._episodes: dict[UUID, list[Episode]] = {}
        self._stored: dict[UUID, Stored] = {}
        self._changes: dict[UUID, list[Change]] = {}
        self._told: dict[UUID, Hit] = {}
        self._quiet: dict[UUID, UUID] = {}
        self._suppressing: list[Suppression] = []

    async def load(self, since: Mapping[UUID, datetime], enterprises: Iterable[UUID]) -> None:
        """Read what new hits of these outlets, none of them beginning before `since`, could touch.

        `enterprises` own the outlets: their suppressions may keep hits quiet.
        """
        if since:
            self._suppressing = await self._suppressions.in_reach(enterprises, min(since.values()))
        history = {outlet_id: at - self._policy.history for outlet_id, at in since.items()}
        for one in await self._anomalies.known(history):
            self._stored[one.episode.id] = one
            self._episodes.setdefault(one.episode.outlet_id, []).append(one.episode)

    async def apply(self, hits: Sequence[Hit], outlets: Mapping[UUID, OutletOut]) -> None:
        """Hits of one event of the feed, or of one look at the clock.

        Sorted by the moment their last reading was complete, so that two kinds of readings of one factor tell the
        same story however the feed was cut.
        """
        spans = await self._spans([hit for hit in hits if hit.late])
        for hit in sorted(hits, key=lambda hit: hit.order):
            line = line_of(hit)
            if hit.late and any(span.holds(hit.started_at) for span in spans[line]):
                continue
            spans[line].append(Span(hit.started_at, hit.until))
            self._told[hit.id] = hit
            known = self._episodes.get(line.outlet_id, [])
            if self._keeps_quiet(hit, known, outlets[line.outlet_id].enterprise_id):
                continue
            warning = hit.check == exceedance.CHECK.name and self._warns_only(hit)
            policy, toxic = (self._warning, False) if warning else (self._policy, line.factor in self._hazardous)
            self._note(line.outlet_id, apply_hit(known, hit, policy=policy, hazardous=toxic))

    def excuse(self, outlet_id: UUID, covers: Sequence[Cover]) -> None:
        """Name the marks that explain anomalies, and no longer those that do not."""
        known = self._episodes.get(outlet_id, [])
        changed = ((one, excuse(one, covers)) for one in known if not one.is_parent)
        changes = [Change(ChangeKind.UPDATED, new, new.until) for one, new in changed if new != one]
        self._note(outlet_id, gather(known, changes, policy=self._policy))

    def _keeps_quiet(self, hit: Hit, known: Sequence[Episode], enterprise_id: UUID) -> bool:
        """Note the suppression of a hit. One that already runs in an anomaly stays with it."""
        self._quiet.pop(hit.id, None)
        if not self._suppressing or any(hit.id == running for one in known for running, _ in one.running):
            return False
        cover = find_cover(self._suppressing, hit, enterprise_id)
        if cover is not None:
            self._quiet[hit.id] = cover.id
        return cover is not None

    def settle(self, outlet_id: UUID, watermark: datetime) -> None:
        """Close what is over at the outlet's data time."""
        self._note(outlet_id, settle(self._episodes.get(outlet_id, []), watermark, policy=self._policy))

    async def save(self, outlets: Mapping[UUID, OutletOut], now: datetime) -> None:
        """Write what has changed and tell each changed anomaly once, as it now is; a parent before its children."""
        await self._hits.save(list(self._told.values()), self._quiet)
        told = sorted(self._changes.values(), key=lambda changes: not changes[0].episode.is_parent)
        opened = [changes[0].episode for changes in told if changes[0].episode.id not in self._stored]
        days = [episode.started_at.astimezone(PARK_ZONE).date() for episode in opened]
        numbers = dict(zip((one.id for one in opened), await self._anomalies.take_numbers(days), strict=True))
        saved = [self._stored_as(changes[-1].episode, numbers, outlets) for changes in told]
        await self._anomalies.save(saved)
        precisions = await precision_of_rules(self._session, now) if saved else {}
        for one, changes in zip(saved, told, strict=True):
            data = anomaly_out(one, outlets[one.episode.outlet_id], precisions).model_dump(mode="json")
            await publish(self._session, _event_type(changes), str(one.episode.id), data, at=now)

    async def _spans(self, late: Sequence[Hit]) -> defaultdict[Line, list[Span]]:
        """What earlier hits cover: a late point is looked at each time it is sent, but told once."""
        spans: defaultdict[Line, list[Span]] = defaultdict(list)
        if late:
            times = [hit.started_at for hit in late]
            for line, span in await self._hits.spans({hit.series.outlet_id for hit in late}, min(times), max(times)):
                spans[line].append(span)
            for hit in self._told.values():
                spans[line_of(hit)].append(Span(hit.started_at, hit.until))
        return spans

    def _note(self, outlet_id: UUID, changes: Sequence[Change]) -> None:
        if changes:
            self._episodes[outlet_id] = fold(self._episodes.get(outlet_id, []), changes)
            for change in changes:
                self._changes.setdefault(change.episode.id, []).append(change)

    def _stored_as(self, episode: Episode, numbers: Mapping[UUID, str], outlets: Mapping[UUID, OutletOut]) -> Stored:
        before = self._stored.get(episode.id)
        if before is not None:
            return replace(before, episode=episode, version=before.version + 1)
        return Stored(episode, numbers[episode.id], outlets[episode.outlet_id].enterprise_id, 1)


def _event_type(changes: Sequence[Change]) -> str:
    if changes[0].kind is ChangeKind.OPENED:
        return ANOMALY_OPENED
    return ANOMALY_CLOSED if changes[-1].kind is ChangeKind.CLOSED else ANOMALY_UPDATED


def _as_warnings(policy: Policy) -> Policy:
    """The policy with exceedances at the lowest severity."""
    lowest = {
        code: replace(rule, severity=Severity.C, hazardous=None, raises=())
        for code, rule in policy.rules.items()
        if rule.check.name == exceedance.CHECK.name
    }
    return replace(policy, rules={**policy.rules, **lowest})
