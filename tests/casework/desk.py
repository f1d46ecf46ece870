"""A casework app driven through HTTP by everybody who works with it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
from fastapi import FastAPI, Request, Response

from services.casework.consumers import Consumers
from services.casework.main import create_app
from services.casework.settings import Settings
from shared.auth import Role
from shared.clients.casework import CaseworkClient
from shared.clients.detection import DetectionClient
from shared.clients.grading import GradingClient
from shared.clients.ingest import IngestClient
from shared.clock import FixedClock
from shared.contracts.casework import CaseAct, CaseDetail, CaseEvent, FindingAct, FindingOut, VisitAct, VisitOut
from shared.contracts.detection import ANOMALY_OPENED, AnomalyOut
from shared.contracts.grading import COLOUR_CHANGED, Colour
from shared.http import etag_of
from shared.testing import Network, TokenMaker, running
from tests.casework.makers import FACTORS, FIRM, NOW, OTHER_FIRM, make_anomaly, make_enterprise, make_outlet


class Neighbour:
    """Plays another service: a feed of what tests put in, and a registry. `down` makes it fail."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.epoch = uuid4()
        self.down = False
        self.calls: list[str] = []
        self.enterprises = {item.id: item for item in (make_enterprise("E1"), make_enterprise("E2"))}
        self.outlets = {
            item.id: item for item in (make_outlet("E1", "W1"), make_outlet("E1", "W2"), make_outlet("E2", "W1"))
        }
        self.app = FastAPI()
        self.app.get("/v1/feed")(self.read_feed)
        self.app.get("/v1/enterprises/{identity}")(self.get_enterprise)
        self.app.get("/v1/outlets/{identity}")(self.get_outlet)
        self.app.get("/v1/factors")(self.list_factors)

    def put(self, event_type: str, data: dict[str, Any], *, event_id: UUID | None = None) -> None:
        """Add an event at the end of the feed."""
        self.events.append(
            {"id": str(event_id or uuid4()), "source": "/test", "type": event_type, "subject": "x",
             "time": NOW.isoformat(), "sequence": str(len(self.events) + 1).zfill(20), "data": data}
        )  # fmt: skip

    async def read_feed(self, request: Request) -> Response:
        if self.down:
            return Response(status_code=503)
        after, limit = int(request.query_params["after"]), int(request.query_params["limit"])
        body = orjson.dumps(self.events[after : after + limit])
        headers = {"Feed-Epoch": str(self.epoch), "Feed-Head": str(len(self.events))}
        return Response(body, headers=headers, media_type="application/json")

    async def get_enterprise(self, identity: UUID) -> Response:
        return self._object(f"enterprise {identity}", self.enterprises.get(identity))

    async def get_outlet(self, identity: UUID) -> Response:
        return self._object(f"outlet {identity}", self.outlets.get(identity))

    async def list_factors(self) -> Response:
        self.calls.append("factors")
        return Response(orjson.dumps([item.model_dump(mode="json") for item in FACTORS]))

    def _object(self, what: str, found: Any) -> Response:
        self.calls.append(what)
        if found is None:
            return Response(b'{"code": "not_found", "detail": "no such object"}', 404)
        return Response(found.model_dump_json())


@dataclass
class Desk:
    """Everything a test needs."""

    app: FastAPI
    http: httpx.AsyncClient
    clock: FixedClock
    tokens: TokenMaker
    ingest: Neighbour
    detection: Neighbour
    grading: Neighbour
    consumers: Consumers
    _clients: dict[str, CaseworkClient] = field(default_factory=dict)

    def headers(self, who: str) -> dict[str, str]:
        """The token of one of the cast: firm, other_firm, supervisor, lead, officer, head, auditor, admin, service."""
        roles: dict[str, tuple[Role, ...]] = {
            "firm": (Role.ENTERPRISE,), "other_firm": (Role.ENTERPRISE,), "supervisor": (Role.SUPERVISOR,),
            "supervisor2": (Role.SUPERVISOR,), "lead": (Role.SUPERVISOR_LEAD,), "officer": (Role.OFFICER,),
            "head": (Role.SECTION_HEAD,), "auditor": (Role.AUDITOR,), "admin": (Role.ADMIN,),
            "service": (Role.SERVICE,),
        }  # fmt: skip
        firm = {"firm": FIRM, "other_firm": OTHER_FIRM}.get(who)
        organisation = {"firm": "企业E1", "other_firm": "企业E2"}.get(who, "")
        return self.tokens.headers(*roles[who], name=who, enterprise_id=firm, organisation=organisation)

    def client(self, who: str) -> CaseworkClient:
        """The typed client, speaking as one of the cast."""
        if who not in self._clients:
            token = self.headers(who)["Authorization"].removeprefix("Bearer ")
            base = CaseworkClient("http://casework", transport=httpx.ASGITransport(self.app))
            self._clients[who] = base.as_user(token)
        return self._clients[who]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()

    async def bring(self, *anomalies: AnomalyOut, event_type: str = ANOMALY_OPENED) -> None:
        """Let detection tell anomalies, and casework take them in."""
        for anomaly in anomalies:
            self.detection.put(event_type, anomaly.model_dump(mode="json"))
        await self.consumers.detection.step()

    async def open_case(self, **changes: Any) -> CaseDetail:
        """A new case in screening."""
        anomaly = make_anomaly(**changes)
        await self.bring(anomaly)
        page = await self.client("lead").list_cases(sort="newest", limit=500)
        detail = [await self.client("lead").get_case(item.id) for item in page.items]
        return next(case for case in detail if anomaly.id in {item.id for item in case.anomaly_list})

    async def act(self, who: str, case: CaseDetail | UUID, event: CaseEvent, **fields: Any) -> CaseDetail:
        """An act on a case as it is now."""
        case_id = case if isinstance(case, UUID) else case.id
        current = await self.client("service").get_case(case_id)
        return await self.client(who).act_on_case(case_id, CaseAct(event=event, **fields), current.version)

    async def act_on_visit(self, who: str, visit: VisitOut, **fields: Any) -> VisitOut:
        current = await self.client("service").get_visit(visit.id)
        return await self.client(who).act_on_visit(visit.id, VisitAct(**fields), current.version)

    async def act_on_finding(self, who: str, finding: FindingOut, **fields: Any) -> FindingOut:
        current = await self.client("service").get_finding(finding.id)
        return await self.client(who).act_on_finding(finding.id, FindingAct(**fields), current.version)

    async def set_colour(self, colour: Colour, enterprise_id: UUID = FIRM) -> None:
        data = {"enterprise_id": str(enterprise_id), "colour": colour.value, "quarter": "2026Q4"}
        self.grading.put(COLOUR_CHANGED, data)
        await self.consumers.grading.step()

    async def post(self, who: str, path: str, body: Any, *, version: int | None = None) -> httpx.Response:
        """A raw call, to see refusals."""
        headers = self.headers(who) | ({"If-Match": etag_of(version)} if version is not None else {})
        return await self.http.post(path, json=body, headers=headers)

    async def get(self, who: str, path: str, **params: Any) -> httpx.Response:
        return await self.http.get(path, headers=self.headers(who), params=params)

    async def upload(
        self, who: str, case_id: UUID, name: str, content: bytes, kind: str = "photo", **fields: str
    ) -> httpx.Response:
        form = {"case_id": str(case_id), "kind": kind, **fields}
        return await self.http.post(
            "/v1/evidence", data=form, files={"file": (name, content)}, headers=self.headers(who)
        )

    async def feed(self) -> list[dict[str, Any]]:
        """All events casework told."""
        answer = await self.get("service", "/v1/feed", limit=1000)
        events: list[dict[str, Any]] = answer.json()
        return events

    def advance(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))


@asynccontextmanager
async def open_desk(url: str, tokens: TokenMaker, folder: Path) -> AsyncIterator[Desk]:
    """An app without background work: tests step its consumers and jobs themselves."""
    app = create_app(Settings(database_url=url, jobs=False, evidence_dir=folder / "evidence"))
    app.state.verifier = tokens.verifier()
    app.state.clock = clock = FixedClock(NOW)
    network = Network()
    ingest, detection, grading = Neighbour(), Neighbour(), Neighbour()
    network.apps = {"ingest": ingest.app, "detection": detection.app, "grading": grading.app}
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(running(app, "casework"))
        clients = [
            await stack.enter_async_context(kind(f"http://{kind.service}", transport=network, attempts=1))
            for kind in (IngestClient, DetectionClient, GradingClient)
        ]
        consumers = Consumers(app, *clients)  # type: ignore[arg-type]
        for consumer in (consumers.ingest, consumers.detection, consumers.grading):
            consumer.wait = 0
        desk = Desk(app, http, clock, tokens, ingest, detection, grading, consumers)
        stack.push_async_callback(desk.close)
        yield desk


def pick(items: Sequence[Any], **values: Any) -> Any:
    """The one item with these attributes."""
    [found] = [item for item in items if all(getattr(item, name) == value for name, value in values.items())]
    return found
