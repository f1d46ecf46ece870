"""Events of the feed: what grading is told of cases, visits and findings."""

from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.casework.vocabulary import CaseState, CauseCode, FindingSeverity, FindingState, VisitType
from shared.contracts.detection import Nature, Severity
from shared.contracts.grading import Colour
from shared.contracts.ingest import Wire


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
    cause_code: CauseCode | None = None
    """What the latest reply stated."""
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
