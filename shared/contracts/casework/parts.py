"""What cases, visits and findings are made of: acts that are open, clocks, evidence, time line."""

from typing import Any
from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.casework.vocabulary import EvidenceKind, ReasonCode
from shared.contracts.ingest import Wire


class AllowedEvent(Wire):
    """An event this caller may do now, and the fields it needs. `blocked` says why it may not, if so."""

    event: str
    needs: list[str] = []
    reason_codes: list[ReasonCode] = []
    blocked: str | None = None
    """Message code of the guard that stands against it, as `severity_a_needs_officer`."""


class ClockOut(Wire):
    """The clock that runs, and why it is due then."""

    name: str
    """screening, acknowledge, reply, analysis, visit, rectification."""
    started_at: AwareDatetime
    due_at: AwareDatetime
    policy: str
    """Message code of the rule, with `params`, as `reply_24h`."""
    params: dict[str, Any] = {}
    source: str = ""
    overdue: bool = False


class EvidenceOut(Wire):
    """A file kept as evidence 证据, by its content's SHA-256."""

    id: UUID
    case_id: UUID
    finding_id: UUID | None = None
    kind: EvidenceKind
    name: str
    media_type: str
    size: int
    sha256: str
    uploaded_at: AwareDatetime
    uploaded_by: str
    organisation: str
    from_enterprise: bool


class TimelineEntry(Wire):
    """Something that happened, for people to read. Built from the audit rows of the case."""

    at: AwareDatetime
    actor: str
    actor_name: str
    organisation: str
    event: str
    """case.<event>, visit.<event>, finding.<event>, evidence.added, anomaly.merged."""
    from_state: str | None = None
    to_state: str | None = None
    reason_code: str | None = None
    reason: str = ""
    params: dict[str, Any] = {}
