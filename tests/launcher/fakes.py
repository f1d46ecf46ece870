"""The real table with tiny processes in place of the services: they answer and note what they were given."""

import json
import random
from dataclasses import replace
from pathlib import Path

from launcher.checks import Result, ports
from launcher.stack import PROCESSES, Process

SCRIPT = str(Path(__file__).with_name("fake_process.py"))


def fake(process: Process, *, broken: bool = False) -> Process:
    kind = "once" if process.once else "serve" if process.listener else "sleep"
    return replace(process, command=("python", "-S", SCRIPT, "broken" if broken else kind, process.name, "{port}"))


def fakes(broken: str = "") -> tuple[Process, ...]:
    """All of the table; the one named fails."""
    return tuple(fake(process, broken=process.name == broken) for process in PROCESSES)


def free_base() -> int:
    """A port base whose ports are all free just now."""
    for _ in range(100):
        base = random.randrange(20_000, 60_000)  # noqa: S311
        if ports("127.0.0.1", base).result is Result.OK:
            return base
    raise AssertionError("no free ports")


def read_env(folder: Path, name: str) -> dict[str, str]:
    environment: dict[str, str] = json.loads((folder / f"{name}.env").read_text())
    return environment
