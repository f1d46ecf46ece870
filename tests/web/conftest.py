"""A portal over fake services, and people in front of it: with htmx, without, logged in or not."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from shared.clock import FixedClock
from shared.testing import TokenMaker, running
from tests.web.makers import NOW
from tests.web.park import PASSWORD, Park
from web.main import create_app
from web.settings import WebSettings

HTMX = {"HX-Request": "true"}
URLS = {name: f"http://{name}" for name in ("ingest", "detection", "casework", "grading", "identity")}
LogIn = Callable[[str], Awaitable[httpx.AsyncClient]]


def make_settings(**changes: object) -> WebSettings:
    options: dict[str, object] = {"urls": URLS, "clock": FixedClock(NOW), "log_level": "ERROR", **changes}
    return WebSettings(**options)  # type: ignore[arg-type]


@pytest.fixture
def park(tokens: TokenMaker) -> Park:
    return Park(tokens)


@pytest.fixture
def app(park: Park) -> FastAPI:
    return create_app(make_settings(), park.network())


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at the portal's own origin."""
    async with running(app, "portal", headers={"Origin": "http://portal"}) as client:
        yield client


@pytest.fixture(params=["no-js", "htmx"])
def mode(request: pytest.FixtureRequest) -> dict[str, str]:
    """Headers of a page without scripts and of one with htmx."""
    return HTMX if request.param == "htmx" else {}


@pytest.fixture
def log_in(client: httpx.AsyncClient) -> LogIn:
    async def enter(name: str) -> httpx.AsyncClient:
        answer = await client.post("/login", data={"username": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return client

    return enter
