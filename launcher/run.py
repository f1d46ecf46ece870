"""One run of a whole stack on this machine, from an idle data folder back to an idle data folder."""

import asyncio
import importlib
import importlib.util
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import Progress

from launcher import accounts, credentials, stackfile
from launcher.accounts import Bootstrap, ClientLogin
from launcher.clock import SAVE_SECONDS, Timeline
from launcher.errors import LauncherError
from launcher.postgres import EmbeddedPostgres, create_database, server_version
from launcher.postgres.server import START_SECONDS, STOP_SECONDS, STOP_SIGNAL
from launcher.private_file import read_private, write_private
from launcher.screen import Screen
from launcher.stack import PROCESSES, SERVICES, Place, Process, render
from launcher.stack import STOP_SECONDS as PROCESS_STOP_SECONDS
from launcher.stackfile import StackFile
from launcher.supervise import Policy, Program, Supervisor, ready_at
from shared.clock import Clock

MIGRATE_SECONDS = 300.0
ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}
SEEDED = "seeded.json"
SOURCE = Path(__file__).resolve().parent.parent


Names = Mapping[str, Mapping[str, Any]]
"""The demo's enterprises by their code, as `demo_accounts.yaml` has them."""
Seed = Callable[[StackFile, Names, Clock, Progress], Awaitable[object]]


@dataclass(frozen=True)
class Options:
    """What a run needs to know. `processes` is the table; tests give their own."""

    folder: Path
    port_base: int
    host: str = "127.0.0.1"
    demo: bool = True
    processes: Sequence[Process] = PROCESSES
    policy: Policy = field(default_factory=Policy)
    seed: Seed | None = None
    """Loads the demo's history; `launcher.demo.seed` when not given."""


class Run:
    """Brings a stack up, and takes it down whatever happened. Needs the folder's lock."""

    def __init__(self, options: Options, timeline: Timeline, screen: Screen) -> None:
        self.options = options
        self.folder = options.folder
        self._timeline = timeline
        self._screen = screen
        self._secrets = credentials.load(self.folder, demo=options.demo)
        self._supervisor = Supervisor(
            self.folder / "logs", self.folder / "processes.json", say=screen.note, policy=options.policy
        )
        self._clock_keeper = asyncio.create_task(self._keep_clock())
        self.failed = self._supervisor.failed

    async def up(self) -> StackFile:
        """Start everything in order; returns when all is ready, seeded and published."""
        databases = await self._databases()
        place = self._place(databases)
        for process in self._table(once=True):
            if process.name != "bootstrap":  # ours is richer: the demo, and passwords made here
                await self._supervisor.run(self._program(process, place), within=MIGRATE_SECONDS)
                self._screen.done("数据库结构 Schema", "current")
        password = self._write_bootstrap()
        await self._start(place)
        stack = self._describe(place)
        if self.options.demo:
            await self._seed(stack)
            await self._supervisor.start(
                *(self._program(process, place) for process in self._table(once=False) if process.demo)
            )
        if not self.options.demo and not self._secrets.admin_made:
            self._admin_is_made(password)
        stackfile.publish(self.folder, stack)
        return stack

    async def down(self) -> None:
        """Stop everything, in reverse; the folder is then idle."""
        stackfile.withdraw(self.folder)
        await self._supervisor.stop()
        self._clock_keeper.cancel()
        await asyncio.gather(self._clock_keeper, return_exceptions=True)
        self._timeline.save(self.folder / "clock.json", stopped=True)

    # -- databases ---------------------------------------------------------------------------------

    async def _databases(self) -> dict[str, str]:
        """Address of each service's database: those of the environment, or of our own server."""
        given = {name: os.environ.get(f"{name.upper()}_DATABASE_URL", "") for name in SERVICES}
        if all(given.values()):
            self._screen.done("数据库 PostgreSQL", "by address")
            return given
        server = EmbeddedPostgres(self.folder / "postgres", log=self._supervisor.log_of("postgres"))
        await asyncio.to_thread(server.prepare)
        await self._supervisor.start(_postgres_program(server))
        for name in SERVICES:
            await create_database(server, name)
        version = await server_version(server.url("postgres"))
        self._screen.done("数据库 PostgreSQL", f"{version}, {server.data}")
        return {name: server.url(name) for name in SERVICES}

    # -- processes ---------------------------------------------------------------------------------

    def _table(self, *, once: bool) -> list[Process]:
        return [
            process
            for process in self.options.processes
            if process.once is once and (self.options.demo or not process.demo)
        ]

    async def _start(self, place: Place) -> None:
        """Identity first, because the others fetch its keys; then all others at once."""
        lasting = [process for process in self._table(once=False) if not process.demo]
        first = [process for process in lasting if process.name == "identity"]
        others = [process for process in lasting if process.name != "identity"]
        for group in (first, others):
            await self._supervisor.start(*(self._program(process, place) for process in group))
            for process in group:
                self._screen.done(f"服务 {process.name}", "ready")

    def _place(self, databases: Mapping[str, str]) -> Place:
        host = ANY_HOST.get(self.options.host, self.options.host)
        evidence = self.folder / "evidence"
        transfers, archive = self.folder / "transfers", self.folder / "archive"
        for folder in (evidence, transfers, archive):
            folder.mkdir(mode=0o700, exist_ok=True)
        return Place(
            bind=self.options.host,
            port_base=self.options.port_base,
            hosts=dict.fromkeys((*SERVICES, "web", "gateway"), host),
            databases=databases,
            secrets=self._secrets.clients,
            evidence=str(evidence),
            transfers=str(transfers),
            archive=str(archive),
            bootstrap=str(self._bootstrap_file),
            public_url=os.environ.get("SANSE_WEB_URL", ""),
            log_level=os.environ.get("SANSE_LOG_LEVEL", "INFO"),
            demo=self.options.demo,
            clock=self._timeline.environment(),
        )

    def _program(self, process: Process, place: Place) -> Program:
        rendered = render(process, place)
        return Program(
            name=process.name,
            command=_local(rendered.command),
            environment={**_inherited(), **rendered.environment},
            ready=ready_at(rendered.health) if rendered.health else lambda _pid: "",
            stop_within=float(PROCESS_STOP_SECONDS),
            options={"cwd": self.folder},
        )

    # -- people ------------------------------------------------------------------------------------

    @property
    def _bootstrap_file(self) -> Path:
        return self.folder / "bootstrap.json"

    def _write_bootstrap(self) -> str:
        """Write identity's input; the administrator's new password where one is to be made."""
        password = ""
        content: Bootstrap
        if self.options.demo:
            content = accounts.demo_bootstrap(self._secrets.clients)
        else:
            password = "" if self._secrets.admin_made else accounts.new_password()
            content = accounts.plain_bootstrap(self._secrets.clients, password)
        write_private(self._bootstrap_file, content)
        return password

    def _admin_is_made(self, password: str) -> None:
        """Show the password once and keep it nowhere: the file identity has read is written without it."""
        self._secrets = self._secrets.with_admin()
        self._screen.admin("admin", password)
        write_private(self._bootstrap_file, accounts.plain_bootstrap(self._secrets.clients, ""))
        self._secrets.save(self.folder)

    def _describe(self, place: Place) -> StackFile:
        if not self.options.demo:
            return stackfile.describe(place, [], [])
        logins = accounts.logins(accounts.demo_accounts(), accounts.demo_organisations())
        clients = [
            ClientLogin(role=client["roles"][0], client_id=client["client_id"], client_secret=client["client_secret"])
            for client in accounts.demo_clients(self._secrets.clients)
        ]
        return stackfile.describe(place, logins, clients)

    # -- demo --------------------------------------------------------------------------------------

    async def _seed(self, stack: StackFile) -> None:
        """Load the demo's history once in a folder's life."""
        marker = self.folder / SEEDED
        if read_private(marker) is not None:
            self._screen.done("演示数据 Demo data", "there from an earlier run")
            return
        seed = self.options.seed or _installed_seed()
        self._screen.doing("演示数据 Demo data: loading through the real interfaces")
        began = self._timeline.clock.now()
        with self._screen.progress() as progress:
            await seed(stack, accounts.demo_enterprises(), self._timeline.clock, progress)
        write_private(marker, {"seeded_at": began.isoformat()})
        self._screen.done("演示数据 Demo data", "loaded")

    # -- clock -------------------------------------------------------------------------------------

    async def _keep_clock(self) -> None:
        while True:
            self._timeline.save(self.folder / "clock.json")
            await asyncio.sleep(SAVE_SECONDS)


def _installed_seed() -> Seed:
    if importlib.util.find_spec("launcher.demo") is None:
        raise LauncherError("this installation holds no demo", remedy="start with --no-demo")
    seed: Seed = importlib.import_module("launcher.demo").seed
    return seed


def _postgres_program(server: EmbeddedPostgres) -> Program:
    return Program(
        name="postgres",
        command=server.command(),
        environment=server.environment(),
        ready=lambda pid: "" if server.is_ready(pid) else "it starts or recovers",
        ready_within=START_SECONDS,
        stop_signal=STOP_SIGNAL,
        stop_within=STOP_SECONDS,
        options={"cwd": server.data, **server.user_options()},
    )


def _local(command: tuple[str, ...]) -> tuple[str, ...]:
    """The table's `python` and `sanse` are those of this environment."""
    programs = {"python": (sys.executable,), "sanse": (sys.executable, "-m", "launcher")}
    return (*programs[command[0]], *command[1:])


def _inherited() -> dict[str, str]:
    """Our environment for children, without what the launcher itself decides."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SANSE_CLOCK_", "SANSE_DEMO"))}
    path = os.pathsep.join(part for part in (str(SOURCE), os.environ.get("PYTHONPATH", "")) if part)
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
