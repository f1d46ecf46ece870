"""Parent and child processes: children that die with their parent, and orphans known for certain.

Linux tells a child when its parent is gone (`PR_SET_PDEATHSIG`), so that a launcher killed with SIGKILL
leaves nothing behind. Elsewhere the next start finds the orphans by process id *and* birth, because a
process id alone may meanwhile belong to somebody else.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from shared.clock import monotonic

PR_SET_PDEATHSIG = 1
STATE_FIELD = 0
BIRTH_FIELD = 19
"""Places in /proc/PID/stat, counted after the command's closing bracket: state (3rd field), start (22nd)."""


def die_with_parent(sent: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` that has `sent` delivered to the child when the thread that started it ends.

    Start children from the main thread: the signal follows the thread, not the process. It is lost when
    a program changes its user, therefore it must be set after that, which is where `preexec_fn` runs.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None
    parent = os.getpid()

    def prepare() -> None:
        if prctl is None:
            return
        prctl(PR_SET_PDEATHSIG, sent.value, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked to be told
            os.kill(os.getpid(), signal.SIGKILL)

    return prepare


def birth_of(pid: int) -> str | None:
    """When a live process was born, in a form that only serves for comparison; None when it is gone."""
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[STATE_FIELD] in "ZX" else fields[BIRTH_FIELD]
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    return answer.stdout.strip() or None


def works_in(pid: int, folder: Path) -> bool:
    """Whether a process has this working directory (Linux), or names it in its command (elsewhere)."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cwd").samefile(folder)
        except OSError:  # gone meanwhile, a zombie, or not ours to look at
            return False
    command = ["ps", "-o", "command=", "-p", str(pid)]
    return str(folder) in subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout


def working_in(folder: Path) -> list[int]:
    """Live processes that have this working directory; empty where there is no /proc."""
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if works_in(int(entry.name), folder)]


def is_same_process(pid: int, birth: str | None) -> bool:
    """Whether the process with this id is still the one born then."""
    return birth is not None and birth_of(pid) == birth


def end_group(pid: int, birth: str, *, patience: float) -> None:
    """Stop an orphaned process group: SIGTERM, `patience` seconds, then SIGKILL."""
    for sent, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        if not is_same_process(pid, birth):
            return
        try:
            os.killpg(pid, sent)
        except ProcessLookupError:
            return
        deadline = monotonic() + wait
        while is_same_process(pid, birth) and monotonic() < deadline:
            time.sleep(0.05)
