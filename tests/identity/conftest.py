"""A small identity: two enterprises, a supervisor, the bureau, the platform, and who works there."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import httpx
import pytest
from fastapi import FastAPI

from services.identity.main import create_app
from services.identity.settings import Settings
from shared.clock import FixedClock, wall
from shared.testing import running
from tests.conftest import MakeDatabase

SPACE = UUID("11111111-2222-5333-8444-555555555555")
SECRET = "s" * 43
FAR_LIMITS = {"IDENTITY_FAILURES_A_USERNAME": "1000/minute", "IDENTITY_FAILURES_AN_ADDRESS": "1000/minute"}


def organisation_id(key: str) -> str:
    return str(uuid5(SPACE, key))


def bootstrap_content() -> dict[str, list[dict[str, Any]]]:
    def organisation(key: str, kind: str, code: str | None = None) -> dict[str, Any]:
        return {"id": organisation_id(key), "kind": kind, "name_zh": f"{key}单位", "name_en": f"Office {key}",
                "enterprise_code": code}  # fmt: skip

    def account(username: str, role: str, where: str) -> dict[str, Any]:
        return {"username": username, "password": f"pass-{username}", "name_zh": f"{username}氏",
                "name_en": username.title(), "roles": [role], "organisation_id": organisation_id(where)}  # fmt: skip

    def client(client_id: str, role: str, where: str) -> dict[str, Any]:
        return {"client_id": client_id, "client_secret": f"{client_id}-{SECRET}", "roles": [role],
                "organisation_id": organisation_id(where), "name": f"Program {client_id}"}  # fmt: skip

    return {
        "organisations": [
            organisation("system", "system"), organisation("hj", "supervisor"), organisation("bureau", "bureau"),
            organisation("alpha", "enterprise", "E-001"), organisation("beta", "enterprise", "E-002"),
        ],
        "accounts": [
            account("zhou", "supervisor", "hj"), account("wang", "officer", "bureau"),
            account("alice", "enterprise", "alpha"), account("bob", "enterprise", "beta"),
            account("admin", "admin", "system"),
        ],
        "clients": [
            client("portal", "service", "system"), client("plant", "enterprise", "alpha"),
            client("root", "admin", "system"),
        ],
    }  # fmt: skip


def write_bootstrap(folder: Path, content: Any) -> str:
    path = folder / "bootstrap.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def make_settings(url: str, bootstrap: str = "", **env: str) -> Settings:
    variables = {"IDENTITY_DATABASE_URL": url, "IDENTITY_BOOTSTRAP_FILE": bootstrap, "IDENTITY_JOBS": "0"}
    return Settings.from_env({**variables, **FAR_LIMITS, **env})


@dataclass
class World:
    """The running app, a client of it, and its clock for security, which the test moves by hand."""

    app: FastAPI
    http: httpx.AsyncClient
    clock: FixedClock

    def advance(self, span: timedelta) -> None:
        self.clock.advance(span)

    async def log_in(self, username: str, password: str | None = None, **headers: str) -> httpx.Response:
        body = {"username": username, "password": password or f"pass-{username}"}
        return await self.http.post("/v1/sessions", json=body, headers=headers)

    async def session(self, username: str) -> str:
        answer = await self.log_in(username)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["session_token"])

    async def exchange(self, session_token: str) -> httpx.Response:
        return await self.http.post("/v1/sessions/token", json={"session_token": session_token})

    async def access_token(self, username: str) -> str:
        return str((await self.exchange(await self.session(username))).json()["access_token"])

    async def client_token(self, client_id: str, **form: str) -> httpx.Response:
        fields = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": f"{client_id}-{SECRET}"}
        return await self.http.post("/oauth/token", data=fields | form)

    async def headers(self, username: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self.access_token(username)}"}

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        from sqlalchemy import text

        async with self.app.state.db.transaction() as session:
            return [tuple(row) for row in await session.execute(text(sql))]


MakeWorld = Callable[..., Any]


@pytest.fixture
async def make_world(make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[MakeWorld]:
    """`await make_world(url=…, at=…, VARIABLE=…)`: an identity with the people above."""
    async with AsyncExitStack() as stack:

        async def make(*, url: str = "", at: datetime | None = None, content: Any = None, **env: str) -> World:
            url = url or await make_database("identity")
            file = write_bootstrap(tmp_path, bootstrap_content() if content is None else content)
            app = create_app(make_settings(url, file, **env))
            clock = FixedClock(at or wall())
            app.state.wall = clock.now
            return World(app, await stack.enter_async_context(running(app, "identity")), clock)

        yield make


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    made: World = await make_world()
    return made
