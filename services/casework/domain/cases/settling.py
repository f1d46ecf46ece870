"""What visits and findings mean for their case: rectification, its next limit, or the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.casework.domain.cases import moves
from services.casework.domain.cases.model import Case
from services.casework.domain.findings import DONE, Finding, next_clock
from services.casework.domain.visits import Visit
from shared.contracts.casework import CaseState, ReasonCode, VisitState, VisitType

TRACKED = "rectification_tracked"
"""Event of the trail when only the clock of the case changed."""
_COMING = frozenset({VisitState.PLANNED, VisitState.STARTED})


@dataclass(frozen=True)
class Settled:
    """The case after it followed its visits and findings, and the event to write down."""

    case: Case
    event: str
    reason_code: ReasonCode | None = None


def settle(case: Case, visits: Sequence[Visit], findings: Sequence[Finding], now: datetime) -> Settled | None:
    """What the case does now; None where nothing changes. Service visits decide nothing."""
    inspections = [visit for visit in visits if visit.type is not VisitType.SERVICE]
    coming = any(visit.state in _COMING for visit in inspections)
    pending = [finding for finding in findings if finding.state not in DONE]
    if case.state is CaseState.KEY_VERIFICATION:
        return _after_visits(case, inspections, pending, now, coming=coming)
    if case.state is CaseState.RECTIFYING:
        return _after_findings(case, pending, now, coming=coming)
    return None


def _after_visits(
    case: Case, visits: Sequence[Visit], pending: Sequence[Finding], now: datetime, *, coming: bool
) -> Settled | None:
    clock = next_clock(pending)
    if clock is not None:
        return Settled(moves.start_rectification(case, clock, now).case, "start_rectification")
    began = case.clock.started_at if case.clock else case.opened_at
    visited = any(visit.completed_at is not None and visit.completed_at >= began for visit in visits)
    if coming or not visited:
        return None
    return Settled(moves.conclude(case, ReasonCode.NO_FINDING, now).case, "conclude", ReasonCode.NO_FINDING)


def _after_findings(case: Case, pending: Sequence[Finding], now: datetime, *, coming: bool) -> Settled | None:
    if not pending and not coming:
        return Settled(moves.conclude(case, ReasonCode.CORRECTED, now).case, "conclude", ReasonCode.CORRECTED)
    tracked = moves.track_rectification(case, next_clock(pending), now)
    return Settled(tracked, TRACKED) if tracked != case else None
