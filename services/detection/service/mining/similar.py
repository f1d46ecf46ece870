"""Episodes similar to an anomaly 相似异常: records first, then readings of the most promising ones."""

import asyncio
from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.detection.domain.mining.shapes import Frame, frame_of, normalised, shape_of
from services.detection.domain.mining.similar import (
    Facts,
    Likeness,
    Parts,
    Shape,
    Weights,
    compare,
    facts_apart,
    is_settled,
    least_distance,
)
from services.detection.domain.surveys.finding import Unjudged
from services.detection.domain.surveys.series import Series, make_series
from services.detection.gateways import Column
from services.detection.service.judging import precision_of_rules
from services.detection.service.mining.bench import check_staff
from services.detection.service.mining.rows import known, moment, numbers_or_none, outlet_out, reason_out
from services.detection.service.mining.worker import Miner
from services.detection.service.queries import AnomalyNotFoundError
from services.detection.service.rulebook import Rulebook, traits_of
from services.detection.service.wire import anomaly_out
from services.detection.store import AnomalyStore, Stored
from services.detection.store.places import Place, PlaceStore
from shared.auth import Principal
from shared.contracts.detection.mining import SimilarOut, SimilarParts, SimilarReport
from shared.db import Database

MOST_CANDIDATES = 500
"""Anomalies of the same rule, the latest, and as many of other rules of its nature."""
MOST_READ = 160
"""Candidates whose readings are looked at."""
AT_ONCE = 8
"""Readings asked for at the same time."""
LONGEST_POINTS = 2000
"""Intervals of an episode that are looked at; of a longer one its beginning."""


@dataclass(frozen=True)
class Known:
    """The anomaly asked about, those it may be like, the outlets of all, and how often rules were right."""

    one: Stored
    place: Place
    others: Sequence[Stored]
    places: Mapping[UUID, Place]
    precisions: Mapping[str, float]


@dataclass(frozen=True)
class Candidate:
    """Another anomaly with the outlet it is of, its frame, and what its record says."""

    stored: Stored
    place: Place
    frame: Frame
    interval: float
    parts: Parts
    least: float


class SimilarService:
    """For staff; reads in transactions of its own."""

    def __init__(self, db: Database, miner: Miner, rulebook: Rulebook, now: datetime, caller: Principal) -> None:
        self._db = db
        self._rulebook = rulebook
        self._now = now
        self._miner = miner
        self._caller = caller
        self._weights = Weights()

    async def find_similar(self, anomaly_id: UUID, limit: int, *, trade_only: bool) -> SimilarReport:
        """The `limit` nearest episodes, of all outlets or of those of the same trade."""
        check_staff(self._caller)
        async with self._miner.report():
            facts = await self._load(anomaly_id, trade_only=trade_only)
            one, place = facts.one, facts.place
            frame, interval = _frame(one, place)
            column = await self._read(one, frame)
            shape = Shape(frame, shape_of(_series(column), frame, interval))
            candidates = self._rank(facts, with_shape=not isinstance(shape.values, Unjudged))
            kept, compared, exact = await self._search(shape, candidates, limit)
        weights = self._weights
        shown = anomaly_out(one, place.outlet, facts.precisions)
        without = shape.values if isinstance(shape.values, Unjudged) else None
        return SimilarReport(
            anomaly=shown, outlet=outlet_out(place), since=moment(frame.start), until=moment(frame.end),
            profile=[] if isinstance(shape.values, Unjudged) else numbers_or_none(normalised(shape.values)),
            unjudged=reason_out(without),
            weights=SimilarParts(
                shape=weights.shape, rule=weights.rule, factor=weights.factor, duration=weights.duration
            ),
            considered=len(candidates), compared=compared, exact=exact,
            items=[_out(*item, facts.precisions) for item in kept[:limit]],
        )  # fmt: skip

    async def _load(self, anomaly_id: UUID, *, trade_only: bool) -> Known:
        async with self._db.transaction() as session:
            anomalies, store = AnomalyStore(session), PlaceStore(session)
            one = await anomalies.find(anomaly_id)
            place = (await store.of_ids([one.episode.outlet_id])).get(one.episode.outlet_id) if one else None
            if one is None or place is None:
                raise AnomalyNotFoundError(f"no anomaly {anomaly_id}", anomaly_id=str(anomaly_id))
            peers = [peer.id for peer in await store.of_trade(place.trade)] if trade_only else None
            kin = [rule.code for rule in self._rulebook.rules if rule.nature is one.episode.nature]
            found = await anomalies.like(one.episode, kin, MOST_CANDIDATES, peers)
            places = await store.of_ids({other.episode.outlet_id for other in found})
            precisions = await precision_of_rules(session, self._now)
        return Known(one, place, found, places, precisions)

    def _rank(self, facts: Known, *, with_shape: bool) -> list[Candidate]:
        """Candidates by the least distance their records allow."""
        mine, candidates = _facts(facts.one), []
        for other in facts.others:
            place = facts.places.get(other.episode.outlet_id)
            if place is not None:
                frame, interval = _frame(other, place)
                parts = facts_apart(mine, _facts(other), self._weights)
                least = least_distance(parts, self._weights, with_shape=with_shape)
                candidates.append(Candidate(other, place, frame, interval, parts, least))
        return sorted(candidates, key=lambda item: (item.least, -item.stored.episode.started_at.timestamp()))

    async def _search(
        self, shape: Shape, candidates: Sequence[Candidate], limit: int
    ) -> tuple[list[tuple[Likeness, Candidate]], int, bool]:
        """(nearest first, how many were read, whether no other can be nearer)."""
        kept: list[tuple[Likeness, Candidate]] = []
        done = 0
        most = min(len(candidates), MOST_READ)
        while done < most and not self._settled(kept, limit, candidates[done].least):
            part = candidates[done : min(done + AT_ONCE, most)]
            columns = await asyncio.gather(*(self._read(item.stored, item.frame) for item in part))
            for item, column in zip(part, columns, strict=True):
                likeness = await self._miner.run(
                    compare, shape, item.frame, _series(column), item.interval, item.parts, self._weights
                )
                insort(kept, (likeness, item), key=lambda pair: (pair[0].distance, pair[1].stored.no))
            done += len(part)
        exact = done == len(candidates) or self._settled(kept, limit, candidates[done].least)
        return kept, done, exact

    @staticmethod
    def _settled(kept: Sequence[tuple[Likeness, Candidate]], limit: int, least: float) -> bool:
        return is_settled([likeness.distance for likeness, _ in kept[:limit]], limit, least)

    async def _read(self, one: Stored, frame: Frame) -> Column | None:
        episode, reach = one.episode, frame.reach
        columns = await self._miner.readings.history_of_factor(
            [episode.outlet_id], episode.kind, episode.factor, reach.start, reach.end
        )
        return columns.get(episode.outlet_id)


def _series(column: Column | None) -> Series:
    """All numbers, also flagged ones: the shape is that of what was sent."""
    return make_series([], []) if column is None else make_series(column.t, column.v)


def _frame(one: Stored, place: Place) -> tuple[Frame, float]:
    episode = one.episode
    interval = traits_of(place.outlet, episode.factor, episode.kind).interval
    ended = max(episode.until, episode.started_at + timedelta(seconds=interval))
    return (
        frame_of(episode.started_at.timestamp(), ended.timestamp(), interval, LONGEST_POINTS * interval),
        interval,
    )


def _facts(one: Stored) -> Facts:
    episode = one.episode
    duration = max(1.0, (episode.until - episode.started_at).total_seconds())
    return Facts(episode.rule, episode.nature.value, episode.factor, duration)


def _out(likeness: Likeness, item: Candidate, precisions: Mapping[str, float]) -> SimilarOut:
    parts = likeness.parts
    return SimilarOut(
        anomaly=anomaly_out(item.stored, item.place.outlet, precisions), outlet=outlet_out(item.place),
        distance=known(likeness.distance) or 0.0,
        parts=SimilarParts(shape=parts.shape, rule=parts.rule, factor=parts.factor, duration=parts.duration),
        shift_seconds=likeness.shift, since=moment(item.frame.start + likeness.shift),
        until=moment(item.frame.end + likeness.shift),
        profile=[] if likeness.values is None else numbers_or_none(likeness.values),
        unjudged=reason_out(likeness.unjudged),
    )  # fmt: skip
