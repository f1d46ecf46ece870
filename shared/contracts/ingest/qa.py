"""Quality-assurance records 质控记录: calibrations, checks and comparisons of an outlet's analysers."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.ingest.base import Code, Wire
from shared.contracts.ingest.marks import MarkEvidenceOut

QA_RECORDED = "ingest.qa.recorded.v1"
MAX_PAIRS = 60
Finite = Annotated[float, Field(allow_inf_nan=False)]


class QaKind(StrEnum):
    """What was done."""

    ZERO = "zero"
    SPAN = "span"
    STANDARD_CHECK = "standard_check"
    LINEARITY = "linearity"
    COMPARISON = "comparison"


class QaSource(StrEnum):
    """Where a record came from."""

    PORTAL = "portal"
    API = "api"
    HJ212 = "hj212"


class ErrorKind(StrEnum):
    """What an error is measured in."""

    ABSOLUTE = "absolute"
    """In the unit of the factor."""
    RELATIVE = "relative"
    """As a share of the reference."""
    FULL_SCALE = "full_scale"
    """As a share of the measuring range."""


class QaState(StrEnum):
    """How a duty stands."""

    NEVER = "never"
    OVERDUE = "overdue"
    FAILED = "failed"
    SOON = "soon"
    DONE = "done"


class QaPair(Wire):
    """A reference and what the analyser read, in the unit of the factor."""

    reference: Finite
    reading: Finite


class QaIn(Wire):
    """A record. Several pairs are judged by their means; for linearity the worst pair counts."""

    outlet_id: UUID
    factor: Code
    kind: QaKind
    at: AwareDatetime
    pairs: Annotated[list[QaPair], Field(min_length=1, max_length=MAX_PAIRS)]
    full_scale: float | None = Field(None, gt=0, allow_inf_nan=False)
    """The measuring range; without it the one of the registry is taken."""
    note: str = Field("", max_length=1000)
    source: QaSource = QaSource.API
    replaces: UUID | None = None
    """The record that this one corrects; it is kept, and counts no more."""


class QaOut(Wire):
    """A record as judged when it came."""

    id: UUID
    no: str
    enterprise_id: UUID
    outlet_id: UUID
    factor: str
    kind: QaKind
    at: AwareDatetime
    pairs: list[QaPair]
    full_scale: float | None
    reference: float
    reading: float
    error: float | None
    """Signed; a share for relative and full-scale errors. None where nothing can be divided by."""
    error_kind: ErrorKind
    limit: float | None
    passed: bool | None
    """None where no limit is set."""
    next_due_at: AwareDatetime | None
    rule_source: str
    note: str
    source: QaSource
    recorded_at: AwareDatetime
    recorded_by: str
    replaces: UUID | None
    replaced: bool
    evidence: list[MarkEvidenceOut]


class QaDueOut(Wire):
    """A duty of an outlet's factor, by the last record that counts."""

    enterprise_id: UUID
    outlet_id: UUID
    factor: str
    kind: QaKind
    state: QaState
    interval_days: int
    last_at: AwareDatetime | None
    last_passed: bool | None
    due_at: AwareDatetime | None
    source: str


class QaRecorded(Wire):
    """Data of `ingest.qa.recorded.v1`."""

    record_id: UUID
    no: str
    enterprise_id: UUID
    outlet_id: UUID
    factor: str
    kind: QaKind
    at: AwareDatetime
    reference: float
    reading: float
    error: float | None
    limit: float | None
    passed: bool | None
    next_due_at: AwareDatetime | None
    replaces: UUID | None
