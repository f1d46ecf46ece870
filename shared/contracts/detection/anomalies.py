"""Anomalies (episodes) and their grades."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.ingest import ReadingKind, Wire

WHOLE_OUTLET = "outlet"
"""In place of a factor, where a duty of the outlet as a whole is meant."""
SEVERAL = "*"
"""The factor of a parent: an anomaly that stands for those of several factors of its outlet."""


class Nature(StrEnum):
    """What kind of problem (product E2)."""

    EXCEEDANCE = "N1"
    DATA_QUALITY = "N2"
    DEVICE = "N3"
    SUSPECTED_FRAUD = "N4"
    PROCESS_MISMATCH = "N5"
    MISSING_DUTY = "N6"


class Frequency(StrEnum):
    """How often in the last days: repeated ≥2 in 7 d, chronic ≥4 in 30 d."""

    FIRST = "first"
    REPEATED = "repeated"
    CHRONIC = "chronic"


class Severity(StrEnum):
    """A is the gravest."""

    A = "A"
    B = "B"
    C = "C"


class AnomalyState(StrEnum):
    """Whether the episode still goes on."""

    OPEN = "open"
    CLOSED = "closed"


class Explanation(Wire):
    """Why, as a code with parameters: the portal renders it in the reader's language."""

    code: str
    params: dict[str, Any] = {}


class AnomalyOut(Wire):
    """An anomaly 异常: merged hits of one rule on one factor of one outlet, or a parent of several such."""

    id: UUID
    no: str
    """Readable number, `A-20261123-0031`."""
    enterprise_id: UUID
    outlet_id: UUID
    factor: str
    """A code, or `*` for a parent."""
    factors: list[str] = []
    """Of a parent: the factors whose anomalies it stands for."""
    parent_id: UUID | None = None
    """The parent that stands for it: several factors of the outlet began to break the rule together."""
    kind: ReadingKind
    rule: str
    """Rule code, as in `/v1/rules`: EX-H, EX-D, RANGE, CONST, MISS, SPIKE, NEG, ZERO, TEMP850, EX-TREND, HUG, STEP …"""
    nature: Nature
    severity: Severity
    frequency: Frequency
    count_30d: int = Field(ge=1)
    state: AnomalyState
    started_at: AwareDatetime
    last_at: AwareDatetime
    """Last time (start of period) that belongs to it."""
    ended_at: AwareDatetime | None = None
    points: int
    """Readings that broke the rule; for EX-H the exceeding hours."""
    observed: float | None = None
    """The worst value (peak, constant value, share present)."""
    reference: float | None = None
    """What it was measured against (limit, threshold)."""
    unit: str = ""
    explanation: Explanation
    recurrence_of: UUID | None = None
    marked_by: UUID | None = None
    """The mark 标记 that explains it from its start to its end so far."""
    rule_precision: float | None = Field(None, ge=0, le=1)
    """How often people confirmed the rule in the last 90 days, 0 to 1; None where too few were judged."""
    detected_at: AwareDatetime
    version: int = 1


class OpenAnomaly(Wire):
    """An open anomaly in a summary."""

    id: UUID
    no: str
    rule: str
    factor: str
    nature: Nature
    severity: Severity
    started_at: AwareDatetime
    marked: bool
    """Whether a mark explains it so far."""


class OpenSummary(Wire):
    """Open anomalies of one outlet: how many of each severity, and the gravest of them, gravest and newest first."""

    outlet_id: UUID
    enterprise_id: UUID
    a: int
    b: int
    c: int
    worst: list[OpenAnomaly] = []


ANOMALY_OPENED = "detection.anomaly.opened.v1"
ANOMALY_UPDATED = "detection.anomaly.updated.v1"
ANOMALY_CLOSED = "detection.anomaly.closed.v1"
