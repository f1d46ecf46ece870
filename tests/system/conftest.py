"""All services in one process: real apps, real clients, real databases, no socket."""

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from uuid import NAMESPACE_URL, uuid5

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from shared.auth import TokenSource
from shared.clients.casework import CaseworkClient
from shared.clients.detection import DetectionClient
from shared.clients.grading import GradingClient
from shared.clients.identity import IdentityClient
from shared.clients.ingest import IngestClient
from shared.clock import FixedClock, monotonic
from shared.contracts.identity import Login, SessionToken
from shared.settings import SERVICES
from shared.testing import Network

T = TypeVar("T")
ORDER = ("identity", "ingest", "detection", "casework", "grading")
SECRET = "a-secret-of-the-tests-only-0123456789"
START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PEOPLE = {
    "firm": (["enterprise"], "plant"),
    "other": (["enterprise"], "other-plant"),
    "zhou": (["supervisor", "supervisor_lead"], "supervisor"),
    "wang": (["officer"], "bureau"),
    "admin": (["admin"], "system"),
}


def bootstrap() -> dict[str, object]:
    """Organisations, people and clients of the small park of these tests."""
    kinds = {
        "plant": "enterprise",
        "other-plant": "enterprise",
        "supervisor": "supervisor",
        "bureau": "bureau",
        "system": "system",
    }
    codes = {"plant": "T-001", "other-plant": "T-002"}
    ids = {key: str(uuid5(NAMESPACE_URL, key)) for key in kinds}
    return {
        "organisations": [
            {"id": ids[key], "kind": kind, "name_zh": f"{key} 组织", "name_en": key, "enterprise_code": codes.get(key)}
            for key, kind in kinds.items()
        ],
        "accounts": [
            {"username": name, "password": f"password-{name}", "name_zh": f"{name} 某", "name_en": name, "roles": roles,
             "organisation_id": ids[organisation]}
            for name, (roles, organisation) in PEOPLE.items()
        ],
        "clients": [
            {"client_id": f"sanse-{name}", "client_secret": SECRET, "roles": ["service"],
             "organisation_id": ids["system"], "name": name}
            for name in (*SERVICES, "web", "tests")
        ],
    }  # fmt: skip


@dataclass
class Park:
    """The running system and its clients."""

    network: Network
    clock: FixedClock
    token: TokenSource
    apps: dict[str, FastAPI] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shared = {"token": self.token, "transport": self.network}
        self.identity = IdentityClient("http://identity", transport=self.network)
        self.ingest = IngestClient("http://ingest", **shared)
        self.detection = DetectionClient("http://detection", **shared)
        self.casework = CaseworkClient("http://casework", **shared)
        self.grading = GradingClient("http://grading", **shared)

    async def as_(self, username: str) -> str:
        """An access token of a person, through a real log-in."""
        if username not in self._tokens:
            login = Login(username=username, password=SecretStr(f"password-{username}"))
            session = await self.identity.log_in(login)
            access = await self.identity.access_token(SessionToken(session_token=session.session_token))
            self._tokens[username] = access.access_token
        return self._tokens[username]


async def until(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool], seconds: float = 15) -> T:
    """Ask again until the answer is good; fails with the last answer."""
    deadline = monotonic() + seconds
    while True:
        answer = await ask()
        if good(answer):
            return answer
        assert monotonic() < deadline, f"still: {answer!r}"
        await asyncio.sleep(0.05)


@pytest.fixture
async def park(make_database: Callable[[str], Awaitable[str]], tmp_path: Path) -> AsyncIterator[Park]:
    """Five services that talk to each other, the clock standing at a Monday morning."""
    network, clock = Network(), FixedClock(START)
    people = tmp_path / "bootstrap.json"
    people.write_text(json.dumps(bootstrap()), encoding="utf-8")
    park = Park(network, clock, TokenSource("http://identity", "sanse-tests", SECRET, network))
    async with AsyncExitStack() as stack:
        for name in ORDER:
            env = {
                **{f"SANSE_{other.upper()}_URL": f"http://{other}" for other in SERVICES},
                f"{name.upper()}_DATABASE_URL": await make_database(name),
                f"{name.upper()}_CLIENT_ID": f"sanse-{name}",
                f"{name.upper()}_CLIENT_SECRET": SECRET,
                "IDENTITY_BOOTSTRAP_FILE": str(people),
                "CASEWORK_EVIDENCE_DIR": str(tmp_path / "evidence"),
            }
            settings = importlib.import_module(f"services.{name}.settings").Settings.from_env(env)
            app = importlib.import_module(f"services.{name}.main").create_app(settings, transport=network)
            network.apps[name] = park.apps[name] = app
            app.state.clock = clock
            await stack.enter_async_context(app.router.lifespan_context(app))
        for client in (park.identity, park.ingest, park.detection, park.casework, park.grading):
            await stack.enter_async_context(client)
        yield park
