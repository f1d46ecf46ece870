"""Marks 标记: what an enterprise, its logger or a supervisor says of a stretch of data."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.ingest.base import Code, Wire

MARK_CHANGED = "ingest.mark.changed.v1"
MAX_FACTORS = 100


class MarkKind(StrEnum):
    """What is spoken of: the plant 工况 or the monitoring device 设备."""

    WORKING_CONDITION = "working_condition"
    DEVICE = "device"


class MarkEffect(StrEnum):
    """What a mark does to the values it covers (MEE announcement 2022 No. 21)."""

    INVALID = "invalid"
    """Not used for means or for judging exceedance: device fault, maintenance, calibration, start-up, shut-down."""
    STOPPED = "stopped"
    """The source does not discharge: no data are expected, none are missing."""
    NONE = "none"
    """Told, without effect on validity."""
    VALID = "valid"
    """Counts as valid in spite of the logger's flag: what an automatic mark leaves that expired unproven, where the
    rules say so (`on_expiry: treat_as_valid`)."""


class MarkSource(StrEnum):
    """Where a mark came from."""

    AUTO = "auto"
    MANUAL = "manual"
    PROPOSED = "proposed"
    """By a supervisor, for the enterprise to confirm."""


class MarkState(StrEnum):
    """How far a mark is."""

    PROPOSED = "proposed"
    PENDING = "pending"
    QUERIED = "queried"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class MarkEvent(StrEnum):
    """What somebody does to a mark."""

    CONFIRM = "confirm"
    CORRECT = "correct"
    FINISH = "finish"
    ANSWER = "answer"
    WITHDRAW = "withdraw"
    ACCEPT = "accept"
    QUERY = "query"
    REJECT = "reject"
    EXPIRE = "expire"
    FOLLOW = "follow"
    REVOKE = "revoke"


class MarkIn(Wire):
    """A new mark from `since` to before `until`; without `until` it runs on. No factors means all of the outlet."""

    outlet_id: UUID
    code: Code
    """A code of `GET /v1/marks/codes`; it says whether plant or device is meant, and the effect."""
    since: AwareDatetime
    until: AwareDatetime | None = None
    factors: list[Code] = Field(default_factory=list, max_length=MAX_FACTORS)
    device_id: UUID | None = None
    reason: str = Field("", max_length=2000)
    merge: bool = False
    """Whether to lengthen the mark of the same code that it overlaps, instead of being refused."""
    submitted_at: AwareDatetime | None = None
    """When it was first handed in elsewhere; for systems that bring marks over only."""


class MarkAct(Wire):
    """An event on a mark; absent fields stay as they are."""

    event: MarkEvent
    reason: str = Field("", max_length=2000)
    """For the enterprise the mark's reason, for a reviewer the reason of the decision."""
    code: Code | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    factors: list[Code] | None = Field(None, max_length=MAX_FACTORS)
    untrue: bool = False
    """With `reject`: the mark says what was not so; it counts as a false mark in grading."""


class MarkEvidenceOut(Wire):
    """A file that proves a mark. `sha256` is hex."""

    id: UUID
    name: str
    media_type: str
    size: int
    sha256: str
    uploaded_at: AwareDatetime
    uploaded_by: str


class AllowedMarkEvent(Wire):
    """An event the caller may do now. `blocked` names the guard that stands against it."""

    event: MarkEvent
    needs: list[str] = []
    blocked: str | None = None


class MarkOut(Wire):
    """A mark as it stands."""

    id: UUID
    no: str
    enterprise_id: UUID
    outlet_id: UUID
    device_id: UUID | None
    kind: MarkKind
    code: str
    code_zh: str
    code_en: str
    effect: MarkEffect
    since: AwareDatetime
    until: AwareDatetime | None
    factors: list[str]
    source: MarkSource
    flag: str | None
    """The HJ 212 flag an automatic mark was made of."""
    reason: str
    state: MarkState
    effective: bool
    """Whether it has its effect now."""
    submitted_at: AwareDatetime | None
    submitted_by: str
    due_at: AwareDatetime
    late: bool
    """Handed in after `due_at`, or not handed in and past it."""
    evidence_due_at: AwareDatetime | None
    """Until when evidence is due; none where the code needs none, or while the mark runs."""
    evidence: list[MarkEvidenceOut]
    review_reason: str
    reviewed_at: AwareDatetime | None
    reviewed_by: str
    untrue: bool
    version: int
    changed_at: AwareDatetime
    allowed: list[AllowedMarkEvent] = []


class MarkVersionOut(Wire):
    """What a mark said before and after each change; nothing is overwritten."""

    version: int
    at: AwareDatetime
    by: str
    event: str
    content: dict[str, object]


class MarkCodeOut(Wire):
    """A code of the catalogue."""

    code: str
    kind: MarkKind
    name_zh: str
    name_en: str
    effect: MarkEffect
    evidence: bool
    trades: list[str]
    """Trades it applies to; empty means all."""
    source_zh: str
    source_en: str
    valid_from: date
    valid_to: date | None


class ConflictKind(StrEnum):
    """How a new mark stands against one that is there."""

    CONTRADICTION = "contradiction"
    SAME_CODE = "same_code"


class MarkConflict(Wire):
    """A mark that the new one overlaps."""

    kind: ConflictKind
    mark_id: UUID
    no: str
    code: str
    since: AwareDatetime
    until: AwareDatetime | None


class BudgetOut(Wire):
    """Hours of a yearly budget 年度时限 of one outlet: what the marks used, and the limit."""

    codes: list[str]
    year: int
    limit_h: float
    used_h: float
    left_h: float
    warning: bool
    source_zh: str
    source_en: str


class RunningSign(Wire):
    """A sign in the readings that the source ran in a span marked as stopped."""

    factor: str
    hours: int
    greatest: float
    threshold: float


class MarkCheck(Wire):
    """What would come of a mark, before it is handed in."""

    conflicts: list[MarkConflict]
    warnings: list[str]
    """Codes: `late`, `wastes_budget`, `budget_warning`, `budget_over`, `signs_of_running`."""
    problems: list[str]
    """Codes of what would be refused: `too_short`, `window_over`, `in_the_future`, …"""
    due_at: AwareDatetime
    evidence_due_at: AwareDatetime | None
    budget: BudgetOut | None
    running: list[RunningSign]


class MarkChanged(Wire):
    """Data of `ingest.mark.changed.v1`. `since` and `until` span the mark before and after the change."""

    mark_id: UUID
    no: str
    version: int
    event: str
    enterprise_id: UUID
    outlet_id: UUID
    kind: MarkKind
    code: str
    since: AwareDatetime
    until: AwareDatetime | None
    factors: list[str]
    effect: MarkEffect
    effective: bool
    state: MarkState
    source: MarkSource
    late: bool
    untrue: bool
    cover: "MarkCover | None" = None
    """What the mark itself speaks of now; absent in events told before it was added."""


class MarkCover(Wire):
    """The stretch and the factors of one mark as it stands; no factors means all of the outlet."""

    since: AwareDatetime
    until: AwareDatetime | None
    factors: list[str]


class MarkOutcome(StrEnum):
    """How a mark counts in grading."""

    ON_TIME = "on_time"
    LATE = "late"
    MISSING = "missing"
    """Due, and never handed in."""


class MarkFact(Wire):
    """One mark that was due in the span."""

    mark_id: UUID
    no: str
    outlet_id: UUID
    code: str
    since: AwareDatetime
    due_at: AwareDatetime
    submitted_at: AwareDatetime | None
    outcome: MarkOutcome
    untrue: bool


class OutletBudget(BudgetOut):
    """A budget of a named outlet."""

    outlet_id: UUID


class MarkFacts(Wire):
    """Marks of one enterprise due in a span, and what the yearly budgets of its outlets hold."""

    enterprise_id: UUID
    due: int
    on_time: int
    late: int
    missing: int
    untrue: int
    marks: list[MarkFact]
    overruns: list[OutletBudget]
