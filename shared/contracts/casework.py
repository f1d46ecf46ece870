"""The wire of casework 办案: cases (an inquiry is a case), visits, findings, evidence, audit."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.detection import AnomalyOut, Explanation, Frequency, Nature, Severity
from shared.contracts.grading import Colour
from shared.contracts.ingest import Medium, Wire

Text = Annotated[str, Field(max_length=4000)]
Short = Annotated[str, Field(max_length=200)]


class CaseState(StrEnum):
    """States of a case (product E3, continued by the visit and the findings of E4)."""

    SCREENING = "screening"  # 人工判别
    FALSE_ALARM = "false_alarm"  # 误报关闭
    COVERED_BY_MARK = "covered_by_mark"  # 标记已覆盖
    MERGED = "merged"  # 并入
    INQUIRY_SENT = "inquiry_sent"  # 已问询
    ACKNOWLEDGED = "acknowledged"  # 已签收
    OVERDUE = "overdue"  # 逾期
    REPLIED = "replied"  # 已反馈
    ANALYSING = "analysing"  # 监理研判
    RETURNED = "returned"  # 退回补充
    SIMPLIFIED = "simplified"  # 简化处理（办结）
    KEY_VERIFICATION = "key_verification"  # 重点核查
    RECTIFYING = "rectifying"  # 整改中
    DIRECT_LEAD = "direct_lead"  # 直接移送
    WITHDRAWN = "withdrawn"  # 撤回
    CLOSED = "closed"  # 办结


CLOSED_STATES = frozenset(
    {
        CaseState.FALSE_ALARM,
        CaseState.COVERED_BY_MARK,
        CaseState.MERGED,
        CaseState.SIMPLIFIED,
        CaseState.DIRECT_LEAD,
        CaseState.WITHDRAWN,
        CaseState.CLOSED,
    }
)


class CaseEvent(StrEnum):
    """What can happen to a case. Those of the system (escalate, conclude, …) are not offered to people."""

    MARK_FALSE_ALARM = "mark_false_alarm"
    MARK_COVERED = "mark_covered"
    MERGE = "merge"
    SEND_INQUIRY = "send_inquiry"
    ACKNOWLEDGE = "acknowledge"
    REPLY = "reply"
    ESCALATE = "escalate"
    START_ANALYSIS = "start_analysis"
    RETURN_REPLY = "return_reply"
    SIMPLIFY = "simplify"
    VERIFY_ON_SITE = "verify_on_site"
    REFER = "refer"
    WITHDRAW = "withdraw"
    REOPEN = "reopen"
    START_RECTIFICATION = "start_rectification"
    CONCLUDE = "conclude"


class CauseCode(StrEnum):
    """Cause the enterprise states in its reply (product E3)."""

    PRODUCTION_CHANGE = "production_change"
    TREATMENT_FAULT = "treatment_fault"
    DEVICE_FAULT = "device_fault"
    MAINTENANCE = "maintenance"
    CALIBRATION = "calibration"
    SAMPLING = "sampling"
    COMMUNICATION = "communication"
    POWER = "power"
    THIRD_PARTY_ERROR = "third_party_error"
    TRUE_EXCEEDANCE = "true_exceedance"
    UNKNOWN = "unknown"


class ReasonCode(StrEnum):
    """Why a supervisor or officer decides so; no close without one."""

    SENSOR_ARTEFACT = "sensor_artefact"
    RULE_TOO_TIGHT = "rule_too_tight"
    DATA_LATE = "data_late"
    MARKED_IN_TIME = "marked_in_time"
    SAME_EPISODE = "same_episode"
    MINOR_FIRST = "minor_first"
    CAUSE_PROVEN = "cause_proven"
    CORRECTED = "corrected"
    SEVERE = "severe"
    REPEATED = "repeated"
    CONTRADICTION = "contradiction"
    INCOMPLETE = "incomplete"
    UNCLEAR = "unclear"
    NO_REPLY = "no_reply"
    RANDOM_CHECK = "random_check"
    SUSPECTED_OFFENCE = "suspected_offence"
    SENT_IN_ERROR = "sent_in_error"
    NEW_FACTS = "new_facts"
    NO_FINDING = "no_finding"
    OTHER = "other"


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


class EvidenceKind(StrEnum):
    """Kinds of evidence (product E5) with their size limits in `domain/evidence.py`."""

    PHOTO = "photo"
    VIDEO = "video"
    RECORD = "record"
    DOCUMENT = "document"
    DATA = "data"
    SCREENSHOT = "screenshot"
    LAB_REPORT = "lab_report"


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


class VisitType(StrEnum):
    """Who may act differs (product E5). AI inspection by officers, TS service, CK back-check, RV review."""

    INSPECTION = "ai"
    SERVICE = "ts"
    BACK_CHECK = "ck"
    REVIEW = "rv"
    EMERGENCY = "em"


class VisitState(StrEnum):
    """States of a visit 现场核查."""

    PLANNED = "planned"
    STARTED = "started"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class VisitEvent(StrEnum):
    """What can happen to a visit."""

    START = "start"
    COMPLETE = "complete"
    CANCEL = "cancel"


class VisitIn(Wire):
    """Plan a visit for a case in key verification."""

    case_id: UUID
    type: VisitType = VisitType.INSPECTION
    planned_at: AwareDatetime
    officers: list[Short] = Field(default_factory=list, max_length=10)
    """Names or certificate numbers of the officers; two or more for an inspection."""
    trigger: str = Field("data_clue", max_length=40)


class FindingSeverity(StrEnum):
    """minor 1 point, general 3, major 8 (product E4)."""

    MINOR = "minor"
    GENERAL = "general"
    MAJOR = "major"


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


class FindingState(StrEnum):
    """States of a finding's rectification 整改 (product E4)."""

    OPEN = "open"  # 待下发
    ISSUED = "issued"  # 已下发
    FIXING = "fixing"  # 整改中
    REVIEW = "review"  # 复核
    REJECTED = "rejected"  # 退回
    OVERDUE = "overdue"  # 逾期
    VERIFIED = "verified"  # 已销号
    WAIVED = "waived"  # 免除


class FindingEvent(StrEnum):
    """What can happen to a finding."""

    ISSUE = "issue"
    SUBMIT_PLAN = "submit_plan"
    SUBMIT_EVIDENCE = "submit_evidence"
    VERIFY = "verify"
    REJECT = "reject"
    EXTEND = "extend"
    ESCALATE = "escalate"
    WAIVE = "waive"


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


class FindingCodeOut(Wire):
    """A finding code with its clause."""

    code: str
    title_zh: str
    title_en: str
    clause: str
    default_severity: FindingSeverity


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


class AuditEntryOut(Wire):
    """One row of the audit chain."""

    id: int
    at: AwareDatetime
    actor: str
    actor_name: str
    organisation: str
    action: str
    subject: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    reason: str = ""
    hash: str


class AuditVerdict(Wire):
    """Outcome of a check of the chain."""

    entries: int
    intact: bool
    broken_at: int | None = None
    head: str


class CaseFact(Wire):
    """Data of `casework.case.changed.v1`: what grading needs of a case."""

    case_id: UUID
    no: str
    enterprise_id: UUID
    outlet_id: UUID
    rule: str
    nature: Nature
    severity: Severity
    state: CaseState
    event: str
    at: AwareDatetime
    inquiry_sent_at: AwareDatetime | None = None
    reply_by: AwareDatetime | None = None
    replied_at: AwareDatetime | None = None
    """First reply."""
    on_time: bool | None = None
    returns: int = 0
    recurrence: bool = False
    overdue_level: int = 0
    closed_at: AwareDatetime | None = None
    anomaly_ids: list[UUID] = []
    """Every anomaly of the case; a case closed as false alarm or covered by a mark frees them in grading."""
    version: int


class VisitFact(Wire):
    """Data of `casework.visit.completed.v1`."""

    visit_id: UUID
    no: str
    case_id: UUID
    case_no: str
    enterprise_id: UUID
    type: VisitType
    trigger: str
    completed_at: AwareDatetime
    findings: int
    points: int
    colour: Colour


class FindingFact(Wire):
    """Data of `casework.finding.changed.v1`."""

    finding_id: UUID
    no: str
    case_id: UUID
    case_no: str
    enterprise_id: UUID
    code: str
    severity: FindingSeverity
    points: int
    state: FindingState
    at: AwareDatetime
    issued_at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    verified_at: AwareDatetime | None = None
    on_time: bool | None = None
    relapse: bool = False
    version: int


CASE_CHANGED = "casework.case.changed.v1"
VISIT_COMPLETED = "casework.visit.completed.v1"
FINDING_CHANGED = "casework.finding.changed.v1"
