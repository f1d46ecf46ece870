"""Database sessions and migrations. One request = one transaction, committed before the answer.

`Depends(dep, scope="function")` is needed in every `deps.py`: since FastAPI 0.118 the code after
`yield` otherwise runs after the answer has gone out, and an acknowledged change could still be lost.
"""

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command, context
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from shared.errors import UnavailableError

KERNEL_TABLES = frozenset(
    {"outbox", "feed_head", "feed_cursor", "feed_seen", "feed_parked", "audit_head", "audit_entry", "job_run",
     "idempotency_key", "alembic_version"}
)  # fmt: skip
"""Tables whose DDL belongs to `shared` (feed, audit, jobs, http); `alembic check` leaves them alone."""

COMMAND_TIMEOUT = 60.0
MIGRATION_LOCK = 7_260_001


CONNECTION_STATES = ("08", "57P0", "53300")
"""Beginnings of SQLSTATE codes that say: no connection, shutting down, too many connections."""
PASSING_STATES = (*CONNECTION_STATES, "40001", "40P01", "55P03", "57014", "25P03")
"""And those that may be gone at the next try: serialization, deadlock, lock or statement time-out."""


def _state_of(error: BaseException) -> str:
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


def _is_lost(error: Exception) -> bool:
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or isinstance(error, PoolTimeoutError) or _state_of(error).startswith(CONNECTION_STATES)


def is_passing_fault(error: BaseException) -> bool:
    """Whether the same work may succeed at the next try: network, database, lock; not the data itself."""
    if isinstance(error, UnavailableError | OSError | PoolTimeoutError):  # TimeoutError is an OSError
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return _state_of(error).startswith(PASSING_STATES)


class Database:
    """The one way to the service's PostgreSQL: pooled SQLAlchemy sessions on asyncpg."""

    def __init__(self, url: str, *, application: str = "sanse", pool_size: int = 8) -> None:
        self.url = url
        self._server_settings = {
            "application_name": application,
            "timezone": "UTC",
            "jit": "off",
            "idle_in_transaction_session_timeout": "120000",
        }
        self.engine: AsyncEngine = create_async_engine(
            url,
            async_creator=self._connect,
            hide_parameters=True,  # an error is logged with its statement; values may be secrets
            pool_size=pool_size,
            max_overflow=4,
            pool_timeout=10,
            pool_recycle=1800,
        )

    async def _connect(self) -> asyncpg.Connection:
        try:
            return await asyncpg.connect(
                plain_dsn(self.url), timeout=10, command_timeout=COMMAND_TIMEOUT, server_settings=self._server_settings
            )
        except (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError,
                asyncpg.TooManyConnectionsError) as error:  # fmt: skip
            raise UnavailableError("the database cannot be reached for now", retry_after=1) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session in a transaction: commits at the end of the block, rolls back on any error.

        `UnavailableError` where there is no connection to be had, or it is lost on the way.
        """
        try:
            async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
                yield session
        except (DBAPIError, PoolTimeoutError, asyncpg.PostgresError) as error:
            if _is_lost(error):
                raise UnavailableError("the database is not there for now", retry_after=1) from error
            raise

    async def ping(self) -> None:
        """Raise unless the database answers."""
        async with self.engine.connect() as connection:
            await connection.execute(text("select 1"))

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


async def raw(session: AsyncSession) -> asyncpg.Connection:
    """The asyncpg connection under a session, in the same transaction: for bulk paths only."""
    connection = await session.connection()
    driver = (await connection.get_raw_connection()).driver_connection
    if driver is None:
        raise RuntimeError("session has no driver connection")
    if not driver.is_in_transaction():
        # SQLAlchemy sends BEGIN with its own first statement; before it, each raw one would commit alone.
        await session.execute(text("select 1"))
    return driver


def plain_dsn(url: str) -> str:
    """The same address in the form asyncpg itself takes."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


def _config(service: str) -> Config:
    module = importlib.import_module(f"services.{service}")
    if module.__file__ is None:
        raise RuntimeError(f"services.{service} has no place on disk")
    config = Config()
    config.set_main_option("script_location", str(Path(module.__file__).parent / "migrations"))
    return config


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": 10})
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


async def upgrade(service: str, url: str) -> None:
    """Bring one service's database to the newest schema; replicas wait for each other."""

    def run(connection: Connection) -> None:
        connection.execute(text("select pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.execute(text("set lock_timeout = '4s'"))
        config = _config(service)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()

    async with _connected(url) as connection:
        await connection.run_sync(run)


async def is_at_head(service: str, url: str) -> bool:
    """Whether the database has the schema this code needs."""

    def run(connection: Connection) -> bool:
        current = MigrationContext.configure(connection).get_current_revision()
        return current == ScriptDirectory.from_config(_config(service)).get_current_head()

    async with _connected(url) as connection:
        return bool(await connection.run_sync(run))


def schema_check(service: str, url: str) -> Callable[[], Awaitable[None]]:
    """For `/readyz`: raises `UnavailableError` unless the database has the newest schema."""

    async def check() -> None:
        if not await is_at_head(service, url):
            raise UnavailableError("the database is not at the newest schema; run: sanse migrate")

    return check


async def schema_differences(url: str, metadata: MetaData) -> list[Any]:
    """What `alembic check` would report: tables.py against the migrated database."""

    def run(connection: Connection) -> list[Any]:
        options = {"include_name": include_name, "compare_type": True, "compare_server_default": False}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    async with _connected(url) as connection:
        return list(await connection.run_sync(run))


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    """Leave kernel tables and partitions (`…_p…`) out of comparisons."""
    del parents
    return kind != "table" or name is None or (name not in KERNEL_TABLES and "_p2" not in name)


def run_migrations(metadata: MetaData) -> None:
    """The whole of a service's `migrations/env.py`."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, include_name=include_name)
    with context.begin_transaction():
        context.run_migrations()
