"""Detection beside an ingest that is played: real feed, real clients, Arrow answers, real databases."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid5

import httpx
import pyarrow as pa
import pytest
from fastapi import APIRouter, FastAPI, Query, Response
from pydantic import AwareDatetime
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.jobs import build_consumer, build_jobs
from services.detection.main import create_app
from services.detection.settings import Settings
from shared.auth import Role
from shared.clients.detection import DetectionClient
from shared.clients.ingest import IngestClient
from shared.clock import FixedClock
from shared.contracts.detection import AnomalyOut
from shared.contracts.ingest import (
    OUTLET_CHANGED,
    READINGS_ACCEPTED,
    FactorOut,
    LimitOut,
    Medium,
    OutletFactor,
    OutletOut,
    ReadingKind,
    ReadingsBatch,
    ReadingsEvent,
    enterprise_uuid,
    outlet_uuid,
)
from shared.contracts.ingest.standards import ExceedanceRule
from shared.db import Database
from shared.errors import TooLargeError
from shared.feed import Event, FeedConsumer, FeedReader, feed_router, publish
from shared.http import create_app as create_kernel_app
from shared.testing import Network, TokenMaker
from tests.conftest import MakeDatabase

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
COD, LEAD = "w01018", "w20120"
FACTORS = [
    FactorOut(code=COD, name_zh="化学需氧量", name_en="COD", unit="mg/L", medium=Medium.WATER),
    FactorOut(code=LEAD, name_zh="总铅", name_en="Lead", unit="mg/L", medium=Medium.WATER, hazardous=True),
]
NAMES = UUID("00000000-0000-4000-8000-0000000000aa")
Rows = Sequence[tuple[datetime, Mapping[str, float | None]]]
Value = tuple[float | None, str]


def at(hours: float) -> datetime:
    """That many hours after the start of the story."""
    return START + hours * HOUR


def honest(number: int, base: float = 30.0) -> list[float]:
    """Values as an analyser gives them: no two alike side by side, none far from the others."""
    return [round(base + 3 * ((i * 7) % 5) / 5 + 0.2 * (i % 3), 2) for i in range(number)]


def hours(values: Iterable[float | None], first: float = 0, factor: str = COD) -> Rows:
    """Hour means one after the other."""
    return [(at(first + i), {factor: value}) for i, value in enumerate(values)]


def minutes(values: Iterable[float | None], first: float = 0, factor: str = COD) -> Rows:
    """Minute means one after the other."""
    return [(at(first + i / 60), {factor: value}) for i, value in enumerate(values)]


def make_limit(outlet_id: UUID, factor: str = COD, upper: float | None = 50.0, **fields: Any) -> LimitOut:
    given: dict[str, Any] = {"valid_from": START - timedelta(days=400), "unit": "mg/L", **fields}
    return LimitOut(
        id=uuid5(outlet_id, f"{factor}{given['valid_from']}"), outlet_id=outlet_id, factor=factor, upper=upper, **given
    )


def make_outlet(code: str = "W1", enterprise: str = "E1", version: int = 1, **fields: Any) -> OutletOut:
    """An outlet with a COD limit of 50 mg/L from long ago."""
    outlet_id = outlet_uuid(enterprise, code)
    plain: dict[str, Any] = {
        "id": outlet_id, "enterprise_id": enterprise_uuid(enterprise), "code": code, "name_zh": f"排口{code}",
        "medium": Medium.WATER, "version": version, "changed_at": START, "limits": [make_limit(outlet_id)],
        "factors": [OutletFactor(factor=COD, unit="mg/L", span_low=0, span_high=500, resolution=0.1)],
    }  # fmt: skip
    return OutletOut(**plain | fields)


class CrashError(RuntimeError):
    """Stands for a process that ends before its commit."""


@dataclass
class Ingest:
    """What detection knows of ingest: its feed, its factors and its readings."""

    db: Database
    readings: dict[tuple[UUID, ReadingKind], dict[datetime, dict[str, Value]]] = field(default_factory=dict)
    most: int = 500_000
    asked: list[tuple[int, str, datetime, datetime]] = field(default_factory=list)

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1")

        @router.get("/factors")
        async def list_factors() -> list[FactorOut]:
            return FACTORS

        @router.get("/exceedance-rules")
        async def list_exceedance_rules() -> list[ExceedanceRule]:
            return [
                ExceedanceRule(
                    id="province", jurisdiction="CN-35", medium=Medium.WATER, trade="*", averaging=ReadingKind.DAY,
                    verified=True, source="test", valid_from=START.date(),
                )
            ]  # fmt: skip

        @router.get("/readings")
        async def read_readings(
            outlet_id: Annotated[list[UUID], Query()], kind: ReadingKind, since: AwareDatetime, until: AwareDatetime
        ) -> Response:
            self.asked.append((len(outlet_id), kind.value, since, until))
            rows = [
                (str(one), factor, moment, value, flag)
                for one in outlet_id
                for moment, values in self.readings.get((one, kind), {}).items()
                if since <= moment <= until
                for factor, (value, flag) in values.items()
            ]
            if len(rows) > self.most:
                raise TooLargeError(f"more than {self.most} values")
            return Response(arrow(rows), media_type="application/vnd.apache.arrow.stream")

        return router

    async def tell(self, event_type: str, subject: str, data: dict[str, Any], when: datetime) -> None:
        async with self.db.transaction() as session:
            await publish(session, event_type, subject, data, at=when)

    async def register(self, outlet: OutletOut) -> UUID:
        await self.tell(OUTLET_CHANGED, str(outlet.id), outlet.model_dump(mode="json"), START)
        return outlet.id

    async def accept(
        self, outlet_id: UUID, kind: ReadingKind, rows: Rows, *, flag: str = "N", when: datetime | None = None
    ) -> None:
        """Store rows and tell of them in one event; without `when` the moment after the last one is complete."""
        await self.accept_many([(outlet_id, kind, rows)], flag=flag, when=when)

    async def accept_many(
        self, parts: Sequence[tuple[UUID, ReadingKind, Rows]], *, flag: str = "N", when: datetime | None = None
    ) -> None:
        batches = []
        for outlet_id, kind, rows in parts:
            stored = self.readings.setdefault((outlet_id, kind), {})
            for moment, values in rows:
                stored.setdefault(moment, {}).update({factor: (value, flag) for factor, value in values.items()})
            times = sorted(int(moment.timestamp()) for moment, _ in rows)
            batches.append(ReadingsBatch(outlet_id=outlet_id, kind=kind, times=times))
        last = max(moment for _, _, rows in parts for moment, _ in rows)
        data = ReadingsEvent(batches=batches).model_dump(mode="json")
        await self.tell(READINGS_ACCEPTED, "readings", data, when or last + HOUR)


def arrow(rows: Sequence[tuple[str, str, datetime, float | None, str]]) -> bytes:
    """An Arrow stream as ingest's: outlet_id, factor, at, value, flag."""
    outlet_id, factor, moment, value, flag = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    table = pa.table({
        "outlet_id": pa.array(outlet_id, pa.string()), "factor": pa.array(factor, pa.string()),
        "at": pa.array(moment, pa.timestamp("us", tz="UTC")), "value": pa.array(value, pa.float64()),
        "flag": pa.array(flag, pa.string()),
    })  # fmt: skip
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


@dataclass
class World:
    """Detection, the ingest beside it, a clock, and people who call."""

    app: FastAPI
    clock: FixedClock
    tokens: TokenMaker
    client: DetectionClient
    ingest: Ingest
    ingest_client: IngestClient

    def as_(self, *roles: Role, enterprise: str | None = None) -> DetectionClient:
        firm = enterprise_uuid(enterprise) if enterprise else None
        return self.client.as_user(self.tokens.token(*roles, enterprise_id=firm))

    async def http(self, path: str, *roles: Role, enterprise: str | None = None, **options: Any) -> httpx.Response:
        """A bare request; without roles it carries no token."""
        firm = enterprise_uuid(enterprise) if enterprise else None
        headers = self.tokens.headers(*roles, enterprise_id=firm) if roles else {}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://detection") as client:
            return await client.get(path, headers=headers, **options)

    async def catch_up(self, limit: int = 40, *, crash_at: frozenset[int] = frozenset()) -> None:
        """Read ingest's feed to its end, `limit` events a transaction; those numbered end before their commit."""
        count = 0

        def start() -> FeedConsumer:
            consumer = build_consumer(self.app, self.ingest_client)
            handle, consumer.wait, consumer.limit = consumer.handler, 0, limit

            async def crashing(session: AsyncSession, events: Sequence[Event]) -> None:
                nonlocal count
                count += 1
                await handle(session, events)
                if count in crash_at:
                    raise CrashError

            consumer.handler = crashing
            return consumer

        consumer = start()
        while True:
            try:
                if not await consumer.step():
                    break
            except CrashError:
                consumer = start()
        assert crash_at <= set(range(count + 1))

    async def run_job(self, name: str, now: datetime | None = None) -> None:
        if now is not None:
            self.clock.set(now)
        job = next(job for job in build_jobs(self.app, self.ingest_client) if job.name == name)
        await job.run()

    async def anomalies(self, **filters: Any) -> list[AnomalyOut]:
        """All of them, oldest first."""
        page = await self.as_(Role.SUPERVISOR).list_anomalies(limit=1000, **filters)
        assert page.next is None
        return page.items[::-1]

    async def told(self) -> list[tuple[str, str, int]]:
        """Detection's own feed: (what happened, rule, version)."""
        rows = await self.rows(
            "select type, data->>'rule' as rule, (data->>'version')::int as v from outbox order by id"
        )
        return [(row[0].split(".")[2], row[1], row[2]) for row in rows]

    async def rows_written(self, sql: str) -> None:
        """Something happens to the database behind the service's back."""
        async with self.app.state.db.transaction() as session:
            await session.execute(text(sql))

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.app.state.db.transaction() as session:
            return [tuple(row) for row in await session.execute(text(sql))]


def identity_app(tokens: TokenMaker) -> FastAPI:
    """Gives detection its own token."""
    app = FastAPI()

    @app.post("/oauth/token")
    async def give_token() -> dict[str, Any]:
        return {"access_token": tokens.token(Role.SERVICE, name="detection"), "expires_in": 300}

    return app


def make_settings(url: str) -> Settings:
    urls = {"ingest": "http://ingest", "casework": "http://casework", "identity": "http://identity"}
    return Settings(database_url=url, client_id="detection", client_secret="s", jobs=False, urls=urls)


MakeWorld = Callable[[], Awaitable[World]]


@pytest.fixture
async def make_world(make_database: MakeDatabase, tokens: TokenMaker) -> AsyncIterator[MakeWorld]:
    """Detection and ingest of their own for each call."""
    async with AsyncExitStack() as stack:

        async def make() -> World:
            network = Network()
            db = Database(await make_database("detection"), pool_size=2)  # any migrated database has an outbox
            stack.push_async_callback(db.close)
            ingest = Ingest(db)
            played = create_kernel_app("ingest", lifespan=lambda _: AsyncExitStack(), docs=False,
                                       routers=[feed_router(), ingest.router()])  # fmt: skip
            played.state.feed, played.state.verifier = FeedReader(db, "/ingest"), tokens.verifier()
            app = create_app(make_settings(await make_database("detection")), transport=network)
            app.state.verifier = tokens.verifier()
            app.state.clock = clock = FixedClock(at(1000))
            network.apps |= {"ingest": played, "detection": app, "identity": identity_app(tokens)}

            async def give() -> str:
                return tokens.token(Role.SERVICE, name="detection")

            ingest_client = await stack.enter_async_context(
                IngestClient("http://ingest", give, transport=network, attempts=1)
            )
            client = await stack.enter_async_context(DetectionClient("http://detection", transport=network))
            await stack.enter_async_context(app.router.lifespan_context(app))
            return World(app, clock, tokens, client, ingest, ingest_client)

        yield make


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    return await make_world()
