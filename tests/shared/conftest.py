"""A database with the kernel's tables and one more, and real servers on real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import pytest
import uvicorn
from fastapi import FastAPI

from shared.audit import AUDIT_DDL
from shared.db import Database, plain_dsn
from shared.feed import FEED_DDL, FeedReader, feed_router
from shared.http import create_app
from shared.jobs import JOBS_DDL
from shared.logging import configure
from shared.testing import TokenMaker
from tests.conftest import MakeDatabase

EFFECTS_DDL = "create table effects(event_id uuid not null, seq bigint not null, value int)"
MakeKernel = Callable[[], Awaitable[str]]
Serve = Callable[[Any], Awaitable[str]]
OpenDatabase = Callable[[str], Database]


@pytest.fixture(autouse=True, scope="session")
def _logs_as_in_a_service() -> None:
    configure("test")


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(plain_dsn(url), timeout=10)
    try:
        yield connection
    finally:
        await connection.close()


async def fetch(url: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    async with connected(url) as connection:
        return [tuple(row) for row in await connection.fetch(sql, *values)]


@pytest.fixture
async def make_kernel(make_database: MakeDatabase) -> MakeKernel:
    """`await make_kernel()`: the address of a new database as a service's first migration would make it."""

    async def make() -> str:
        url = await make_database("")
        async with connected(url) as connection:
            for statement in (*FEED_DDL, *AUDIT_DDL, *JOBS_DDL, EFFECTS_DDL):
                await connection.execute(statement)
        return url

    return make


@pytest.fixture
async def open_database() -> AsyncIterator[OpenDatabase]:
    """`open_database(url)`: a `Database`, closed at the end."""
    async with AsyncExitStack() as stack:

        def make(url: str) -> Database:
            db = Database(url)
            stack.push_async_callback(db.close)
            return db

        yield make


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """`await serve(app)`: the app behind uvicorn on a socket; its base URL."""
    servers: list[tuple[uvicorn.Server, asyncio.Task[None], socket.socket]] = []

    async def start(app: Any) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve([listener]))
        servers.append((server, task, listener))
        while not server.started:
            await asyncio.sleep(0.01)
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for server, task, listener in servers:
        server.should_exit = True
        await asyncio.wait_for(task, 10)
        listener.close()


@asynccontextmanager
async def no_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield


def feed_app(db: Database, tokens: TokenMaker, source: str = "/casework") -> FastAPI:
    """An app that serves nothing but its feed."""
    app = create_app("producer", lifespan=no_lifespan, routers=[feed_router()])
    app.state.verifier = tokens.verifier()
    app.state.feed = FeedReader(db, source)
    return app
