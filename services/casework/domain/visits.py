"""Visits 现场核查: model, life cycle as a table, walking it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.casework.domain.cases.model import Case
from services.casework.domain.machine import BUREAU, STAFF, Actor, Machine, Row
from shared.contracts.casework import (
    CaseState,
    FindingIn,
    VisitAct,
    VisitIn,
    VisitType,
)
from shared.contracts.casework import VisitEvent as Event
from shared.contracts.casework import VisitState as State
from shared.contracts.grading import Colour
from shared.errors import ConflictError, InvalidError

TEAM = 2
"""Officers of an inspection at least: two with certificates."""
CLOCK_TOLERANCE = timedelta(minutes=5)
FARTHEST = timedelta(days=730)
TRIGGERS = frozenset({"planned", "complaint", "transfer", "data_clue", "off_site_finding", "red_list", "firm_request"})
"""Why a visit is made; only `planned` counts to the yearly cap."""


@dataclass(frozen=True)
class Visit:
    """A visit. `colour` is frozen at completion, None before."""

    id: UUID
    no: str
    case_id: UUID
    enterprise_id: UUID
    type: VisitType
    trigger: str
    state: State
    planned_at: datetime
    created_at: datetime
    officers: tuple[str, ...] = ()
    started_at: datetime | None = None
    completed_at: datetime | None = None
    record: str = ""
    colour: Colour | None = None
    findings: int = 0
    points: int = 0
    version: int = 1


def _inspection_needs_officer(visit: Visit, actor: Actor, _now: datetime) -> bool:
    return visit.type is not VisitType.SERVICE and not actor.is_any(BUREAU)


def _known(visit: Visit, field: str) -> bool:
    return field == "officers" and (visit.type is not VisitType.INSPECTION or len(visit.officers) >= TEAM)


VISITS: Machine[Visit] = Machine(
    name="visit",
    states=State,
    events=Event,
    guards={"inspection_needs_officer": _inspection_needs_officer},
    known=_known,
    rows=(
        Row(event=Event.START, sources=(State.PLANNED,), target=State.STARTED, parties=STAFF,
            guards=("inspection_needs_officer",), needs=("officers",)),
        Row(event=Event.COMPLETE, sources=(State.STARTED,), target=State.COMPLETED, parties=STAFF,
            guards=("inspection_needs_officer",), needs=("record",)),
        Row(event=Event.CANCEL, sources=(State.PLANNED, State.STARTED), target=State.CANCELLED, parties=STAFF,
            guards=("inspection_needs_officer",), needs=("reason",)),
    ),
)  # fmt: skip


def _refuse(where: str, message: str, code: str) -> InvalidError:
    return InvalidError(message, errors=[{"where": where, "message": message, "code": code}])


def _names(officers: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in officers if name.strip()))


def check_time(where: str, planned_at: datetime, now: datetime) -> None:
    """Raise unless a visit is planned for a time to come, and not for one far away."""
    if planned_at < now - CLOCK_TOLERANCE:
        raise _refuse(where, "the visit is planned for a time that has passed", "past")
    if planned_at > now + FARTHEST:
        raise _refuse(where, f"plan a visit at most {FARTHEST.days} days ahead", "too_far")


def check_can_plan(case: Case, plan: VisitIn, now: datetime) -> None:
    """Raise unless a visit of this type fits the case and the plan is whole."""
    check_time("planned_at", plan.planned_at, now)
    fits = {CaseState.KEY_VERIFICATION} | ({CaseState.RECTIFYING} if plan.type is VisitType.REVIEW else set())
    if plan.type is VisitType.SERVICE:
        fits.add(CaseState.RECTIFYING)
    if case.state not in fits:
        raise ConflictError(
            f"a case in state {case.state} takes no {plan.type} visit",
            state=str(case.state), fits=sorted(str(state) for state in fits),
        )  # fmt: skip
    if plan.trigger not in TRIGGERS:
        raise _refuse("trigger", f"give one of {', '.join(sorted(TRIGGERS))}", "unknown")
    if plan.type is VisitType.INSPECTION and len(_names(plan.officers)) < TEAM:
        raise _refuse("officers", "an inspection is made by two officers or more", "two_officers_needed")


def clean_officers(officers: Sequence[str]) -> tuple[str, ...]:
    """Names without blanks and doubles, in the order given."""
    return _names(officers)


def move(visit: Visit, act: VisitAct, actor: Actor, now: datetime) -> Visit:
    """Walk the table; findings of a completed visit are made by the caller."""
    named = replace(visit, officers=_names((*visit.officers, *act.officers)))
    row = VISITS.check(visit, act.event, actor, now, act.model_dump())
    if act.event is Event.START and visit.type is VisitType.INSPECTION and len(named.officers) < TEAM:
        raise _refuse("officers", "an inspection is made by two officers or more", "two_officers_needed")
    if act.findings:
        _check_findings(visit, act)
    moved = replace(named, state=State(row.target or visit.state), version=visit.version + 1)
    if act.event is Event.START:
        return replace(moved, started_at=now)
    if act.event is Event.COMPLETE:
        return replace(moved, completed_at=now, record=act.record, findings=len(act.findings))
    return moved


def cancel(visit: Visit) -> Visit:
    """Cancelled together with its case's end."""
    return replace(visit, state=State.CANCELLED, version=visit.version + 1)


def _check_findings(visit: Visit, act: VisitAct) -> None:
    if act.event is not Event.COMPLETE:
        raise _refuse("findings", "findings come with the completion of a visit", "not_now")
    if visit.type is VisitType.SERVICE:
        raise _refuse("findings", "a service visit gives advice, no findings", "service_visit_has_no_findings")


def evidence_of(findings: Sequence[FindingIn]) -> set[UUID]:
    """All evidence the findings name."""
    return {item for finding in findings for item in finding.evidence_ids}


def with_outcome(visit: Visit, colour: Colour, points: int) -> Visit:
    """The completed visit with the enterprise's colour at that time and the points of its findings."""
    return replace(visit, colour=colour, points=points)
