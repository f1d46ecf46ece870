"""Readings in bulk: taken in from systems, read back, drawn, and counted."""

import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.bulk import Bulk, read_bulk, rows_of
from services.ingest.domain.columns import Track
from services.ingest.domain.factors import unit_of
from services.ingest.domain.flat import AnyRow
from services.ingest.domain.readings import EARLIEST, KIND_NUMBERS, MEANS, Fate, Key, Point
from services.ingest.domain.registry import ONLINE_WITHIN, Outlet
from services.ingest.domain.series import draw, grid_of, step_of
from services.ingest.service.intake import Intake, put
from services.ingest.store.idempotency import IdempotencyStore
from services.ingest.store.origins import OriginStore
from services.ingest.store.readings import ReadingStore
from services.ingest.store.registry import OutletNotFoundError, RegistryStore
from shared.auth import Principal
from shared.clock import Clock, wall
from shared.contracts.ingest import (
    FreshnessOut,
    ReadingKind,
    ReadingsAccepted,
    Series,
    SeriesLimit,
)
from shared.contracts.ingest.archive import OriginOut
from shared.contracts.ingest.readings import SparkAsk, Sparks, SparksAsk
from shared.db import Database, raw
from shared.errors import InvalidError, TooLargeError

MAX_SERIES_VALUES = 1_100_000
"""A year of values every half minute."""
MAX_ORIGIN_SPAN = timedelta(days=31)
MAX_SPARK_SPAN = timedelta(days=100)
MAX_SPARK_VALUES = 300_000
FRESH_WITHIN = timedelta(days=7)
LONGEST_KEY = 200


class KeyReusedError(InvalidError):
    """An Idempotency-Key that was used for another body."""

    code = "idempotency_key_reused"


class ReadingService:
    """Use cases on readings. Each opens its transaction itself and has committed when it returns."""

    def __init__(self, db: Database, intake: Intake, clock: Clock, caller: Principal) -> None:
        self._db = db
        self._intake = intake
        self._clock = clock
        self._caller = caller

    async def add_readings(self, body: bytes, key: str | None) -> ReadingsAccepted:
        """Store bulk readings; durable when this returns. A repeat under the same key gets the same answer."""
        if key is not None and not 0 < len(key) <= LONGEST_KEY:
            raise InvalidError(f"Idempotency-Key has 1 to {LONGEST_KEY} characters", field="Idempotency-Key")
        bulk = read_bulk(body)
        point = await self._point_of(bulk)
        rows = rows_of(bulk, point=point.number, source=f"api:{self._caller.name}"[:100], now=self._clock.now())

        async def work(session: AsyncSession, store: ReadingStore) -> ReadingsAccepted:
            if key is None:
                return await self._put(session, store, rows, point)
            return await self._put_once(session, store, rows, point, (key, hashlib.sha256(body).digest()))

        return await self._intake.run(rows, work)

    async def get_series(
        self, outlet_id: UUID, factor: str, kind: ReadingKind, since: datetime, until: datetime, max_points: int
    ) -> Series:
        """A chart's data from `since` to before `until`, with the limits that hold in it."""
        _check_span(since, until)
        async with self._db.transaction() as session:
            outlet = await RegistryStore(session).get_outlet(outlet_id)
            self._caller.check_may_see(outlet.enterprise_id)
            store = ReadingStore(await raw(session), self._intake.dictionaries)
            start = Key(outlet.point, kind, int(since.timestamp()))
            track = await store.read_track(start, factor, until, limit=MAX_SERIES_VALUES)
        if track is None:
            raise TooLargeError(f"more than {MAX_SERIES_VALUES} values; ask for less time", limit=MAX_SERIES_VALUES)
        return _series(outlet, factor, track, _Span(kind, since, until), max_points)

    async def list_origins(
        self, outlet_id: UUID, kind: ReadingKind, since: datetime, until: datetime
    ) -> list[OriginOut]:
        """Where values came from, in runs of one source and revision, from `since` to before `until`."""
        _check_span(since, until)
        if until - since > MAX_ORIGIN_SPAN:
            raise TooLargeError(f"at most {MAX_ORIGIN_SPAN.days} days at once", limit=MAX_ORIGIN_SPAN.days)
        async with self._db.transaction() as session:
            outlet = await RegistryStore(session).get_outlet(outlet_id)
            self._caller.check_may_see(outlet.enterprise_id)
            store = OriginStore(await raw(session), self._intake.dictionaries)
            runs = store.list_mean_runs if kind in MEANS else store.list_frame_runs
            found = await runs(outlet.point, KIND_NUMBERS[kind], since, until)
        return [OriginOut(**run._asdict()) for run in found]

    async def get_sparks(self, asked: SparksAsk) -> Sparks:
        """Small curves, in the order of the asks; None where there is no such outlet for this caller."""
        for ask in asked.asks:
            _check_span(ask.since, ask.until)
            if ask.until - ask.since > MAX_SPARK_SPAN:
                raise TooLargeError(f"at most {MAX_SPARK_SPAN.days} days in a small curve", limit=MAX_SPARK_SPAN.days)
        async with self._db.transaction() as session:
            found = await RegistryStore(session).find_outlets({ask.outlet_id for ask in asked.asks})
            tenant = self._caller.tenant
            outlets = {one.id: one for one in found if tenant is None or one.enterprise_id == tenant}
            store = ReadingStore(await raw(session), self._intake.dictionaries)
            sparks = [await _spark(store, outlets.get(ask.outlet_id), ask, asked.max_points) for ask in asked.asks]
        return Sparks(sparks=sparks)

    async def freshness(self) -> FreshnessOut:
        """How far the data reach, of the last seven days."""
        now, tenant = self._clock.now(), self._caller.tenant
        async with self._db.transaction() as session:
            online, outlets = await RegistryStore(session).count_online(tenant, now - ONLINE_WITHIN)
            store = ReadingStore(await raw(session), self._intake.dictionaries)
            latest, received = await store.latest(tenant, now - FRESH_WITHIN)
        return FreshnessOut(latest_at=latest, received_at=received, outlets_online=online, outlets=outlets)

    async def _point_of(self, bulk: Bulk) -> Point:
        async with self._db.transaction() as session:
            (point,) = await self._visible_points(session, {bulk.outlet_id})
        return point

    async def _visible_points(self, session: AsyncSession, outlet_ids: set[UUID]) -> list[Point]:
        points = await RegistryStore(session).list_points(outlet_ids)
        tenant = self._caller.tenant
        found = [point for point in points if tenant is None or point.enterprise_id == tenant]
        missing = outlet_ids - {point.outlet_id for point in found}
        if missing:
            raise OutletNotFoundError("no such outlet", outlet_id=str(min(missing)))
        return found

    async def _put(
        self, session: AsyncSession, store: ReadingStore, rows: list[AnyRow], point: Point
    ) -> ReadingsAccepted:
        fates = await put(session, store, rows, {point.number: point.outlet_id}, at=self._clock.now())
        return ReadingsAccepted(**{fate.value: fates.count(fate) for fate in Fate})

    async def _put_once(
        self, session: AsyncSession, store: ReadingStore, rows: list[AnyRow], point: Point, use: tuple[str, bytes]
    ) -> ReadingsAccepted:
        key, body_hash = use
        keys = IdempotencyStore(session, self._caller.subject)
        earlier = await keys.claim(key, body_hash, wall())
        if earlier is not None:
            if earlier.body_hash != body_hash:
                raise KeyReusedError("this Idempotency-Key was used for another body", key=key)
            return ReadingsAccepted.model_validate(earlier.answer)
        accepted = await self._put(session, store, rows, point)
        await keys.keep(key, accepted.model_dump())
        return accepted


class _Span(NamedTuple):
    kind: ReadingKind
    since: datetime
    until: datetime


def _series(outlet: Outlet, factor: str, track: Track, span: _Span, max_points: int) -> Series:
    step = step_of(span.kind, outlet.minute_interval, track.at)
    grid = grid_of(span.kind, step, int(span.since.timestamp()), int(span.until.timestamp()), track.at)
    drawn = draw(track, grid, max_points)
    return Series(
        outlet_id=outlet.id, factor=factor, kind=span.kind, unit=_unit(outlet, factor),
        limits=_limits(outlet, factor, span.since, span.until), **drawn._asdict(),
    )  # fmt: skip


async def _spark(store: ReadingStore, outlet: Outlet | None, ask: SparkAsk, max_points: int) -> Series | None:
    if outlet is None:
        return None
    series = None
    for kind in ask.kinds:
        key = Key(outlet.point, kind, int(ask.since.timestamp()))
        track = await store.read_track(key, ask.factor, ask.until, limit=MAX_SPARK_VALUES)
        if track is None:
            raise TooLargeError(f"more than {MAX_SPARK_VALUES} values in a small curve", limit=MAX_SPARK_VALUES)
        series = _series(outlet, ask.factor, track, _Span(kind, ask.since, ask.until), max_points)
        if any(value is not None for value in series.v):
            break
    return series


def _check_span(since: datetime, until: datetime) -> None:
    if until <= since:
        raise InvalidError("until must be after since", field="until")
    if since.timestamp() < EARLIEST:
        raise InvalidError("there is nothing before the year 2000", field="since")


def _unit(outlet: Outlet, factor: str) -> str:
    return next((item.unit for item in outlet.factors if item.factor == factor and item.unit), "") or unit_of(factor)


def _limits(outlet: Outlet, factor: str, since: datetime, until: datetime) -> list[SeriesLimit]:
    return [
        SeriesLimit(
            upper=limit.upper, lower=limit.lower, averaging=limit.averaging, standard=limit.standard,
            valid_from=limit.valid_from, valid_to=limit.valid_to,
        )
        for limit in outlet.limits
        if limit.factor == factor and limit.overlaps(since, until)
    ]  # fmt: skip
