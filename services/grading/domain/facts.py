"""What is known of the enterprises when a list is made: facts of other services, in their latest version."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from shared.calendar import Quarter
from shared.clock import PARK_ZONE
from shared.contracts.casework import CaseState, FindingSeverity, FindingState, VisitType
from shared.contracts.grading import Colour
from shared.contracts.ingest import PermitClass
from shared.contracts.ingest.marks import MarkOutcome

HOUR = timedelta(hours=1)
EXCUSING = frozenset({CaseState.FALSE_ALARM, CaseState.COVERED_BY_MARK})
"""A case closed so takes its anomalies out of the score."""
DONE = frozenset({FindingState.VERIFIED, FindingState.WAIVED})


@dataclass(frozen=True)
class Enterprise:
    """An enterprise 企业 with what its inherent risk depends on."""

    id: UUID
    version: int
    code: str
    name_zh: str
    name_en: str
    trade: str
    connected_on: date | None
    permit_class: PermitClass
    key_unit: bool
    toxic: bool
    near_homes: bool
    large_flow: bool
    active: bool


@dataclass(frozen=True)
class Outlet:
    """An outlet 排口: its name for the reader."""

    id: UUID
    version: int
    enterprise_id: UUID
    code: str
    name_zh: str
    name_en: str


@dataclass(frozen=True)
class Exceedance:
    """An exceedance anomaly 超标异常; `points` of its readings exceed, the first and the last among them."""

    id: UUID
    version: int
    no: str
    enterprise_id: UUID
    outlet_id: UUID
    factor: str
    rule: str
    started_at: datetime
    last_at: datetime
    points: int

    def hours(self) -> Iterator[datetime]:
        """The exceeding hours; where fewer exceed than the span holds, the earliest beside the last."""
        begin = self.started_at.replace(minute=0, second=0, microsecond=0)
        slots = int((self.last_at - begin) / HOUR) + 1
        return (begin + place * HOUR for place in _placed(self.points, slots))

    def days(self) -> Iterator[date]:
        """The exceeding days in park time; where fewer exceed than the span holds, the earliest beside the last."""
        begin = self.started_at.astimezone(PARK_ZONE).date()
        slots = (self.last_at.astimezone(PARK_ZONE).date() - begin).days + 1
        return (begin + timedelta(days=place) for place in _placed(self.points, slots))


def _placed(points: int, slots: int) -> list[int]:
    """Places of `points` exceeding readings in a span of `slots`: exact when each of them exceeds."""
    if points >= slots:
        return list(range(slots))
    return [*range(points - 1), slots - 1]


@dataclass(frozen=True)
class Case:
    """A case 问询 as far as the score needs it."""

    id: UUID
    version: int
    no: str
    enterprise_id: UUID
    state: CaseState
    inquiry_sent_at: datetime | None
    reply_by: datetime | None
    replied_at: datetime | None
    on_time: bool | None
    returns: int
    recurrence: bool
    anomaly_ids: tuple[UUID, ...]

    def is_late(self, as_of: datetime) -> bool | None:
        """Whether the reply missed its deadline; None while it is not due."""
        if self.on_time is not None:
            return not self.on_time
        if self.reply_by is None:
            return None
        if self.replied_at is not None:
            return self.replied_at > self.reply_by
        return True if self.reply_by <= as_of else None


@dataclass(frozen=True)
class Visit:
    """A completed visit 现场核查 with the points of its findings."""

    id: UUID
    no: str
    enterprise_id: UUID
    type: VisitType
    completed_at: datetime
    findings: int
    points: int


@dataclass(frozen=True)
class Finding:
    """A finding 问题 and how far its rectification 整改 is."""

    id: UUID
    version: int
    no: str
    enterprise_id: UUID
    severity: FindingSeverity
    state: FindingState
    due_at: datetime | None
    verified_at: datetime | None
    on_time: bool | None

    def is_overdue(self, as_of: datetime) -> bool:
        """Open past its deadline. Handed in and waiting for the review is not the enterprise's delay."""
        waiting = self.state in DONE or self.state is FindingState.REVIEW
        return not waiting and self.due_at is not None and self.due_at < as_of

    def was_on_time(self, as_of: datetime) -> bool | None:
        """Outcome of the deadline; None while there is none (not due, under review, waived)."""
        if self.state is FindingState.WAIVED or self.due_at is None:
            return None
        if self.state is FindingState.VERIFIED:
            in_time = self.verified_at is None or self.verified_at <= self.due_at
            return in_time if self.on_time is None else self.on_time
        return False if self.is_overdue(as_of) else None


@dataclass(frozen=True)
class Completeness:
    """Hours an outlet should have sent, sent, and sent validly in the span of the list."""

    outlet_id: UUID
    enterprise_id: UUID
    expected: int
    received: int
    valid: int


@dataclass(frozen=True)
class Mark:
    """A mark 标记 that was due in the quarter, and how it turned out."""

    id: UUID
    no: str
    enterprise_id: UUID
    outlet_id: UUID
    code: str
    since: datetime
    due_at: datetime
    submitted_at: datetime | None
    outcome: MarkOutcome
    untrue: bool


@dataclass(frozen=True)
class Earlier:
    """What published lists of earlier quarters say of an enterprise."""

    scores: tuple[float | None, ...] = ()
    """P of the quarter before, of the one before that, …; None where there is none."""
    colour: Colour | None = None
    """Colour in the published list of the quarter before."""


@dataclass(frozen=True)
class EnterpriseFacts:
    """All that one enterprise's line depends on."""

    enterprise: Enterprise
    outlets: tuple[Outlet, ...] = ()
    exceedances: tuple[Exceedance, ...] = ()
    """Those not excused, that overlap the quarter."""
    cases: tuple[Case, ...] = ()
    """Those whose reply was due in the quarter, so that none sent on its last day is lost."""
    visits: tuple[Visit, ...] = ()
    """Those completed in the quarter."""
    findings: tuple[Finding, ...] = ()
    """Those due before the end of the quarter or verified in it."""
    completeness: tuple[Completeness, ...] = ()
    earlier: Earlier = Earlier()
    marks: tuple[Mark, ...] | None = None
    """Marks due in the quarter; None in lists made before marks were assessed."""

    @property
    def tvr(self) -> float | None:
        """Transmission-validity rate 传输有效率 over all outlets by hours, 0 to 1; None without expectation."""
        expected = sum(each.expected for each in self.completeness)
        return sum(each.valid for each in self.completeness) / expected if expected else None


@dataclass(frozen=True)
class QuarterFacts:
    """The frozen input of one list: with the rule version it determines every line."""

    quarter: str
    as_of: datetime
    """End of the quarter, or the last full hour of a running one; deadlines are judged at it."""
    enterprises: tuple[EnterpriseFacts, ...]


def as_of(quarter: Quarter, now: datetime) -> datetime:
    """The moment a list of `quarter` made `now` is judged at."""
    return min(now.replace(minute=0, second=0, microsecond=0), quarter.end.astimezone(now.tzinfo))


def without_excused(exceedances: list[Exceedance], cases: list[Case]) -> list[Exceedance]:
    """Leave out anomalies whose case was closed as a false alarm 误报 or covered by a mark 标记已覆盖."""
    excused = {anomaly for case in cases if case.state in EXCUSING for anomaly in case.anomaly_ids}
    return [each for each in exceedances if each.id not in excused]
