import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db import Database, is_passing_fault, plain_dsn
from shared.errors import UnavailableError
from shared.http import create_app
from tests.shared.conftest import MakeKernel, OpenDatabase, Serve, connected, fetch, no_lifespan

router = APIRouter()


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.db.transaction() as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session, scope="function")]
LateSession = Annotated[AsyncSession, Depends(get_session)]


@router.post("/things/{value}")
async def add_thing(value: int, session: Session) -> dict[str, int]:
    await session.execute(text("insert into things(value) values(:value)"), {"value": value})
    return {"value": value}


@router.post("/late/{value}")
async def add_thing_late(value: int, session: LateSession) -> dict[str, int]:
    await session.execute(text("insert into things(value) values(:value)"), {"value": value})
    return {"value": value}


@pytest.fixture
async def app(make_kernel: MakeKernel, open_database: OpenDatabase) -> FastAPI:
    """An app whose commits fail for a value given twice: the constraint is checked at the commit."""
    url = await make_kernel()
    async with connected(url) as connection:
        await connection.execute("create table things(value int unique deferrable initially deferred)")
    app = create_app("things", lifespan=no_lifespan, routers=[router])
    app.state.db = open_database(url)
    return app


async def test_answer_comes_after_the_commit(app: FastAPI, serve: Serve) -> None:
    base = await serve(app)
    async with httpx.AsyncClient(base_url=base) as http:
        first, second = await http.post("/things/1"), await http.post("/things/1")
        assert first.status_code == 200
        assert (second.status_code, second.json()["code"]) == (500, "internal_error")
        # The default scope commits after the answer has left: the trap this house avoids.
        assert (await http.post("/late/1")).status_code == 200

    assert await fetch(app.state.db.url, "select value from things") == [(1,)]


async def test_acknowledged_rows_are_there_at_once(app: FastAPI, serve: Serve) -> None:
    base = await serve(app)
    async with httpx.AsyncClient(base_url=base) as http, connected(app.state.db.url) as other:
        for value in range(30):
            await http.post(f"/things/{value}")
            assert await other.fetchval("select count(*) from things") == value + 1


async def test_error_rolls_back(app: FastAPI) -> None:
    db: Database = app.state.db
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the transaction is the point
        async with db.transaction() as session:
            await session.execute(text("insert into things values(1)"))
            _ = 1 / 0

    assert await fetch(db.url, "select * from things") == []


async def test_cancelled_requests_leave_no_open_transaction(app: FastAPI) -> None:
    db: Database = app.state.db

    async def work(value: int) -> None:
        async with db.transaction() as session:
            await session.execute(text("insert into things values(:value)"), {"value": value})
            await session.execute(text("select pg_sleep(30)"))

    for _ in range(4):
        tasks = [asyncio.create_task(work(value)) for value in range(10)]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.2)

    open_ones = await fetch(
        db.url, "select state, query from pg_stat_activity where datname = current_database()"
        " and pid <> pg_backend_pid() and (state like 'idle in transaction%' or state = 'active')",
    )  # fmt: skip
    assert open_ones == []
    async with db.transaction() as session:
        await session.execute(text("select 1"))


async def test_sessions_are_in_utc_and_bounded(app: FastAPI) -> None:
    db: Database = app.state.db
    async with db.transaction() as session:
        settings = {
            name: (await session.execute(text(f"show {name}"))).scalar_one()
            for name in ("timezone", "idle_in_transaction_session_timeout", "application_name")
        }

    assert settings == {"timezone": "UTC", "idle_in_transaction_session_timeout": "2min", "application_name": "sanse"}


async def test_values_are_not_in_errors(app: FastAPI) -> None:
    with pytest.raises(DBAPIError) as failed:
        async with app.state.db.transaction() as session:
            await session.execute(text("select cast(:value as int)"), {"value": 2**40})

    assert "select cast" in str(failed.value)
    assert str(2**40) not in str(failed.value).split("[SQL", 1)[1]


async def test_no_database_is_unavailable(open_database: OpenDatabase, serve: Serve) -> None:
    db = open_database("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    app = create_app("things", lifespan=no_lifespan, routers=[router], checks={"database": db.ping})
    app.state.db = db
    async with httpx.AsyncClient(base_url=await serve(app)) as http:
        answer = await http.post("/things/1")
        ready = await http.get("/readyz")

    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "unavailable", "1")
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    assert ready.json()["checks"]["database"].startswith("UnavailableError: ")


async def test_connection_lost_on_the_way_is_unavailable(app: FastAPI) -> None:
    db: Database = app.state.db
    with pytest.raises(UnavailableError):  # noqa: PT012 - the transaction is the point
        async with db.transaction() as session:
            pid = (await session.execute(text("select pg_backend_pid()"))).scalar_one()
            await fetch(db.url, "select pg_terminate_backend($1)", pid)
            await session.execute(text("select 1"))
    async with db.transaction() as session:  # the next one is as good as new
        await session.execute(text("select 1"))


async def test_deadlock_passes_and_bad_data_does_not(app: FastAPI) -> None:
    db: Database = app.state.db
    await fetch(db.url, "insert into things values(1), (2) returning value")

    async def lock(first: int, second: int) -> None:
        async with db.transaction() as session:
            for value in (first, second):
                await session.execute(text("update things set value = value where value = :value"), {"value": value})
                await asyncio.sleep(0.2)

    outcomes = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)
    (deadlock,) = [outcome for outcome in outcomes if isinstance(outcome, DBAPIError)]
    assert is_passing_fault(deadlock)
    with pytest.raises(DBAPIError) as wrong:
        async with db.transaction() as session:
            await session.execute(text("select 1/0"))
    assert not is_passing_fault(wrong.value)


def test_plain_dsn() -> None:
    assert plain_dsn("postgresql+asyncpg://a:b@c:1/d?host=/x") == "postgresql://a:b@c:1/d?host=/x"
