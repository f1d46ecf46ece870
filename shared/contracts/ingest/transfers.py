"""Imports and exports that run as jobs 导入导出: what is asked for, how far it is, what came of it."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.ingest.base import Wire

MAX_UPLOAD = 16 * 1024 * 1024
"""Bytes of a file to import."""
MAX_ROW_ERRORS = 1000
"""Refused cells a job keeps; all are counted."""
KindName = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[a-z][a-z0-9._-]*$")]


class TransferDirection(StrEnum):
    """Into the store or out of it."""

    IMPORT = "import"
    EXPORT = "export"


class TransferState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TransferEvent(StrEnum):
    """What moves a job."""

    START = "start"
    FINISH = "finish"
    FAIL = "fail"
    TAKE_UP_AGAIN = "take_up_again"
    CANCEL = "cancel"


class ImportMode(StrEnum):
    """What an import does with its rows: only look, all or nothing, or the good ones."""

    CHECK = "check"
    ALL = "all"
    GOOD_ROWS = "good_rows"


class RowError(Wire):
    """Why a row was refused. `line` counts from 1 as a spreadsheet does; `code` and `values` make the sentence."""

    line: int
    column: str = ""
    code: str
    message: str
    """In English; the portal says it in the reader's language from `code` and `values`."""
    values: dict[str, Any] = {}


class TransferIn(Wire):
    """An export to start. `parameters` are those of the kind."""

    kind: KindName
    parameters: dict[str, Any] = Field(default_factory=dict, max_length=40)


class TransferOut(Wire):
    """A job as it stands."""

    id: UUID
    kind: str
    direction: TransferDirection
    state: TransferState
    total: int
    """Steps in all; 0 while nobody knows."""
    done: int
    parameters: dict[str, Any]
    result: dict[str, Any]
    errors: list[RowError] = []
    error_count: int = 0
    reason: str = ""
    """Why it failed, as a plain sentence."""
    file_name: str = ""
    file_size: int | None = None
    """Bytes of the file to fetch (an export) or that was sent (an import); None when it is gone."""
    owner: str
    created_at: AwareDatetime
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    """When the file goes."""
    may_cancel: bool = False
    may_apply: bool = False
    """Whether it was a check whose rows can now be imported."""


class TransferKindOut(Wire):
    """A kind of job this caller may start."""

    kind: str
    direction: TransferDirection
    formats: list[str]
