"""Processes kept alive: started in order, restarted when they die, given up loudly, stopped in reverse.

Each runs in its own process group, so that Ctrl-C at the terminal reaches the launcher only, and is told
by the kernel when the launcher is killed. Its output is appended to `logs/<name>.log`; a log above its
size is copied to `<name>.log.1` and cut (the way of logrotate's `copytruncate`): the process never
notices and never waits for us, at the price of a line written in the instant between copy and cut.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launcher.errors import LauncherError
from launcher.kinship import birth_of, die_with_parent, end_group
from launcher.private_file import read_private, write_private
from launcher.probe import why_not_ready
from shared.clock import monotonic

POLL_SECONDS = 0.1
PROBE_SECONDS = 5.0
TAIL_LINES = 25
KEPT_LOGS = 3


class ProcessFailedError(LauncherError):
    """A process died too often, never became ready, or a one-shot failed; carries the end of its log."""


@dataclass(frozen=True)
class Policy:
    """When to restart, how long to wait. Seconds."""

    most_deaths: int = 5
    within: float = 60.0
    first_delay: float = 0.25
    longest_delay: float = 8.0
    log_bytes: int = 20 * 1024 * 1024


@dataclass(frozen=True)
class Program:
    """What to run. `ready` is given the process id and answers why it is not ready yet, empty when it is."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Callable[[int], str] = field(default=lambda _pid: "")
    ready_within: float = 180.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within: float = 15.0
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of `subprocess.Popen`: user, working directory."""


def ready_at(address: str) -> Callable[[int], str]:
    """Readiness by asking an address (see `launcher.probe`)."""
    return lambda _pid: why_not_ready(address, timeout=PROBE_SECONDS)


@dataclass
class Child:
    """A program with its current process."""

    program: Program
    process: asyncio.subprocess.Process
    deaths: deque[float] = field(default_factory=deque)
    restarts: int = 0
    watcher: asyncio.Task[None] | None = None


class Supervisor:
    """Runs programs. `say` gets one line for each thing worth telling a person.

    `failed` is done, with the error, as soon as a program is given up.
    """

    def __init__(
        self, logs: Path, registry: Path, *, say: Callable[[str], None] = print, policy: Policy | None = None
    ) -> None:
        self.policy = policy or Policy()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.children: dict[str, Child] = {}
        self._logs = logs
        self._registry = registry
        self._say = say
        self._stopping = False
        self._rotator = asyncio.create_task(self._rotate_logs())
        logs.mkdir(parents=True, exist_ok=True)

    async def start(self, *programs: Program) -> None:
        """Start programs in this order and wait until all are ready; raises when one is given up before."""
        started = []
        for program in programs:
            child = Child(program, await self._spawn(program))
            self.children[program.name] = child
            self._note()
            child.watcher = asyncio.create_task(self._watch(child))
            started.append(child)
        waits = [asyncio.create_task(self._wait_ready(child)) for child in started]
        try:
            await asyncio.gather(*waits)
        finally:
            for wait in waits:
                wait.cancel()

    async def run(self, program: Program, *, within: float) -> None:
        """Run a one-shot to its end; raises when it fails or takes longer than `within` seconds."""
        process = await self._spawn(program)
        try:
            code = await asyncio.wait_for(process.wait(), within)
        except TimeoutError:
            raise self._error(program, f"took longer than {within:g} s") from None
        finally:
            if process.returncode is None:
                await self._end(program, process)
        if code != 0:
            raise self._error(program, f"failed with {_manner(code)}")

    async def stop(self) -> None:
        """Stop everything in reverse order; a process that takes too long is killed."""
        self._stopping = True
        for child in reversed(list(self.children.values())):
            if child.watcher is not None:
                child.watcher.cancel()
                await asyncio.gather(child.watcher, return_exceptions=True)
            await self._end(child.program, child.process)
        self.children.clear()
        self._rotator.cancel()
        await asyncio.gather(self._rotator, return_exceptions=True)
        if not self.failed.done():
            self.failed.cancel()
        self._registry.unlink(missing_ok=True)

    def log_of(self, name: str) -> Path:
        """Where a program's output goes."""
        return self._logs / f"{name}.log"

    async def _spawn(self, program: Program) -> asyncio.subprocess.Process:
        with self.log_of(program.name).open("ab") as log:
            try:
                return await asyncio.create_subprocess_exec(
                    *program.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=dict(program.environment),
                    process_group=0,
                    preexec_fn=die_with_parent(program.stop_signal),
                    **program.options,
                )
            except OSError as error:
                raise self._error(program, f"cannot be started: {error}") from error

    async def _watch(self, child: Child) -> None:
        """Wait for the death of a process, restart it, and give it up when it dies too often."""
        program, policy = child.program, self.policy
        while True:
            code = await child.process.wait()
            if self._stopping:
                return
            now = monotonic()
            child.deaths.append(now)
            while child.deaths and now - child.deaths[0] > policy.within:
                child.deaths.popleft()
            if len(child.deaths) >= policy.most_deaths:
                self._give_up(
                    self._error(
                        program,
                        f"died {len(child.deaths)} times within {policy.within:g} s, last by {_manner(code)}",
                    )
                )
                return
            delay = min(policy.first_delay * 2 ** (len(child.deaths) - 1), policy.longest_delay)
            self._say(f"{program.name} ended with {_manner(code)}; restarting in {delay:g} s")
            await asyncio.sleep(delay)
            try:
                child.process = await self._spawn(program)
            except ProcessFailedError as error:
                self._give_up(error)
                return
            child.restarts += 1
            self._note()

    def _give_up(self, error: ProcessFailedError) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)

    async def _wait_ready(self, child: Child) -> None:
        patience = child.program.ready_within
        deadline = monotonic() + patience
        while not self.failed.done():
            process = child.process
            reason = "it restarts"
            if process.returncode is None:
                reason = await asyncio.to_thread(child.program.ready, process.pid)
            if not reason and process.returncode is None:
                return
            if monotonic() > deadline:
                raise self._error(child.program, f"was not ready after {patience:g} s ({reason})")
            await asyncio.sleep(POLL_SECONDS)
        await self.failed

    async def _end(self, program: Program, process: asyncio.subprocess.Process) -> None:
        for sent, patience in ((program.stop_signal, program.stop_within), (signal.SIGKILL, 10.0)):
            if process.returncode is not None:
                break
            if sent is signal.SIGKILL:
                self._say(f"{program.name} did not stop within {program.stop_within:g} s and is killed")
            _signal_group(process.pid, sent)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), patience)
        _signal_group(process.pid, signal.SIGKILL)  # what it may have started itself

    def _note(self) -> None:
        """Keep the list of live processes on disk, for a next launcher should this one be killed."""
        write_private(
            self._registry,
            [
                {"name": name, "pid": child.process.pid, "birth": birth_of(child.process.pid)}
                for name, child in self.children.items()
            ],
        )

    def _error(self, program: Program, what: str) -> ProcessFailedError:
        log = self.log_of(program.name)
        return ProcessFailedError(f"{program.name} {what}; the end of {log}:\n{tail(log)}")

    async def _rotate_logs(self) -> None:
        while True:
            await asyncio.sleep(2)
            for log in self._logs.glob("*.log"):
                if log.stat().st_size > self.policy.log_bytes:
                    await asyncio.to_thread(rotate, log)


def end_orphans(registry: Path, *, patience: float, say: Callable[[str], None]) -> None:
    """End what a killed launcher left running: exactly the processes it noted, last started first."""
    for entry in reversed(read_private(registry) or []):
        if entry["birth"] is not None and birth_of(entry["pid"]) == entry["birth"]:
            say(f"{entry['name']} ({entry['pid']}) was left over from a killed launcher and is stopped")
            end_group(entry["pid"], entry["birth"], patience=patience)
    registry.unlink(missing_ok=True)


def rotate(log: Path) -> None:
    """Copy a log aside and cut it; the two before it are kept as `.2` and `.3`."""
    for number in range(KEPT_LOGS - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The end of a log, indented."""
    if not log.exists():
        return "  (nothing)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 64 * 1024))
        text = file.read().decode("utf-8", errors="replace")
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (nothing)"


def _signal_group(pid: int, sent: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, sent)


def _manner(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
