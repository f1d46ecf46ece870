"""The life cycle of a case 案件 as a table."""

from datetime import datetime, timedelta

from services.casework.domain.cases.model import Case
from services.casework.domain.machine import (
    BUREAU,
    FIRM,
    KEEP,
    MACHINE,
    STAFF,
    Actor,
    Machine,
    Party,
    Row,
)
from shared.contracts.casework import CaseEvent as Event
from shared.contracts.casework import CaseState as State
from shared.contracts.casework import CauseCode
from shared.contracts.casework import ReasonCode as Reason
from shared.contracts.detection import Severity

MAX_RETURNS = 2
REOPEN_WITHIN = timedelta(hours=72)
LEADS = BUREAU | {Party.SUPERVISOR_LEAD}

WAITING = (State.INQUIRY_SENT, State.ACKNOWLEDGED, State.RETURNED)
"""The enterprise's turn."""
DECIDING = (State.REPLIED, State.ANALYSING)
"""The supervisor's turn."""


def _severity_a_needs_officer(case: Case, actor: Actor, _now: datetime) -> bool:
    return case.severity is Severity.A and not actor.is_any(BUREAU)


def _severity_b_needs_lead(case: Case, actor: Actor, _now: datetime) -> bool:
    return case.severity is Severity.B and not actor.is_any(LEADS)


def _unknown_cause_needs_analysis(case: Case, _actor: Actor, _now: datetime) -> bool:
    return case.state is State.REPLIED and case.cause_code is CauseCode.UNKNOWN


def _returned_twice(case: Case, _actor: Actor, _now: datetime) -> bool:
    return case.returns >= MAX_RETURNS


def _screener_may_not_refer(case: Case, actor: Actor, _now: datetime) -> bool:
    return case.screened_by == actor.subject


def _already_acknowledged(case: Case, _actor: Actor, _now: datetime) -> bool:
    return case.inquiry is not None and case.inquiry.acknowledged_at is not None


def _reopen_window_over(case: Case, _actor: Actor, now: datetime) -> bool:
    return case.closed_at is None or now - case.closed_at > REOPEN_WITHIN


GUARDS = {
    "severity_a_needs_officer": _severity_a_needs_officer,
    "severity_b_needs_lead": _severity_b_needs_lead,
    "unknown_cause_needs_analysis": _unknown_cause_needs_analysis,
    "returned_twice": _returned_twice,
    "screener_may_not_refer": _screener_may_not_refer,
    "already_acknowledged": _already_acknowledged,
    "reopen_window_over": _reopen_window_over,
}

_SEVERITY = ("severity_a_needs_officer", "severity_b_needs_lead")

CASES: Machine[Case] = Machine(
    name="case",
    states=State,
    events=Event,
    guards=GUARDS,
    rows=(
        # Screening 人工判别
        Row(event=Event.SEND_INQUIRY, sources=(State.SCREENING,), target=State.INQUIRY_SENT, parties=STAFF,
            clock="acknowledge"),
        Row(event=Event.MARK_FALSE_ALARM, sources=(State.SCREENING,), target=State.FALSE_ALARM, parties=STAFF,
            needs=("reason_code",),
            reasons=(Reason.SENSOR_ARTEFACT, Reason.RULE_TOO_TIGHT, Reason.DATA_LATE, Reason.OTHER)),
        Row(event=Event.MARK_COVERED, sources=(State.SCREENING,), target=State.COVERED_BY_MARK, parties=STAFF,
            needs=("reason_code",), reasons=(Reason.MARKED_IN_TIME, Reason.OTHER)),
        Row(event=Event.MERGE, sources=(State.SCREENING,), target=State.MERGED, parties=STAFF | MACHINE,
            needs=("into", "reason_code"), reasons=(Reason.SAME_EPISODE, Reason.OTHER)),
        # The enterprise's turn
        Row(event=Event.ACKNOWLEDGE, sources=(State.INQUIRY_SENT, State.OVERDUE), target=State.ACKNOWLEDGED,
            parties=FIRM, guards=("already_acknowledged",), clock="reply"),
        Row(event=Event.REPLY, sources=(*WAITING, State.OVERDUE), target=State.REPLIED, parties=FIRM,
            needs=("reply",), clock="analysis"),
        # The supervisor's turn
        Row(event=Event.START_ANALYSIS, sources=(State.REPLIED,), target=State.ANALYSING, parties=STAFF, clock=KEEP),
        Row(event=Event.RETURN_REPLY, sources=DECIDING, target=State.RETURNED, parties=STAFF,
            guards=("returned_twice",), needs=("reason_code", "reason"),
            reasons=(Reason.INCOMPLETE, Reason.UNCLEAR, Reason.CONTRADICTION, Reason.OTHER), clock="reply"),
        Row(event=Event.SIMPLIFY, sources=DECIDING, target=State.SIMPLIFIED, parties=STAFF,
            guards=(*_SEVERITY, "unknown_cause_needs_analysis"), needs=("reason_code",),
            reasons=(Reason.CAUSE_PROVEN, Reason.CORRECTED, Reason.MINOR_FIRST, Reason.MARKED_IN_TIME, Reason.OTHER)),
        Row(event=Event.VERIFY_ON_SITE, sources=(*DECIDING, State.OVERDUE), target=State.KEY_VERIFICATION,
            parties=STAFF, needs=("reason_code", "visit_at"),
            reasons=(Reason.SEVERE, Reason.REPEATED, Reason.CONTRADICTION, Reason.NO_REPLY, Reason.UNCLEAR,
                     Reason.RANDOM_CHECK, Reason.SUSPECTED_OFFENCE, Reason.OTHER), clock="visit"),
        Row(event=Event.REFER, sources=(State.ANALYSING, State.KEY_VERIFICATION), target=State.DIRECT_LEAD,
            parties=LEADS, guards=("screener_may_not_refer",), needs=("reason_code", "reason"),
            reasons=(Reason.SUSPECTED_OFFENCE, Reason.SEVERE)),
        # On site and after it; the visit and the findings have tables of their own
        Row(event=Event.START_RECTIFICATION, sources=(State.KEY_VERIFICATION,), target=State.RECTIFYING,
            parties=MACHINE, clock="rectification"),
        Row(event=Event.CONCLUDE, sources=(State.KEY_VERIFICATION, State.RECTIFYING), target=State.CLOSED,
            parties=MACHINE, needs=("reason_code",), reasons=(Reason.NO_FINDING, Reason.CORRECTED)),
        # Clocks, withdrawal, second thoughts
        Row(event=Event.ESCALATE, sources=WAITING, target=State.OVERDUE, parties=MACHINE, clock=KEEP),
        Row(event=Event.ESCALATE,
            sources=(State.SCREENING, State.OVERDUE, *DECIDING, State.KEY_VERIFICATION, State.RECTIFYING),
            target=None, parties=MACHINE, clock=KEEP),
        Row(event=Event.WITHDRAW,
            sources=(State.SCREENING, *WAITING, State.OVERDUE, *DECIDING, State.KEY_VERIFICATION),
            target=State.WITHDRAWN, parties=BUREAU, needs=("reason_code", "reason"),
            reasons=(Reason.SENT_IN_ERROR, Reason.OTHER)),
        Row(event=Event.REOPEN, sources=(State.FALSE_ALARM, State.COVERED_BY_MARK), target=State.SCREENING,
            parties=LEADS, guards=("reopen_window_over",), needs=("reason_code", "reason"),
            reasons=(Reason.NEW_FACTS, Reason.RANDOM_CHECK, Reason.OTHER), clock="screening"),
        Row(event=Event.REOPEN, sources=(State.SIMPLIFIED, State.CLOSED), target=State.ANALYSING,
            parties=LEADS, guards=("reopen_window_over",), needs=("reason_code", "reason"),
            reasons=(Reason.NEW_FACTS, Reason.RANDOM_CHECK, Reason.OTHER), clock="analysis"),
    ),
)  # fmt: skip
"""`STOP` is the default clock: a row that names none ends the clock that ran."""
