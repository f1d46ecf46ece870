import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from launcher.errors import LauncherError
from launcher.postgres import (
    EmbeddedPostgres,
    ExternalPostgres,
    PostgresError,
    create_database,
    drop_database,
    place,
    server_version,
    temporary_server,
)
from launcher.postgres.databases import plain


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own, whose parents every pytest run shuts for others, which the server's user is."""
    with tempfile.TemporaryDirectory(prefix="sanse-test-") as made:
        yield Path(made)


def query(server: EmbeddedPostgres, database: str, sql: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(plain(server.url(database)), timeout=10)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(run())


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":
            return
        time.sleep(0.02)
    raise AssertionError(f"{pid} is still there")


def test_one_life_of_a_server(folder: Path) -> None:
    data = folder / "with space 三色" / "data"
    server = EmbeddedPostgres(data, for_tests=True)

    with server:
        assert asyncio.run(server_version(server.url("postgres"))).startswith("18.")
        assert asyncio.run(create_database(server, "ingest")) is True
        assert asyncio.run(create_database(server, "ingest")) is False
        query(server, "ingest", "create table kept as select 42 as n")
        assert asyncio.run(create_database(server, "copy", template="ingest")) is True
        assert query(server, "copy", "select n from kept") == 42
        asyncio.run(drop_database(server, "copy"))
        asyncio.run(drop_database(server, "copy"))
        assert query(server, "postgres", "select count(*) from pg_database where datname = 'copy'") == 0
        settings = "select string_agg(setting, ' ' order by lower(name)) from pg_settings where name in ({})"
        names = "'fsync', 'synchronous_commit', 'max_connections', 'listen_addresses', 'TimeZone'"
        assert query(server, "ingest", settings.format(names)) == "off  200 off UTC"
        assert query(server, "ingest", "select datlocale from pg_database where datname = 'ingest'") == "C.UTF-8"
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        first = server.pid
        assert first is not None
    wait_until_gone(first)
    with pytest.raises(OSError, match=r"No such file|refused"):
        query(server, "ingest", "select 1")


def test_what_was_committed_survives_a_kill(folder: Path) -> None:
    """The killed server stays a zombie of ours on purpose: its number looks alive."""
    first = EmbeddedPostgres(folder / "data")
    first.start()
    assert first.pid is not None
    query(first, "postgres", "create table kept as select 42 as n")
    query(first, "postgres", "insert into kept values (43)")
    os.kill(first.pid, signal.SIGKILL)
    with EmbeddedPostgres(folder / "data") as again:
        assert query(again, "postgres", "select array_agg(n order by n) from kept") == [42, 43]
    first.stop()


def test_durable_by_default(folder: Path) -> None:
    settings = EmbeddedPostgres(folder / "data").settings

    assert "fsync" not in settings
    assert "synchronous_commit" not in settings
    assert settings["max_wal_size"] == "1GB"


def test_orphan_is_replaced(folder: Path) -> None:
    first = EmbeddedPostgres(folder / "data", for_tests=True)
    first.start()
    orphan = first.pid
    assert orphan is not None
    second = EmbeddedPostgres(folder / "data", for_tests=True)
    with second:
        wait_until_gone(orphan)
        assert query(second, "postgres", "select 1") == 1
        assert second.pid != orphan
    first.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent is gone")
def test_server_stops_when_its_parent_is_killed(folder: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from launcher.postgres import EmbeddedPostgres\n"
        "print(EmbeddedPostgres(Path(sys.argv[1]), for_tests=True).start().pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(folder / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        parent.kill()
    wait_until_gone(server)


def test_long_path_gets_a_short_private_socket(folder: Path) -> None:
    data = folder / ("long" * 20) / ("name" * 20) / "data"
    server = EmbeddedPostgres(data, for_tests=True)
    with server:
        assert query(server, "postgres", "select 1") == 1
        short = server._socket
        assert short != data
        assert stat.S_IMODE(short.stat().st_mode) == 0o700
    assert not short.exists()


def test_foreign_socket_folder_is_refused(folder: Path) -> None:
    taken = folder / "socket"
    taken.mkdir(mode=0o755)
    taken.chmod(0o755)
    with pytest.raises(LauncherError, match="not ours alone"):
        place._take(taken, place.runner())


def test_folder_with_something_else_is_refused(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "letter.txt").write_text("dear reader")

    with pytest.raises(PostgresError, match="not empty"):
        EmbeddedPostgres(folder / "data", for_tests=True).start()
    assert (folder / "data" / "letter.txt").read_text() == "dear reader"


def test_other_version_is_refused(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "PG_VERSION").write_text("16\n")

    with pytest.raises(PostgresError, match="written by PostgreSQL 16"):
        EmbeddedPostgres(folder / "data", for_tests=True).start()


def test_wrong_setting_is_told_with_the_log(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "data", for_tests=True, settings={"max_connections": "many"}, attempts=1)

    with pytest.raises(PostgresError, match="invalid value for parameter"):
        server.start()


def test_other_server_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "postgresql://sanse:p%40ss@db.example:6543"
    monkeypatch.setenv("SANSE_TEST_DATABASE_SERVER", address)

    with temporary_server() as server:
        assert isinstance(server, ExternalPostgres)
        assert server.url("ingest") == "postgresql+asyncpg://sanse:p%40ss@db.example:6543/ingest"


@pytest.mark.parametrize("name", ["Ingest", "in-gest", 'x"; drop', "", "a" * 64])
def test_database_names_are_checked(name: str) -> None:
    with pytest.raises(LauncherError, match="no database name"):
        asyncio.run(create_database(ExternalPostgres("postgresql://nowhere"), name))
