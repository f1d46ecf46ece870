import asyncio
import io
import json
import os
import re
import signal
import socket
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from rich.console import Console
from rich.progress import Progress

from launcher.clock import Wish
from launcher.errors import LauncherError
from launcher.live import live
from launcher.lock import FolderLock, is_held
from launcher.postgres.databases import plain
from launcher.run import Names, Options
from launcher.screen import Screen
from launcher.stack import SERVICES
from launcher.stackfile import StackFile
from launcher.supervise import Policy, ProcessFailedError
from shared.clock import Clock, monotonic
from tests.launcher.fakes import fakes, free_base, read_env


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sanse-test-") as made:
        yield Path(made) / "data"


async def _exists(file: Path) -> None:
    """The live loggers start after the stack has said that it is ready."""
    deadline = monotonic() + 10
    while not await asyncio.to_thread(file.exists):
        assert monotonic() < deadline, f"{file} is not there"
        await asyncio.sleep(0.05)


class Stage:
    """Runs of a stack of fake processes in one folder."""

    def __init__(self, folder: Path) -> None:
        quick = Policy(first_delay=0.01, longest_delay=0.05)
        self.options = Options(folder, free_base(), processes=fakes(), policy=quick, seed=self.seed)
        self.folder = folder
        self.seeded: list[StackFile] = []
        self.output = io.StringIO()

    async def seed(self, stack: StackFile, names: Names, clock: Clock, progress: Progress) -> None:
        assert not (self.folder / "stack.json").exists()
        assert names["E-001"]["person"]["username"] == "hengze"
        assert clock.start is None
        progress.add_task("readings", total=1)
        self.seeded.append(stack)

    def live(self, wish: Wish | None = None, **changes: object) -> asyncio.Task[int]:
        options = replace(self.options, **changes)  # type: ignore[arg-type]
        screen = Screen(Console(file=self.output, width=200))
        return asyncio.create_task(live(options, wish or Wish(), screen))

    async def ready(self, task: asyncio.Task[int]) -> StackFile:
        path = self.folder / "stack.json"
        await until(lambda: path.exists() or task.done())
        if task.done():
            await task
        stack: StackFile = json.loads(path.read_text())
        return stack

    @asynccontextmanager
    async def running(self, wish: Wish | None = None, **changes: object) -> AsyncIterator[StackFile]:
        task = self.live(wish, **changes)
        yield await self.ready(task)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(task, 30) == 0

    def clock(self) -> datetime:
        return datetime.fromisoformat(json.loads((self.folder / "clock.json").read_text())["now"])


@pytest.fixture
def stage(folder: Path) -> Stage:
    return Stage(folder)


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0.02)

    await asyncio.wait_for(poll(), seconds)


async def test_a_stack_with_the_demo_twice_on_one_folder(stage: Stage) -> None:
    base = stage.options.port_base
    async with stage.running() as stack:
        assert list(stack) == [
            *("web", "ingest", "detection", "casework", "grading", "identity", "gateway", "logins", "clients")
        ]
        assert [stack[name] for name in ("web", *SERVICES)] == [  # type: ignore[literal-required]
            f"http://127.0.0.1:{base + offset}" for offset in range(6)
        ]
        assert stack["gateway"] == {"host": "127.0.0.1", "port": base + 212}
        roles = {"enterprise", "supervisor", "officer", "admin"}
        assert roles < {login["role"] for login in stack["logins"]}
        assert {client["role"] for client in stack["clients"]} == roles
        assert {
            "role": "supervisor",
            "username": "zhou",
            "password": "demo-zhou",
            "organisation": "衡鉴环境监理有限公司",
        } in stack["logins"]
        assert stage.seeded == [stack]
        for name in ("stack.json", "secrets.json", "bootstrap.json"):
            assert stat.S_IMODE((stage.folder / name).stat().st_mode) == 0o600
        casework = read_env(stage.folder, "casework")
        for name in SERVICES:
            connection = await asyncpg.connect(plain(read_env(stage.folder, "migrate")[f"{name.upper()}_DATABASE_URL"]))
            assert await connection.fetchval("select current_database()") == name
            await connection.close()
        assert casework["CASEWORK_PORT"] == str(base + 3)
        assert casework["SANSE_GRADING_URL"] == f"http://127.0.0.1:{base + 4}"
        assert casework["SANSE_DEMO"] == "1"
        assert "SANSE_CLOCK_START" not in casework
        await _exists(stage.folder / "live.env")
        assert read_env(stage.folder, "live")["INGEST_GATEWAY_PORT"] == str(base + 212)
        bootstrap = json.loads((stage.folder / "bootstrap.json").read_text())
        clients = {client["client_id"]: client["client_secret"] for client in bootstrap["clients"]}
        assert clients[casework["CASEWORK_CLIENT_ID"]] == casework["CASEWORK_CLIENT_SECRET"]
        assert len({*clients.values()}) == len(clients) == 11
    assert not (stage.folder / "stack.json").exists()
    assert not is_held(stage.folder)
    assert re.search(r"监理 Supervisor +zhou +demo-zhou +/triage", stage.output.getvalue())

    async with stage.running() as again:
        assert again == stack
    assert stage.seeded == [stack]


async def test_second_start_on_a_folder_is_refused(stage: Stage) -> None:
    stage.folder.mkdir()
    (stage.folder / "stack.json").write_text("of the first")
    first = f"process {os.getpid()}, http://127.0.0.1:8000"
    with FolderLock(stage.folder, web="http://127.0.0.1:8000"):
        assert is_held(stage.folder)
        with pytest.raises(LauncherError, match=re.escape(first)) as refused:
            await stage.live()
    assert "--data" in refused.value.remedy
    assert (stage.folder / "stack.json").read_text() == "of the first"
    assert not is_held(stage.folder)


async def test_without_the_demo_one_administrator_shown_once(stage: Stage) -> None:
    bootstraps: list[dict[str, list[dict[str, object]]]] = []
    for _ in range(2):
        async with stage.running(demo=False) as stack:
            assert (stack["logins"], stack["clients"]) == ([], [])
        bootstraps.append(json.loads((stage.folder / "seen.json").read_text()))
    first, second = bootstraps

    assert [account["username"] for account in first["accounts"]] == ["admin"]
    password = str(first["accounts"][0]["password"])
    assert stage.output.getvalue().count(password) == 1
    assert second["accounts"] == []
    assert [client["client_id"] for client in first["clients"]] == [*(f"sanse-{name}" for name in (*SERVICES, "web"))]
    assert not any(
        password in path.read_text(errors="replace") for path in stage.folder.glob("*.json") if path.name != "seen.json"
    )
    assert stage.seeded == []
    assert not (stage.folder / "live.env").exists()
    with pytest.raises(LauncherError, match="made without the demo"):
        await stage.live()


async def test_simulated_time_goes_on_and_never_back(stage: Stage) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    wish = Wish(start, 600.0)
    quick = {"demo": False}
    async with stage.running(wish, **quick):
        first = read_env(stage.folder, "grading")
        assert datetime.fromisoformat(first["SANSE_CLOCK_START"]) == start
        assert first["SANSE_CLOCK_SPEED"] == "600.0"
    left = stage.clock()
    assert start < left

    async with stage.running(Wish(), **quick):
        second = read_env(stage.folder, "grading")
        assert datetime.fromisoformat(second["SANSE_CLOCK_START"]) == left
        assert second["SANSE_CLOCK_SPEED"] == "600.0"
        assert float(second["SANSE_CLOCK_ORIGIN"]) > float(first["SANSE_CLOCK_ORIGIN"])
    with pytest.raises(LauncherError, match="already lived until"):
        await stage.live(Wish(datetime(2025, 12, 31, tzinfo=UTC)), **quick)


async def test_crash_loop_ends_the_run_loudly(stage: Stage) -> None:
    with pytest.raises(ProcessFailedError, match=r"(?s)grading died 5 times.*no such setting"):
        await stage.live(processes=fakes(broken="grading"), demo=False)
    assert not (stage.folder / "stack.json").exists()
    assert not (stage.folder / "postgres" / "postmaster.pid").exists()
    assert not is_held(stage.folder)


async def test_failing_migration_ends_the_run(stage: Stage) -> None:
    with pytest.raises(ProcessFailedError, match=r"(?s)migrate failed with exit code 1.*no such setting"):
        await stage.live(processes=fakes(broken="migrate"), demo=False)


async def test_interrupted_before_ready(stage: Stage) -> None:
    hanging = tuple(
        replace(process, health="http://127.0.0.1:9/readyz") if process.name == "web" else process
        for process in fakes()
    )
    task = stage.live(processes=hanging, demo=False)
    await until((stage.folder / "web.env").exists)
    os.kill(os.getpid(), signal.SIGINT)

    assert await task == 130
    assert not (stage.folder / "postgres" / "postmaster.pid").exists()


async def test_taken_port_is_told_before_anything_starts(stage: Stage) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", stage.options.port_base + 3))
        other.listen()
        with pytest.raises(LauncherError, match=rf"{stage.options.port_base + 3} \(casework\)"):
            await stage.live()
    assert not (stage.folder / "postgres").exists()


LAUNCHER = """
import asyncio, sys
from pathlib import Path
from launcher.clock import Wish
from launcher.run import Names, Options
from launcher.screen import Screen
from launcher.live import live
from shared.clock import Clock, monotonic
from tests.launcher.fakes import fakes
options = Options(Path(sys.argv[1]), int(sys.argv[2]), processes=fakes(), demo=False)
sys.exit(asyncio.run(live(options, Wish(), Screen())))
"""


async def test_everything_killed_and_started_again(stage: Stage) -> None:
    """Launcher and PostgreSQL killed with SIGKILL: the same folder comes up again with what was committed."""
    command = [sys.executable, "-c", LAUNCHER, str(stage.folder), str(stage.options.port_base)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    await until((stage.folder / "stack.json").exists)
    url = plain(read_env(stage.folder, "migrate")["CASEWORK_DATABASE_URL"])
    connection = await asyncpg.connect(url)
    await connection.execute("create table kept as select 42 as n")
    connection.terminate()
    postgres = int((stage.folder / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(postgres, signal.SIGKILL)
    process.kill()
    await process.wait()
    assert (stage.folder / "stack.json").exists()
    assert not is_held(stage.folder)

    async with stage.running(demo=False):
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("select n from kept") == 42
        await connection.close()


async def test_killed_database_comes_back_while_running(stage: Stage) -> None:
    async with stage.running(demo=False):
        url = plain(read_env(stage.folder, "migrate")["CASEWORK_DATABASE_URL"])
        note = stage.folder / "postgres" / "postmaster.pid"
        first = note.read_text().split()[0]

        def back() -> bool:
            lines = note.read_text().split() if note.exists() else []
            return bool(lines) and lines[0] != first and "ready" in lines

        os.kill(int(first), signal.SIGKILL)
        await until(back)
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("select 1") == 1
        await connection.close()
    assert "postgres ended with signal SIGKILL" in stage.output.getvalue()
