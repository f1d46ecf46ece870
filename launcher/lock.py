"""One launcher a data folder: a lock the kernel drops with its holder, and a note of who holds it."""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from launcher.errors import LauncherError

FILE = "launcher.lock"


class FolderLock:
    """Held for the life of one `sanse up`. After a SIGKILL the next one simply gets it."""

    def __init__(self, folder: Path, *, web: str) -> None:
        self._path = folder / FILE
        self._folder = folder
        self._web = web
        self._descriptor = -1

    def __enter__(self) -> Self:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = holder_of(self._folder)
            os.close(self._descriptor)
            raise LauncherError(
                f"Sanse already runs on {self._folder}: process {holder.get('pid', '?')}, {holder.get('web', '?')}",
                remedy="use that one, stop it with Ctrl-C, or give another folder with --data and --port-base",
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps({"pid": os.getpid(), "web": self._web}).encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def holder_of(folder: Path) -> dict[str, object]:
    """Process id and address of who holds the folder, or did until it was killed; empty after a clean stop."""
    try:
        note = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return dict(note)


def is_held(folder: Path) -> bool:
    """Whether a launcher runs on the folder now."""
    try:
        descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
