"""Live detection: events of ingest in, series states and anomalies out, in one transaction.

Each event is fed to the kernel by itself and in feed order, whatever batch it came in, so that a restart at any
place gives the same anomalies. What an event names is looked at as it is when the event is read: a value corrected
before that is seen corrected only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.compiled import Floats
from services.detection.domain.covers import Cover, marked_flags
from services.detection.domain.hits import Hit, SeriesKey, read_hits
from services.detection.domain.jurisdiction import Counting
from services.detection.domain.kernel import Batch, Hits, Outcome, advance_many, dump_state, open_hits, overdue
from services.detection.domain.rules import Plan
from services.detection.gateways import Column, Fetched, Wanted
from services.detection.service.happenings import earlier, wanted_times
from services.detection.service.ledger import Ledger
from services.detection.service.limits import limits_at
from services.detection.service.planning import Planner
from services.detection.service.relating import Relating
from services.detection.service.rulebook import Rulebook
from services.detection.service.states import earliest, moment, states_of
from services.detection.service.timelines import Timelines
from services.detection.store import AnomalyStore, EnterpriseStore, MarkStore, SeriesId, SeriesStore, StoredSeries
from shared.contracts.ingest import ENTERPRISE_CHANGED, OUTLET_CHANGED, EnterpriseOut, OutletOut, ReadingKind
from shared.contracts.ingest.marks import MARK_CHANGED, MarkChanged, MarkCover
from shared.feed import Event
from shared.logging import get_logger

log = get_logger(__name__)

LEFT_OUT = Counter("sanse_detection_left_out_total", "Readings that were not looked at", ["reason"])
AHEAD = timedelta(hours=1)
"""A reading of a time further ahead of its arrival comes from a wrong clock: it would make all others late."""
SILENT_FROM, SILENT_TO = timedelta(hours=72), timedelta(minutes=60)
"""Age of the last point of a series that is looked at for silence: younger ones are on time, older ones at rest."""
SERIES_A_LOOK = 2000
OUTLETS_A_LOOK = 100


class Watch:
    """One unit of work over the series of some outlets."""

    def __init__(
        self,
        session: AsyncSession,
        rulebook: Rulebook,
        now: datetime,
        hazardous: frozenset[str],
        timelines: Timelines | None = None,
        counting: Counting | None = None,
    ) -> None:
        """`timelines` keeps own numbers of series from one unit of work to the next; `counting` says which means
        count as an exceedance where the park lies, None for all.
        """
        self._counting = counting
        self._session = session
        self._planner = Planner(rulebook, timelines or Timelines())
        self._relating = Relating(session, self._planner)
        self._series = SeriesStore(session)
        self._anomalies = AnomalyStore(session)
        self._ledger = Ledger(session, rulebook.policy, hazardous, self._warns_only)
        self._rulebook = rulebook
        self._now = now
        self._marks = MarkStore(session)
        self._enterprises = EnterpriseStore(session)
        self._trades: dict[UUID, str] = {}
        self._covers: dict[UUID, list[Cover]] = {}
        self._outlets: dict[UUID, OutletOut] = {}
        self._states: dict[SeriesId, StoredSeries] = {}
        self._data_time: dict[UUID, datetime] = {}
        self._moved: set[SeriesId] = set()
        self._since: dict[UUID, datetime] = {}

    async def take(self, events: Sequence[Event], fetched: Fetched) -> None:
        """Apply events of ingest's feed; `fetched` holds the rows they name."""
        await self._series.lock()
        named = [wanted_times(event) for event in events]
        told = {UUID(event.data["id"]) for event in events if event.type == OUTLET_CHANGED}
        marks = {
            event.sequence: MarkChanged.model_validate(event.data) for event in events if event.type == MARK_CHANGED
        }
        told |= {one.outlet_id for one in marks.values()}
        await self._load(told.union(outlet_id for wanted in named for outlet_id, _ in wanted))
        # Also the owners of outlets of which the events themselves tell.
        owners = {UUID(event.data["enterprise_id"]) for event in events if event.type == OUTLET_CHANGED}
        await self._reach_back(earlier(self._reach(named, fetched), marks.values()), owners)
        for event, wanted in zip(events, named, strict=True):
            if event.type == OUTLET_CHANGED:
                await self._take_outlet(OutletOut.model_validate(event.data))
            elif event.type == MARK_CHANGED:
                await self._take_mark(marks[event.sequence])
            elif event.type == ENTERPRISE_CHANGED:
                await self._take_enterprise(EnterpriseOut.model_validate(event.data))
            elif wanted:
                await self._take_readings(event, wanted, fetched)
        await self._save()

    async def cursor(self, feed: str) -> int:
        """How far a feed has been read."""
        return await self._series.cursor(feed)

    async def look_for_silence(self, as_of: datetime, after: SeriesId | None) -> SeriesId | None:
        """Raise what no data can raise: series that have fallen silent at `as_of`, up to which the feed was read.

        A page of series after the given one; the last of them, None when there are no more.
        """
        await self._series.lock()
        quiet = await self._series.quiet(as_of - SILENT_FROM, as_of - SILENT_TO, after, SERIES_A_LOOK)
        await self._load({one.id.outlet_id for one in quiet})
        listed = [one for one in quiet if self._in_use(one.id.outlet_id)]
        await self._reach_back(earliest(listed))
        if listed:
            plans = [self._planner.plan(one, as_of) for one in listed]
            now = np.full(len(listed), as_of.timestamp())
            outcome = overdue(states_of(listed), _vectors(plans), now)
            self._keep(listed, outcome)
            await self._apply(self._read([one.id for one in listed], plans, outcome.hits))
        await self._save()
        return quiet[-1].id if len(quiet) == SERIES_A_LOOK else None

    async def refresh_running(self, after: UUID | None) -> UUID | None:
        """Bring anomalies up to date whose hits still run: a constant value grows graver the longer it lasts.

        A page of outlets after the given one; the last of them, None when there are no more.
        """
        await self._series.lock()
        outlet_ids = await self._anomalies.outlets_with_open(after, OUTLETS_A_LOOK)
        await self._load(set(outlet_ids))
        listed = [one for one in self._states.values() if one.id.outlet_id in self._outlets]
        await self._reach_back(_first(earliest(listed), self._relating.earliest(self._outlets)))
        if listed:
            plans = [self._planner.plan(one, one.last_at or self._now) for one in listed]
            running = open_hits(states_of(listed), _vectors(plans))
            hits = self._read([one.id for one in listed], plans, running)
            await self._apply(hits + self._relating.running())
        await self._save()
        return outlet_ids[-1] if len(outlet_ids) == OUTLETS_A_LOOK else None

    # -- reading -----------------------------------------------------------------------------------

    async def _load(self, outlet_ids: set[UUID]) -> None:
        found = await self._series.counted_outlets(outlet_ids)
        planner = self._planner
        self._outlets = planner.outlets = {one: outlet for one, (outlet, _) in found.items()}
        self._states = planner.states = await self._series.of_outlets(outlet_ids)
        self._trades = planner.trades = await self._enterprises.trades(
            {one.enterprise_id for one in self._outlets.values()}
        )
        await planner.load(self._session, {one: count for one, (_, count) in found.items()})
        await self._relating.load(outlet_ids)
        for one in self._states.values():
            self._pass_time(one)

    def _pass_time(self, one: StoredSeries) -> None:
        """An outlet's data time is that of its newest reading of any kind."""
        if one.last_at is not None:
            self._data_time[one.id.outlet_id] = max(self._data_time.get(one.id.outlet_id, one.last_at), one.last_at)

    def _reach(self, named: Iterable[Wanted], fetched: Fetched) -> dict[UUID, datetime]:
        """By outlet, the earliest time at which a hit of these readings may begin."""
        wanted = [(key, times) for one in named for key, times in one.items() if len(times)]
        listed = {SeriesId(outlet_id, factor, kind)
                  for (outlet_id, kind), _ in wanted for factor in fetched.get((outlet_id, kind), {})}  # fmt: skip
        since = earliest([self._states[one] for one in sorted(listed & self._states.keys())])
        since = _first(since, self._relating.earliest({outlet_id for (outlet_id, _), _ in wanted}))
        for (outlet_id, _), times in wanted:
            first = moment(times[0])
            since[outlet_id] = min(since.get(outlet_id, first), first)
        return since

    def _in_use(self, outlet_id: UUID) -> bool:
        outlet = self._outlets.get(outlet_id)
        return outlet is not None and outlet.active

    # -- events ------------------------------------------------------------------------------------

    async def _take_outlet(self, outlet: OutletOut) -> None:
        before = self._outlets.get(outlet.id)
        if before is None or before.version <= outlet.version:
            await self._series.save_outlet(outlet)
            self._outlets[outlet.id] = outlet

    async def _take_enterprise(self, enterprise: EnterpriseOut) -> None:
        await self._enterprises.save(enterprise)
        self._trades[enterprise.id] = enterprise.trade

    async def _take_mark(self, mark: MarkChanged) -> None:
        """It holds for readings told from now on, and explains what was found in those told before."""
        spoken = mark.cover or MarkCover(since=mark.since, until=mark.until, factors=mark.factors)
        cover = Cover(mark.mark_id, mark.outlet_id, mark.effect, spoken.since, spoken.until, frozenset(spoken.factors))
        await self._marks.save(cover, mark.version, effective=mark.effective)
        self._covers = await self._read_covers()
        if mark.outlet_id in self._outlets:
            self._excuse(mark.outlet_id)

    async def _reach_back(self, since: Mapping[UUID, datetime], owners: Iterable[UUID] = ()) -> None:
        """Read what changes from these times on, by outlet, could touch; `owners` are enterprises not known yet."""
        self._since = dict(since)
        known = {outlet.enterprise_id for outlet in self._outlets.values()}
        await self._ledger.load(self._since, known.union(owners))
        self._covers = await self._read_covers()

    async def _read_covers(self) -> dict[UUID, list[Cover]]:
        """Marks that may cover a reading or an anomaly at hand."""
        history = self._rulebook.policy.history
        return await self._marks.covers({outlet_id: at - history for outlet_id, at in self._since.items()})

    async def _take_readings(self, event: Event, wanted: Wanted, fetched: Fetched) -> None:
        columns = self._judged(wanted, fetched, int((event.time + AHEAD).timestamp()))
        if columns:
            for part in self._planner.cut(columns):
                await self._advance(sorted(part), part)
            for outlet_id in sorted({one.outlet_id for one in columns}):
                self._ledger.settle(outlet_id, self._data_time[outlet_id])

    def _judged(self, wanted: Wanted, fetched: Fetched, latest: int) -> dict[SeriesId, Column]:
        """The rows to look at by series, none of them later than `latest`, under the flags that marks give them."""
        columns: dict[SeriesId, Column] = {}
        for (outlet_id, kind), times in wanted.items():
            if outlet_id not in self._outlets:
                _leave_out("unknown_outlet", outlet_id, kind, len(times))
                continue
            if len(times) and times[-1] > latest:
                _leave_out("ahead_of_time", outlet_id, kind, int((times > latest).sum()))
            for factor, column in fetched.get((outlet_id, kind), {}).items():
                named = column.at(times[times <= latest])
                if len(named.t):
                    flags = marked_flags(named.flags, named.t, factor, self._covers.get(outlet_id, ()))
                    columns[SeriesId(outlet_id, factor, kind)] = replace(named, flags=flags)
        return columns

    async def _advance(self, ids: Sequence[SeriesId], columns: Mapping[SeriesId, Column]) -> None:
        parts = [columns[one] for one in ids]
        offsets = np.cumsum([0, *(len(part.t) for part in parts)]).astype(np.int64)
        limits = [limits_at(self._outlets[one.outlet_id], one, part.t) for one, part in zip(ids, parts, strict=True)]
        batch = Batch(
            np.concatenate([part.t for part in parts]),
            np.concatenate([part.v for part in parts]),
            np.concatenate([part.flags for part in parts]),
            np.concatenate(limits),
        )
        before = [self._states.get(one) or StoredSeries(one, b"", None, None, 0) for one in ids]
        plans = [self._planner.plan(one, moment(part.t[-1])) for one, part in zip(before, parts, strict=True)]
        outcome = advance_many(states_of(before), _vectors(plans), batch, offsets)
        self._keep(before, outcome, parts)
        await self._apply(self._read(ids, plans, outcome.hits) + self._relating.advance(columns))

    # -- keeping -----------------------------------------------------------------------------------

    def _keep(self, before: Sequence[StoredSeries], outcome: Outcome, parts: Sequence[Column] = ()) -> None:
        for place, one in enumerate(before):
            times = [one.first_at, one.last_at, *((moment(t) for t in parts[place].t[[0, -1]]) if parts else ())]
            seen = [at for at in times if at is not None]
            late = one.late + int(outcome.late[place])
            kept = StoredSeries(one.id, dump_state(outcome.states[place]), min(seen), max(seen), late)
            if kept != one:
                self._states[one.id] = kept
                self._moved.add(one.id)
                self._pass_time(kept)

    def _read(self, ids: Sequence[SeriesId], plans: Sequence[Plan], hits: Hits) -> list[Hit]:
        return read_hits(hits, [self._key(one) for one in ids], [plan.codes for plan in plans]) if len(hits) else []

    async def _apply(self, hits: Sequence[Hit]) -> None:
        if hits:
            await self._ledger.apply(hits, self._outlets)
            for outlet_id in sorted({hit.series.outlet_id for hit in hits}):
                self._excuse(outlet_id)

    def _warns_only(self, hit: Hit) -> bool:
        outlet = self._outlets.get(hit.series.outlet_id)
        if self._counting is None or outlet is None:
            return False
        return self._counting.warns_only(hit, outlet.medium, self._trades.get(outlet.enterprise_id, ""))

    def _excuse(self, outlet_id: UUID) -> None:
        self._ledger.excuse(outlet_id, self._covers.get(outlet_id, []))

    def _key(self, one: SeriesId) -> SeriesKey:
        return SeriesKey(one.outlet_id, one.factor, one.kind, timedelta(seconds=self._planner.traits(one).interval))

    async def _save(self) -> None:
        await self._series.save([self._states[one] for one in self._moved])
        await self._relating.save()
        await self._ledger.save(self._outlets, self._now)


def _first(one: Mapping[UUID, datetime], other: Mapping[UUID, datetime]) -> dict[UUID, datetime]:
    """The earlier time of each outlet."""
    return {
        outlet: min(told[outlet] for told in (one, other) if outlet in told) for outlet in one.keys() | other.keys()
    }


def _vectors(plans: Sequence[Plan]) -> Floats:
    return np.stack([plan.vector for plan in plans])


def _leave_out(reason: str, outlet_id: UUID, kind: ReadingKind, rows: int) -> None:
    LEFT_OUT.labels(reason).inc(rows)
    log.warning("readings_left_out", reason=reason, outlet_id=str(outlet_id), kind=kind.value, rows=rows)
