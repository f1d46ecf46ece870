"""Visits 现场检查 and their findings 问题 on the wire."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.casework.parts import AllowedEvent, EvidenceOut
from shared.contracts.casework.vocabulary import (
    FindingEvent,
    FindingSeverity,
    FindingState,
    Short,
    Text,
    VisitEvent,
    VisitState,
    VisitType,
)
from shared.contracts.grading import Colour
from shared.contracts.ingest import Wire


class VisitIn(Wire):
    """Plan a visit for a case in key verification."""

    case_id: UUID
    type: VisitType = VisitType.INSPECTION
    planned_at: AwareDatetime
    officers: list[Short] = Field(default_factory=list, max_length=10)
    """Names or certificate numbers of the officers; two or more for an inspection."""
    trigger: str = Field("data_clue", max_length=40)


class FindingIn(Wire):
    """A problem 问题 found on a visit."""

    code: Annotated[str, Field(min_length=1, max_length=20)]
    """Finding code of `domain/finding_codes.yaml` (Order 19 Arts 13, 18, 19, 20)."""
    severity: FindingSeverity
    facts: Annotated[str, Field(min_length=5, max_length=4000)]
    location: Short = ""
    responsible: str = Field("enterprise", pattern="^(enterprise|operator|both)$")
    evidence_ids: list[UUID] = Field(default_factory=list, max_length=50)


class VisitAct(Wire):
    """An act on a visit; findings come with `complete`."""

    event: VisitEvent
    record: Text = ""
    """What was seen; needed to complete."""
    officers: list[Short] = Field(default_factory=list, max_length=10)
    """Names or certificate numbers, where they were not given when the visit was planned."""
    findings: list[FindingIn] = Field(default_factory=list, max_length=30)
    reason: Text = ""


class FindingAct(Wire):
    """An act on a finding."""

    event: FindingEvent
    text: Text = ""
    """Plan, statement of what was done, or reason."""
    evidence_ids: list[UUID] = Field(default_factory=list, max_length=50)
    days: int | None = Field(None, ge=1, le=60)
    """Extension in days (once, at most half of the first limit)."""


class FindingOut(Wire):
    """A finding and its rectification."""

    id: UUID
    no: str
    case_id: UUID
    case_no: str
    visit_id: UUID
    enterprise_id: UUID
    enterprise_name_zh: str
    enterprise_name_en: str
    code: str
    title_zh: str
    title_en: str
    clause: str
    severity: FindingSeverity
    points: int
    facts: str
    location: str
    responsible: str
    state: FindingState
    plan: str = ""
    statement: str = ""
    found_at: AwareDatetime
    issued_at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    submitted_at: AwareDatetime | None = None
    verified_at: AwareDatetime | None = None
    rejections: int = 0
    extended: bool = False
    on_time: bool | None = None
    relapse_of: UUID | None = None
    allowed: list[AllowedEvent] = []
    evidence: list[EvidenceOut] = []
    version: int


class VisitOut(Wire):
    """A visit."""

    id: UUID
    no: str
    case_id: UUID
    case_no: str
    enterprise_id: UUID
    enterprise_name_zh: str
    enterprise_name_en: str
    outlet_code: str
    type: VisitType
    trigger: str
    state: VisitState
    planned_at: AwareDatetime
    started_at: AwareDatetime | None = None
    completed_at: AwareDatetime | None = None
    officers: list[str] = []
    record: str = ""
    colour: Colour
    """Colour in force when the visit was completed (before that: now)."""
    findings: int = 0
    points: int = 0
    allowed: list[AllowedEvent] = []
    version: int


class FindingCodeOut(Wire):
    """A finding code with its clause."""

    code: str
    title_zh: str
    title_en: str
    clause: str
    default_severity: FindingSeverity
