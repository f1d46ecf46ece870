"""Live detection: events of ingest in, series states and anomalies out, in one transaction.

Each event is fed to the kernel by itself and in feed order, whatever batch it came in, so that a restart at any
place gives the same anomalies.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.anomalies import Change, ChangeKind, Episode, apply_hit, fold, settle
from services.detection.domain.hits import SeriesKey, read_hits
from services.detection.domain.kernel import Batch, Hits, advance_many, dump_state, load_states, open_hits, overdue
from services.detection.gateways import Column, Fetched
from services.detection.service.rulebook import Rulebook, traits_of
from services.detection.service.wire import anomaly_out
from services.detection.store import AnomalyStore, SeriesId, SeriesStore, Stored, StoredSeries
from shared.contracts.detection import ANOMALY_CLOSED, ANOMALY_OPENED, ANOMALY_UPDATED
from shared.contracts.ingest import (
    OUTLET_CHANGED,
    READINGS_ACCEPTED,
    LimitOut,
    OutletOut,
    ReadingKind,
    ReadingsBatch,
    ReadingsEvent,
)
from shared.feed import Event, publish

HOUR_MEANS = frozenset({"EX-H"})
"""Judged on minutes only where an outlet sends no hour means."""
SILENT_FROM, SILENT_TO = timedelta(hours=72), timedelta(minutes=60)
"""Age of the last point of a series that is looked at for silence: younger ones are on time, older ones at rest."""
MOST_SILENT = 5000


class Watch:
    """One unit of work over the series of some outlets."""

    def __init__(self, session: AsyncSession, rulebook: Rulebook, now: datetime, hazardous: frozenset[str]) -> None:
        self._session = session
        self._series = SeriesStore(session)
        self._anomalies = AnomalyStore(session)
        self._rulebook = rulebook
        self._policy = rulebook.policy
        self._now = now
        self._hazardous = hazardous
        self._outlets: dict[UUID, OutletOut] = {}
        self._states: dict[SeriesId, StoredSeries] = {}
        self._episodes: dict[UUID, list[Episode]] = {}
        self._stored: dict[UUID, Stored] = {}
        self._changed: dict[UUID, list[Change]] = {}
        self._moved: set[SeriesId] = set()

    async def take(self, events: Sequence[Event], fetched: Fetched) -> None:
        """Apply events of ingest's feed; `fetched` holds the rows they name."""
        await self._series.lock()
        batches = [(event, _batches(event)) for event in events]
        await self._load({batch.outlet_id for _, parts in batches for batch in parts})
        for event, parts in batches:
            if event.type == OUTLET_CHANGED:
                outlet = OutletOut.model_validate(event.data)
                await self._series.save_outlet(outlet)
                self._outlets[outlet.id] = outlet
            elif parts:
                self._take_readings(parts, fetched)
        await self._save()

    async def look_for_silence(self) -> None:
        """Raise what no data can raise: series that have fallen silent."""
        await self._series.lock()
        quiet = await self._series.quiet(self._now - SILENT_FROM, self._now - SILENT_TO, MOST_SILENT)
        await self._load({one.id.outlet_id for one in quiet})
        listed = [self._states[one.id] for one in quiet if one.id.outlet_id in self._outlets]
        if listed:
            plans = [self._plan(one.id, self._now) for one in listed]
            now = np.full(len(listed), self._now.timestamp())
            outcome = overdue(load_states([s.state for s in listed]), np.stack([p.vector for p in plans]), now)
            self._keep(listed, outcome.states, outcome.late)
            self._apply([one.id for one in listed], [p.codes for p in plans], outcome.hits)
        await self._save()

    async def refresh_running(self) -> None:
        """Bring anomalies up to date whose hits still run: a constant value grows graver the longer it lasts."""
        await self._series.lock()
        await self._load(await self._anomalies.outlets_with_open(MOST_SILENT))
        listed = [one for one in self._states.values() if one.id.outlet_id in self._outlets and one.last_at]
        if listed:
            plans = [self._plan(one.id, one.last_at or self._now) for one in listed]
            running = open_hits(load_states([one.state for one in listed]), np.stack([p.vector for p in plans]))
            self._apply([one.id for one in listed], [p.codes for p in plans], running)
        await self._save()

    async def _load(self, outlet_ids: set[UUID]) -> None:
        self._outlets = await self._series.outlets(outlet_ids)
        self._states = await self._series.of_outlets(outlet_ids)
        oldest = min((one.last_at for one in self._states.values() if one.last_at), default=self._now)
        for one in await self._anomalies.known(outlet_ids, oldest - self._policy.history):
            self._stored[one.episode.id] = one
            self._episodes.setdefault(one.episode.outlet_id, []).append(one.episode)

    # -- readings ----------------------------------------------------------------------------------

    def _take_readings(self, parts: Iterable[ReadingsBatch], fetched: Fetched) -> None:
        columns: dict[SeriesId, Column] = {}
        for part in parts:
            times = np.array(part.times, np.int64)
            for factor, column in fetched.get((part.outlet_id, part.kind), {}).items():
                wanted = column.at(times)
                if len(wanted.t) and part.outlet_id in self._outlets:
                    columns[SeriesId(part.outlet_id, factor, part.kind)] = wanted
        if columns:
            self._advance(sorted(columns), columns)
            for outlet_id in sorted({one.outlet_id for one in columns}):
                self._settle(outlet_id, columns)

    def _advance(self, ids: Sequence[SeriesId], columns: dict[SeriesId, Column]) -> None:
        parts = [columns[one] for one in ids]
        offsets = np.cumsum([0, *(len(part.t) for part in parts)]).astype(np.int64)
        limits = [_limits(self._outlets[one.outlet_id], one, part.t) for one, part in zip(ids, parts, strict=True)]
        batch = Batch(
            np.concatenate([part.t for part in parts]),
            np.concatenate([part.v for part in parts]),
            np.concatenate([part.flags for part in parts]),
            np.concatenate(limits),
        )
        plans = [self._plan(one, _moment(part.t[-1])) for one, part in zip(ids, parts, strict=True)]
        before = [self._states.get(one) or StoredSeries(one, b"", None, 0) for one in ids]
        states = load_states([one.state or None for one in before])
        outcome = advance_many(states, np.stack([p.vector for p in plans]), batch, offsets)
        self._keep(before, outcome.states, outcome.late, [_moment(part.t.max()) for part in parts])
        self._apply(ids, [p.codes for p in plans], outcome.hits)

    def _plan(self, one: SeriesId, at: datetime):  # type: ignore[no-untyped-def]  # noqa: ANN202
        has_hours = SeriesId(one.outlet_id, one.factor, ReadingKind.HOUR) in self._states
        off = HOUR_MEANS if one.kind is ReadingKind.MINUTE and has_hours else frozenset()
        return self._rulebook.plan(self._outlets[one.outlet_id], one.factor, one.kind, at, off=off)

    def _keep(
        self, before: Sequence[StoredSeries], states: np.ndarray, late: np.ndarray, last: list[datetime] | None = None
    ) -> None:
        for place, one in enumerate(before):
            newest = max(filter(None, (one.last_at, last[place] if last else None)), default=None)
            kept = StoredSeries(one.id, dump_state(states[place]), newest, one.late + int(late[place]))
            if kept != one:
                self._states[one.id] = kept
                self._moved.add(one.id)

    # -- anomalies ---------------------------------------------------------------------------------

    def _apply(self, ids: Sequence[SeriesId], codes: Sequence[Sequence[str | None]], hits: Hits) -> None:
        keys = [
            SeriesKey(
                one.outlet_id, one.factor, one.kind,
                timedelta(seconds=traits_of(self._outlets[one.outlet_id], one.factor, one.kind).interval),
            )
            for one in ids
        ]  # fmt: skip
        for hit in read_hits(hits, keys, codes):
            known = self._episodes.get(hit.series.outlet_id, [])
            toxic = hit.series.factor in self._hazardous
            self._note(hit.series.outlet_id, apply_hit(known, hit, policy=self._policy, hazardous=toxic))

    def _settle(self, outlet_id: UUID, columns: dict[SeriesId, Column]) -> None:
        mark = max(int(column.t.max()) for one, column in columns.items() if one.outlet_id == outlet_id)
        self._note(outlet_id, settle(self._episodes.get(outlet_id, []), _moment(mark), policy=self._policy))

    def _note(self, outlet_id: UUID, changes: Sequence[Change]) -> None:
        if changes:
            self._episodes[outlet_id] = fold(self._episodes.get(outlet_id, []), changes)
            for change in changes:
                self._changed.setdefault(change.episode.id, []).append(change)

    # -- writing -----------------------------------------------------------------------------------

    async def _save(self) -> None:
        await self._series.save([self._states[one] for one in sorted(self._moved)])
        saved = [await self._version(changes) for changes in self._changed.values()]
        await self._anomalies.save(saved)
        for one, changes in zip(saved, self._changed.values(), strict=True):
            outlet = self._outlets[one.episode.outlet_id]
            data = anomaly_out(one, outlet).model_dump(mode="json")
            await publish(self._session, _event_type(changes), str(one.episode.id), data, at=self._now)

    async def _version(self, changes: Sequence[Change]) -> Stored:
        episode = changes[-1].episode
        before = self._stored.get(episode.id)
        if before is not None:
            return replace(before, episode=episode, version=before.version + 1)
        number = await self._anomalies.next_number(episode.started_at)
        return Stored(episode, number, self._outlets[episode.outlet_id].enterprise_id, 1)


def _batches(event: Event) -> list[ReadingsBatch]:
    if event.type != READINGS_ACCEPTED:
        return []
    return [batch for batch in ReadingsEvent.model_validate(event.data).batches if batch.times]


def _event_type(changes: Sequence[Change]) -> str:
    kinds = {change.kind for change in changes}
    if ChangeKind.OPENED in kinds:
        return ANOMALY_OPENED
    return ANOMALY_CLOSED if changes[-1].kind is ChangeKind.CLOSED else ANOMALY_UPDATED


def _limits(outlet: OutletOut, one: SeriesId, t: np.ndarray) -> np.ndarray:
    """Lower and upper limit in force at each time: day means against day limits, all others against hour limits."""
    wanted = ReadingKind.DAY if one.kind is ReadingKind.DAY else ReadingKind.HOUR
    bounds = np.full((len(t), 2), np.nan)
    for limit in outlet.limits:
        if limit.factor == one.factor and limit.averaging is wanted:
            inside = _inside(limit, t)
            bounds[inside, 0] = np.nan if limit.lower is None else limit.lower
            bounds[inside, 1] = np.nan if limit.upper is None else limit.upper
    return bounds


def _inside(limit: LimitOut, t: np.ndarray) -> np.ndarray:
    end = np.inf if limit.valid_to is None else limit.valid_to.timestamp()
    return (t >= limit.valid_from.timestamp()) & (t < end)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def named_batches(events: Sequence[Event]) -> list[ReadingsBatch]:
    """All parts of events that name readings."""
    return [batch for event in events for batch in _batches(event)]
