"""The evidence folder: originals by content, written once; arriving files apart until they are accepted."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import mkstemp

from shared.clock import wall

STALE = timedelta(hours=6)
"""An arriving file this old was left behind by a process that died."""


class Vault:
    """Files by their SHA-256 (hex): `ab/abcd…`; `incoming/` holds files that are arriving."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"

    def prepare(self) -> None:
        """Make the folders; only the service's own user may look in."""
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def arriving(self) -> Iterator[Path]:
        """A new empty file that is gone after the block unless it was kept."""
        self.prepare()
        handle, name = mkstemp(dir=self._incoming)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            with suppress(FileNotFoundError):
                Path(name).unlink()

    def keep(self, arrived: Path, sha256: str) -> Path:
        """Move an arrived file to its place, durably; the same content is kept once."""
        place = self.path(sha256)
        if place.exists():
            return place
        place.parent.mkdir(exist_ok=True, mode=0o700)
        with arrived.open("rb") as file:
            os.fsync(file.fileno())
        arrived.chmod(0o400)
        arrived.replace(place)
        for folder in (place.parent, self._folder):
            _sync_folder(folder)
        return place

    def path(self, sha256: str) -> Path:
        """Where a content lies."""
        return self._folder / sha256[:2] / sha256

    def sweep(self) -> int:
        """Remove arriving files whose process died; how many."""
        removed = 0
        oldest = (wall() - STALE).timestamp()
        for file in self._incoming.glob("*"):
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < oldest:
                    file.unlink()
                    removed += 1
        return removed


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
