"""Files of the archive: written whole or not at all, and never read without their hash."""

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from services.ingest.domain.archive import SCHEMA, SCHEMA_VERSION
from shared.errors import AppError

_POINTS = b"sanse.points"
_VERSION = b"sanse.schema_version"
_BLOCK = 1 << 20


class ArchiveDamagedError(AppError):
    """A file of the archive is missing, or is not what was written."""

    code = "archive_damaged"
    status = 503


class Written(NamedTuple):
    """A file as it was written."""

    path: str
    rows: int
    size: int
    sha256: bytes


class ArchiveFiles:
    """The archive's folder; held by the process. Blocking: call it from a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._good: dict[tuple[str, bytes], tuple[int, int]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def _new(self, path: Path) -> Iterator[Path]:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_suffix(".part")
        try:
            yield draft
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        finally:
            draft.unlink(missing_ok=True)

    def write(self, path: str, groups: Iterable[tuple[int, pa.Table]]) -> Written:
        """Row groups by point number, as one file; durable when this returns."""
        rows, points = 0, []
        with self._new(self.folder / path) as draft:
            with pq.ParquetWriter(draft, SCHEMA, compression="zstd") as writer:
                for point, table in groups:
                    writer.write_table(table, row_group_size=max(1, table.num_rows))
                    points.append(point)
                    rows += table.num_rows
                writer.add_key_value_metadata({
                    _POINTS.decode(): json.dumps(points), _VERSION.decode(): str(SCHEMA_VERSION),
                })  # fmt: skip
            sha256, size = _hash(draft), draft.stat().st_size
            with self._new(_seal_of(self.folder / path)) as beside:
                beside.write_text(f"{sha256.hex()}  {draft.with_suffix('.parquet').name}\n", encoding="ascii")
        return Written(path, rows, size, sha256)

    def fault(self, path: str, sha256: bytes) -> str:
        """What is wrong with a file; empty where all is well. Reads it whole."""
        there = self.folder / path
        if not there.is_file():
            return "the file is missing"
        return "" if _hash(there) == sha256 else "the file does not have its hash"

    def read(self, path: str, sha256: bytes, point: int, columns: Iterable[str] | None = None) -> pa.Table:
        """The rows of one point. Raises `ArchiveDamagedError`."""
        self._check(path, sha256)
        with pq.ParquetFile(self.folder / path) as file:
            points = json.loads(file.metadata.metadata[_POINTS])
            wanted = None if columns is None else list(columns)
            if point not in points:
                return SCHEMA.empty_table() if wanted is None else SCHEMA.empty_table().select(wanted)
            return file.read_row_group(points.index(point), columns=wanted)

    def remove(self, path: str) -> None:
        """Take a file away that another one replaces."""
        _seal_of(self.folder / path).unlink(missing_ok=True)
        (self.folder / path).unlink(missing_ok=True)

    def _check(self, path: str, sha256: bytes) -> None:
        """The hash, once for each state of the file this process meets."""
        try:
            found = (self.folder / path).stat()
        except FileNotFoundError:
            found = None
        state = None if found is None else (found.st_mtime_ns, found.st_size)
        with self._lock:
            if state is not None and self._good.get((path, sha256)) == state:
                return
            if fault := self.fault(path, sha256):
                raise ArchiveDamagedError(f"archive {path}: {fault}; restore it from a backup", path=path)
            if state is not None:
                self._good[path, sha256] = state


def _seal_of(path: Path) -> Path:
    """The hash beside the file, in the form of `sha256sum`, for who has no database at hand."""
    return path.with_suffix(".parquet.sha256")


def _hash(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.digest()
