"""A server that holds databases, wherever it is, and the few acts the launcher needs on it."""

import re
from typing import Protocol

import asyncpg
from sqlalchemy.engine import URL, make_url

from launcher.errors import LauncherError

TIMEOUT = 30.0
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


class DatabaseServer(Protocol):
    """Gives the address of each of its databases."""

    def url(self, database: str) -> str:
        """SQLAlchemy address (`postgresql+asyncpg://…`) of one database."""
        ...


class ExternalPostgres:
    """A server given by address, for example `postgresql+asyncpg://user:password@host:5432`."""

    def __init__(self, address: str) -> None:
        self._address: URL = make_url(address).set(drivername="postgresql+asyncpg")

    def url(self, database: str) -> str:
        """SQLAlchemy address of one database of this server."""
        return self._address.set(database=database).render_as_string(hide_password=False)


def plain(url: str) -> str:
    """The address in the form that asyncpg itself takes."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _quoted(name: str) -> str:
    if not NAME.fullmatch(name):
        raise LauncherError(f"{name!r} is no database name: small letters, digits and _ only, at most 63 characters")
    return f'"{name}"'


async def create_database(server: DatabaseServer, name: str, *, template: str | None = None) -> bool:
    """Create a database unless it is there; True when it was created. Nobody may be using `template`."""
    statement = f"create database {_quoted(name)}"
    if template is not None:
        statement += f" template {_quoted(template)}"
    connection = await asyncpg.connect(plain(server.url("postgres")), timeout=TIMEOUT, command_timeout=TIMEOUT)
    try:
        if await connection.fetchval("select 1 from pg_database where datname = $1", name):
            return False
        await connection.execute(statement)
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):  # another process was faster
        return False
    finally:
        await connection.close(timeout=TIMEOUT)
    return True


async def drop_database(server: DatabaseServer, name: str) -> None:
    """Drop a database if it is there, ending the sessions in it."""
    connection = await asyncpg.connect(plain(server.url("postgres")), timeout=TIMEOUT, command_timeout=TIMEOUT)
    try:
        await connection.execute(f"drop database if exists {_quoted(name)} with (force)")
    finally:
        await connection.close(timeout=TIMEOUT)


async def server_version(url: str) -> str:
    """Version of the server behind a database address, as in `18.4`; raises when it does not answer."""
    connection = await asyncpg.connect(plain(url), timeout=5, command_timeout=5)
    try:
        return str(await connection.fetchval("show server_version"))
    finally:
        await connection.close(timeout=5)
