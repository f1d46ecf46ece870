"""The whole stack as separate processes, started once for the tests that need it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

import psutil
from pydantic import SecretStr

from launcher.stack import OFFSETS
from shared.auth import TokenSource
from shared.clients.identity import IdentityClient
from shared.clock import monotonic
from shared.contracts.identity import Login, SessionToken

READY_WITHIN = 300.0
"""Patience in seconds, not a promise: other tests use the machine meanwhile. Alone it takes about half a minute."""


def free_base() -> int:
    """A port base of which all ports of a stack are free."""
    for base in range(21000 + os.getpid() % 300 * 10, 60000, 300):
        try:
            for offset in OFFSETS.values():
                with socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        return base
    raise RuntimeError("no free ports")


@dataclass
class LiveStack:
    """A running stack: its `stack.json` and its processes."""

    facts: dict[str, Any]
    data: Path
    pid: int

    def process_is_alive(self) -> bool:
        return psutil.pid_exists(self.pid)

    def url(self, name: str) -> str:
        return str(self.facts[name])

    def login(self, role: str, index: int = 0) -> dict[str, str]:
        found: dict[str, str] = [row for row in self.facts["logins"] if row["role"] == role][index]
        return found

    def login_of(self, username: str) -> dict[str, str]:
        found: dict[str, str] = next(row for row in self.facts["logins"] if row["username"] == username)
        return found

    def client_token(self, role: str) -> TokenSource:
        client = next(row for row in self.facts["clients"] if row["role"] == role)
        return TokenSource(self.url("identity"), client["client_id"], client["client_secret"])

    async def token_of(self, username: str) -> str:
        login = self.login_of(username)
        async with IdentityClient(self.url("identity")) as identity:
            session = await identity.log_in(Login(username=username, password=SecretStr(login["password"])))
            access = await identity.access_token(SessionToken(session_token=session.session_token))
        return access.access_token

    def kill(self, name: str) -> None:
        """SIGKILL one process of the stack, as a crash would."""
        mark = f"services.{name}.main:create_app" if name in OFFSETS else name
        victims = [
            child for child in psutil.Process(self.pid).children(recursive=True)
            if any(mark in part for part in _command_of(child))
        ]  # fmt: skip
        assert victims, f"no process of {name}"
        for victim in victims:
            victim.kill()


def _command_of(child: psutil.Process) -> list[str]:
    """Its command line; nothing where it has ended and only waits to be collected."""
    try:
        return list(child.cmdline())
    except psutil.NoSuchProcess:
        return []


@contextmanager
def live_stack(data: Path, *arguments: str) -> Iterator[LiveStack]:
    """`sanse up` in a process of its own, ended with SIGTERM; its exit code must be 0.

    `SANSE_TEST_STACK=DIR` uses the stack that already runs on a data folder, for quick turns while writing tests.
    """
    if given := os.environ.get("SANSE_TEST_STACK"):
        facts = json.loads((Path(given) / "stack.json").read_text(encoding="utf-8"))
        pid = json.loads((Path(given) / "launcher.lock").read_text(encoding="utf-8"))["pid"]
        yield LiveStack(facts, Path(given), pid)
        return
    base = free_base()
    log = (data.parent / f"{data.name}.log").open("wb")
    command = [sys.executable, "-m", "launcher.cli", "up", "--data", str(data), "--port-base", str(base), *arguments]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        facts = _wait_for(data / "stack.json", process, Path(log.name))
        yield LiveStack(facts, data, process.pid)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        log.close()
        assert code == 0, Path(log.name).read_text(errors="replace")[-3000:]
        assert not (data / "stack.json").exists()


def _wait_for(path: Path, process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    import time

    deadline = monotonic() + READY_WITHIN
    while not path.exists():
        if process.poll() is not None or monotonic() > deadline:
            raise AssertionError(f"the stack is not ready: {log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.1)
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return facts
