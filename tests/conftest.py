"""Fixtures for all tests: one PostgreSQL a worker, a migrated copy a test, tokens."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from launcher.postgres import DatabaseServer, temporary_server
from shared.testing import Databases, TokenMaker
from tests.live_stack import LiveStack, live_stack

MakeDatabase = Callable[[str], Awaitable[str]]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": False}


@pytest.fixture(scope="session")
def postgres() -> Iterator[DatabaseServer]:
    """A real PostgreSQL 18 of this worker's own."""
    with temporary_server() as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres: DatabaseServer) -> Databases:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    return Databases(postgres.url, f"t_{worker}_{os.getpid()}")


@pytest.fixture
async def make_database(databases: Databases) -> AsyncIterator[MakeDatabase]:
    """`await make_database("casework")` gives the address of a fresh migrated database."""
    made: list[str] = []

    async def make(service: str) -> str:
        url = await (databases.make(service) if service else databases.empty())
        made.append(url)
        return url

    yield make
    await asyncio.gather(*(databases.drop(url) for url in made))


@pytest.fixture(scope="session")
def tokens() -> TokenMaker:
    return TokenMaker()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """The demo stack, started once. Mark its tests with `xdist_group("stack")` so that one worker has it."""
    with live_stack(tmp_path_factory.mktemp("stack") / "data") as running:
        yield running
