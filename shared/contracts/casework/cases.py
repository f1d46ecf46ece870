"""A case with its inquiry 问询, reply and decisions on the wire."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.casework.parts import AllowedEvent, ClockOut, EvidenceOut, TimelineEntry
from shared.contracts.casework.visits import FindingOut, VisitOut
from shared.contracts.casework.vocabulary import CaseEvent, CaseState, CauseCode, ReasonCode, Text
from shared.contracts.detection import AnomalyOut, Explanation, Frequency, Nature, Severity
from shared.contracts.grading import Colour
from shared.contracts.ingest import Medium, Wire


class ReplyIn(Wire):
    """The enterprise's self-check 企业自查反馈."""

    cause_code: CauseCode
    began_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    statement: Annotated[str, Field(min_length=5, max_length=4000)]
    """What happened."""
    actions: Annotated[str, Field(min_length=2, max_length=4000)]
    """What was done."""
    signer_name: Annotated[str, Field(min_length=1, max_length=60)]
    signer_role: Annotated[str, Field(min_length=1, max_length=60)]
    evidence_ids: list[UUID] = Field(default_factory=list, max_length=50)


class ReplyOut(ReplyIn):
    """A reply as stored; it is never changed afterwards."""

    id: UUID
    round: int
    submitted_at: AwareDatetime
    submitted_by: str
    on_time: bool


class CaseAct(Wire):
    """An act on a case. Which fields an event needs is told by `AllowedEvent.needs`."""

    event: CaseEvent
    reason_code: ReasonCode | None = None
    reason: Text = ""
    into: str | None = Field(None, max_length=40)
    """Number of the case to merge into."""
    text: Text = ""
    """Text of the inquiry to the enterprise; a standard text is made where it is empty."""
    reply: ReplyIn | None = None
    visit_at: AwareDatetime | None = None
    """Planned time of the visit when the event is verify_on_site."""


class CaseSummary(Wire):
    """A case in a list."""

    id: UUID
    no: str
    """`WX-2026-000184` (问询)."""
    enterprise_id: UUID
    enterprise_code: str
    enterprise_name_zh: str
    enterprise_name_en: str
    outlet_id: UUID
    outlet_code: str
    outlet_name_zh: str
    outlet_name_en: str
    medium: Medium
    factor: str
    factor_name_zh: str
    factor_name_en: str
    rule: str
    nature: Nature
    severity: Severity
    frequency: Frequency
    count_30d: int
    rule_precision: float | None = None
    """How often people found the rule right, 0 to 1; part of the priority. None where too few were judged."""
    title: Explanation
    """Code and parameters of the anomaly that opened it."""
    state: CaseState
    overdue_level: int = 0
    """0, or the escalation reached: 1 firm's manager, 2 supervisor lead, 3 section head."""
    clock: ClockOut | None = None
    colour: Colour
    priority: int
    """Higher comes first: severity, colour, frequency, time left."""
    assignee: str | None = None
    anomaly_started_at: AwareDatetime
    anomaly_last_at: AwareDatetime
    anomalies: int
    rounds: int = 0
    """Replies so far."""
    returns: int = 0
    opened_at: AwareDatetime
    changed_at: AwareDatetime
    closed_at: AwareDatetime | None = None
    recurrence: bool = False
    version: int


class InquiryOut(Wire):
    """The inquiry 异常问询 as sent."""

    sent_at: AwareDatetime
    sent_by: str
    text: str
    acknowledge_by: AwareDatetime
    reply_by: AwareDatetime
    acknowledged_at: AwareDatetime | None = None


class DecisionOut(Wire):
    """A decision on a case."""

    event: CaseEvent
    at: AwareDatetime
    by: str
    reason_code: ReasonCode | None = None
    reason: str = ""


class CaseDetail(CaseSummary):
    """A case whole."""

    anomaly_list: list[AnomalyOut]
    inquiry: InquiryOut | None = None
    replies: list[ReplyOut] = []
    decisions: list[DecisionOut] = []
    visits: list[VisitOut] = []
    findings: list[FindingOut] = []
    evidence: list[EvidenceOut] = []
    timeline: list[TimelineEntry] = []
    allowed: list[AllowedEvent] = []
    merged_into: str | None = None


class OutletCases(Wire):
    """Open cases of one outlet; `first` is the number of the one with the highest priority."""

    outlet_id: UUID
    enterprise_id: UUID
    open: int
    overdue: int
    """Those whose running clock is past its end; for an enterprise only the clocks that it must keep."""
    first: str
    state: CaseState
    """State of the first."""


class CaseCounts(Wire):
    """Numbers for menus and the strip above the queue; an enterprise gets its own only."""

    screening: int
    waiting: int
    """Inquiry sent or acknowledged or returned."""
    replied: int
    """Replied or under analysis: the supervisor's turn."""
    overdue: int
    due_soon: int
    """Due within two hours, overdue ones not counted."""
    verification: int
    rectifying: int
    visits_planned: int
    findings_open: int
    opened_today: int
    merged_today: int
    closed_30d: int
    simplified_30d: int
    mean_reply_hours: float | None
    red: int
    """Open cases of enterprises now red."""
