"""What other processes use, from `/proc`: resident memory and time of processor."""

import os
import resource
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Bytes of resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGESIZE")


def processor(pid: int) -> tuple[float, float]:
    """Seconds of processor used by a process, and by the benchmark's PostgreSQL (its data lie in `sanse-bench-…`)."""
    postgres = sum(_seconds(stat) for stat in _stats() if "postgres" in stat[0])
    return _seconds(_stat(pid)), postgres


def allow_files(number: int) -> None:
    """Raise the limit of open files of this process and its children, where that is permitted."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(number, 1024), hard), hard))


def _stat(pid: int | str) -> tuple[str, list[str]]:
    text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    return text[text.index("(") : text.rindex(")")], text[text.rindex(")") + 2 :].split()


def _stats() -> list[tuple[str, list[str]]]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if "sanse-bench-" in str((entry / "cwd").readlink()):
                    found.append(_stat(entry.name))
            except OSError:
                continue
    return found


def _seconds(stat: tuple[str, list[str]]) -> float:
    return (int(stat[1][11]) + int(stat[1][12])) / _TICKS
