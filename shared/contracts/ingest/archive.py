"""The archive: closed months as Parquet files, and days that could not be sealed."""

from datetime import date, datetime
from enum import StrEnum

from shared.contracts.ingest.base import ReadingKind, Wire


class ArchiveState(StrEnum):
    """Whether a file is what was written."""

    VERIFIED = "verified"
    DAMAGED = "damaged"


class ArchiveFileOut(Wire):
    """A month of one kind as a file. `released_at`: since then only the file holds real-time and minute values."""

    month: date
    kind: ReadingKind
    rev: int
    path: str
    state: ArchiveState
    detail: str
    rows: int
    size: int
    sha256: str
    schema_version: int
    written_at: datetime
    verified_at: datetime | None
    released_at: datetime | None


class OriginOut(Wire):
    """Neighbouring times of one source and revision: first and last time, how many, when they came."""

    since: datetime
    until: datetime
    rows: int
    received_first: datetime
    received_last: datetime
    source: str
    rev: int


class SealFault(Wire):
    """A day whose copy differed from its rows: the rows were kept."""

    day: date
    detail: str


class ArchiveOut(Wire):
    """Files of the last thousand months and kinds, newest first; how far days are sealed, and what went wrong."""

    files: list[ArchiveFileOut]
    sealed_until: date | None
    opened_again: int
    """Outlets and days that late data opened and that are not sealed again yet."""
    faults: list[SealFault]
