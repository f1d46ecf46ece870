"""Grading between fake neighbours in one process: real feeds, real clients, real databases."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from sqlalchemy import text

from services.grading.jobs import build_consumers
from services.grading.main import create_app
from services.grading.settings import Settings
from shared.auth import Role, TokenVerifier
from shared.clients.grading import GradingClient
from shared.clock import FixedClock
from shared.contracts.casework import (
    CASE_CHANGED,
    FINDING_CHANGED,
    VISIT_COMPLETED,
    CaseFact,
    CaseState,
    FindingFact,
    FindingSeverity,
    FindingState,
    VisitFact,
    VisitType,
)
from shared.contracts.detection import (
    ANOMALY_OPENED,
    ANOMALY_UPDATED,
    AnomalyOut,
    AnomalyState,
    Explanation,
    Frequency,
    Nature,
    Severity,
)
from shared.contracts.grading import Colour
from shared.contracts.ingest import (
    ENTERPRISE_CHANGED,
    OUTLET_CHANGED,
    Completeness,
    EnterpriseOut,
    Medium,
    OutletOut,
    ReadingKind,
    enterprise_uuid,
    outlet_uuid,
)
from shared.contracts.ingest.marks import MarkFacts
from shared.db import Database
from shared.errors import NotFoundError
from shared.feed import FeedReader, feed_router, publish
from shared.http import create_app as create_kernel_app
from shared.testing import Network, TokenMaker
from tests.conftest import MakeDatabase
from tests.grading.makers import AS_OF, DAY, an_id, at

NOW = AS_OF + 5 * DAY
QUARTER = "2026Q3"
OTHERS = ("ingest", "detection", "casework")


@dataclass
class Neighbour:
    """A service to the left: its feed, and what ingest answers besides."""

    app: FastAPI
    db: Database

    async def tell(self, event_type: str, subject: str, data: BaseModel) -> None:
        async with self.db.transaction() as session:
            await publish(session, event_type, subject, data.model_dump(mode="json"), at=AS_OF)


@dataclass
class World:
    """Grading, its neighbours, its clock, and people who call it."""

    app: FastAPI
    clock: FixedClock
    tokens: TokenMaker
    network: Network
    client: GradingClient
    join: Callable[[str], Awaitable[Neighbour]]
    """Starts a neighbour."""
    neighbours: dict[str, Neighbour] = field(default_factory=dict)
    """Those that had something to tell; each needs a database, so none is started before."""
    registry: dict[UUID, EnterpriseOut] = field(default_factory=dict)
    """What ingest knows."""
    completeness: dict[UUID, Completeness] = field(default_factory=dict)
    marks: list[MarkFacts] = field(default_factory=list)
    """What ingest says of marks."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Spans for which completeness was asked."""

    def as_(self, *roles: Role, name: str = "", enterprise: str | None = None) -> GradingClient:
        """The client in somebody's name."""
        firm = enterprise_uuid(enterprise) if enterprise else None
        return self.client.as_user(self.tokens.token(*roles, name=name, enterprise_id=firm))

    @property
    def officer(self) -> GradingClient:
        return self.as_(Role.OFFICER, name="wang")

    @property
    def head(self) -> GradingClient:
        return self.as_(Role.SECTION_HEAD, name="li")

    def firm(self, code: str) -> GradingClient:
        return self.as_(Role.ENTERPRISE, name=f"user-{code}", enterprise=code)

    async def http(self, method: str, path: str, *roles: Role, enterprise: str = "", **options: Any) -> httpx.Response:
        """A bare request; without roles it carries no token."""
        headers = dict(options.pop("headers", {}))
        if roles:
            firm = enterprise_uuid(enterprise) if enterprise else None
            headers |= self.tokens.headers(*roles, enterprise_id=firm)
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://grading") as client:
            return await client.request(method, path, headers=headers, **options)

    async def tell(self, name: str, event_type: str, subject: str, data: BaseModel) -> None:
        """A neighbour publishes an event."""
        if name not in self.neighbours:
            self.neighbours[name] = await self.join(name)
        await self.neighbours[name].tell(event_type, subject, data)

    async def catch_up(self) -> int:
        """Let grading read its neighbours' feeds to their end; how many events were new."""
        count = 0
        for consumer in build_consumers(self.app):
            consumer.wait = 0
            while consumer.feed in self.neighbours and (new := await consumer.step()):
                count += new
        return count

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.app.state.db.transaction() as session:
            return [tuple(row) for row in await session.execute(text(sql))]

    async def enterprise(self, code: str, hours: tuple[int, int, int] = (2000, 2000, 2000), **fields: Any) -> UUID:
        """Register an enterprise with one outlet that sent these expected, received and valid hours."""
        plain: dict[str, Any] = {
            "id": enterprise_uuid(code), "version": 1, "changed_at": at(1), "code": code, "name_zh": f"{code}厂",
            "name_en": f"Works {code}", "trade": "textile", "connected_on": "2025-01-01",
        }  # fmt: skip
        enterprise = EnterpriseOut(**plain | fields)
        outlet = OutletOut(
            id=outlet_uuid(code, "W1"), version=1, changed_at=at(1), enterprise_id=enterprise.id, code="W1",
            name_zh="总排口", name_en="Main", medium=Medium.WATER,
        )  # fmt: skip
        self.registry[enterprise.id] = enterprise
        expected, received, valid = hours
        self.completeness[outlet.id] = Completeness(
            outlet_id=outlet.id, enterprise_id=enterprise.id, expected_hours=expected, received_hours=received,
            valid_hours=valid, transmission=None, validity=None, tvr=None,
        )  # fmt: skip
        await self.tell("ingest", ENTERPRISE_CHANGED, str(enterprise.id), enterprise)
        await self.tell("ingest", OUTLET_CHANGED, str(outlet.id), outlet)
        return enterprise.id

    async def anomaly(self, name: str, code: str = "E-001", version: int = 1, **fields: Any) -> AnomalyOut:
        """Detection tells of an exceedance (three hours on 3 August), or of a newer version of it."""
        plain: dict[str, Any] = {
            "id": an_id(name), "no": f"A-{name}", "enterprise_id": enterprise_uuid(code),
            "outlet_id": outlet_uuid(code, "W1"), "factor": "w01018", "kind": ReadingKind.HOUR, "rule": "EX-H",
            "nature": Nature.EXCEEDANCE, "severity": Severity.B, "frequency": Frequency.FIRST, "count_30d": 1,
            "state": AnomalyState.CLOSED, "started_at": at(3, 8), "last_at": at(3, 10), "points": 3,
            "explanation": Explanation(code="exceedance_hour"), "detected_at": at(3, 11), "version": version,
        }  # fmt: skip
        anomaly = AnomalyOut(**plain | fields)
        kind = ANOMALY_OPENED if version == 1 else ANOMALY_UPDATED
        await self.tell("detection", kind, str(anomaly.id), anomaly)
        return anomaly

    async def case(self, no: str, version: int = 1, code: str = "E-001", **fields: Any) -> None:
        """Casework tells of a case, closed after a reply in time."""
        plain: dict[str, Any] = {
            "case_id": an_id(no), "no": no, "enterprise_id": enterprise_uuid(code),
            "outlet_id": outlet_uuid(code, "W1"), "rule": "EX-H", "nature": Nature.EXCEEDANCE,
            "severity": Severity.B, "state": CaseState.CLOSED, "event": "conclude", "at": at(9),
            "inquiry_sent_at": at(3, 12), "reply_by": at(4, 12), "replied_at": at(4), "on_time": True,
            "version": version,
        }  # fmt: skip
        await self.tell("casework", CASE_CHANGED, no, CaseFact(**plain | fields))

    async def visit(self, no: str, points: int, code: str = "E-001") -> None:
        """Casework tells of an inspection on 5 August."""
        fact = VisitFact(
            visit_id=an_id(no), no=no, case_id=an_id("case"), case_no="WX", enterprise_id=enterprise_uuid(code),
            type=VisitType.INSPECTION, trigger="data_clue", completed_at=at(5), findings=1, points=points,
            colour=Colour.GREY,
        )  # fmt: skip
        await self.tell("casework", VISIT_COMPLETED, no, fact)

    async def finding(self, no: str, code: str = "E-001", **fields: Any) -> None:
        """Casework tells of a finding, open and overdue since 20 August."""
        plain: dict[str, Any] = {
            "finding_id": an_id(no), "no": no, "case_id": an_id("case"), "case_no": "WX",
            "enterprise_id": enterprise_uuid(code), "code": "18-1", "severity": FindingSeverity.MAJOR, "points": 8,
            "state": FindingState.OVERDUE, "at": at(21), "issued_at": at(5), "due_at": at(20), "version": 1,
        }  # fmt: skip
        await self.tell("casework", FINDING_CHANGED, no, FindingFact(**plain | fields))


def ingest_router(world: World) -> APIRouter:
    """The part of ingest grading asks."""
    router = APIRouter(prefix="/v1")

    @router.get("/completeness")
    async def completeness(since: datetime, until: datetime) -> list[Completeness]:
        world.asked.append((since.isoformat(), until.isoformat()))
        return list(world.completeness.values())

    @router.get("/marks/facts")
    async def mark_facts() -> list[MarkFacts]:
        return world.marks

    @router.get("/enterprises/{enterprise_id}")
    async def get_enterprise(enterprise_id: UUID) -> EnterpriseOut:
        if enterprise_id not in world.registry:
            raise NotFoundError("no such enterprise")
        return world.registry[enterprise_id]

    return router


def identity_app(tokens: TokenMaker) -> FastAPI:
    """Gives grading its own token."""
    app = FastAPI()

    @app.post("/oauth/token")
    async def give_token() -> dict[str, Any]:
        return {"access_token": tokens.token(Role.SERVICE, name="grading"), "expires_in": 300}

    return app


def make_settings(url: str) -> Settings:
    return Settings(
        database_url=url, client_id="grading", client_secret="s", jobs=False,
        urls={name: f"http://{name}" for name in (*OTHERS, "identity")},
    )  # fmt: skip


def neighbour_app(name: str, db: Database, verifier: TokenVerifier, router: APIRouter) -> FastAPI:
    app = create_kernel_app(name, lifespan=_no_lifespan, routers=[feed_router(), router], docs=False)
    app.state.feed = FeedReader(db, f"/{name}")
    app.state.verifier = verifier
    return app


def _no_lifespan(_app: FastAPI) -> AsyncExitStack:
    return AsyncExitStack()


@pytest.fixture
async def world(make_database: MakeDatabase, tokens: TokenMaker) -> AsyncIterator[World]:
    """Five days after the third quarter's end; nobody is registered yet."""
    network = Network()
    async with AsyncExitStack() as stack:

        async def join(name: str) -> Neighbour:
            db = Database(await make_database("grading"), pool_size=2)  # any migrated database has an outbox
            stack.push_async_callback(db.close)
            router = ingest_router(world) if name == "ingest" else APIRouter()
            app = network.apps[name] = neighbour_app(name, db, tokens.verifier(), router)
            return Neighbour(app, db)

        app = create_app(make_settings(await make_database("grading")), transport=network)
        app.state.verifier = tokens.verifier()
        app.state.clock = clock = FixedClock(NOW)
        network.apps |= {"grading": app, "identity": identity_app(tokens)}
        client = await stack.enter_async_context(GradingClient("http://grading", transport=network))
        world = World(app, clock, tokens, network, client, join)
        await stack.enter_async_context(app.router.lifespan_context(app))
        yield world
