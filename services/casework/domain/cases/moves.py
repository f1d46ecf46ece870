"""Walking the case table: what an event changes besides the state, and what else must be done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from services.casework.domain import deadlines
from services.casework.domain.cases.model import Case, Inquiry
from services.casework.domain.cases.table import CASES
from services.casework.domain.deadlines import Deadline
from services.casework.domain.machine import KEEP, SYSTEM, Actor, Row
from services.casework.domain.priority import own_priority
from services.casework.domain.visits import check_time
from shared.contracts.casework import CLOSED_STATES, CaseAct, CaseEvent, CaseState, ReasonCode
from shared.errors import InvalidError

FUTURE_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class AddReply:
    """Store the reply as this round."""

    round: int
    on_time: bool


@dataclass(frozen=True)
class PlanVisit:
    """Plan a visit of this case."""

    at: datetime


@dataclass(frozen=True)
class CancelVisits:
    """Cancel the visits that have not been completed."""


@dataclass(frozen=True)
class MergeInto:
    """Move the anomalies to the case of this number."""

    no: str


Effect = AddReply | PlanVisit | CancelVisits | MergeInto


@dataclass(frozen=True)
class Moved:
    """A case after an event, with what must follow and what the timeline tells."""

    case: Case
    effects: tuple[Effect, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Step:
    """An event that was found allowed."""

    row: Row
    act: CaseAct
    actor: Actor
    now: datetime


def move(case: Case, act: CaseAct, actor: Actor, now: datetime) -> Moved:
    """Walk the table; raises the refusal that fits (`Machine.check`)."""
    row = CASES.check(case, act.event, actor, now, act.model_dump())
    return _walk(case, _Step(row, act, actor, now))


def escalate(case: Case, now: datetime) -> Moved:
    """One escalation level up, by the system; the caller asks `case.escalates_at` first."""
    moved = move(case, CaseAct(event=CaseEvent.ESCALATE), SYSTEM, now)
    clock = case.clock.name if case.clock else ""
    return replace(moved, params={"level": moved.case.overdue_level, "clock": clock})


def start_rectification(case: Case, clock: Deadline, now: datetime) -> Moved:
    """Findings were issued: the case waits for the enterprise to fix them until `clock`."""
    moved = move(case, CaseAct(event=CaseEvent.START_RECTIFICATION), SYSTEM, now)
    return replace(moved, case=replace(moved.case, clock=clock))


def conclude(case: Case, reason_code: ReasonCode, now: datetime) -> Moved:
    """Nothing is left to do."""
    return move(case, CaseAct(event=CaseEvent.CONCLUDE, reason_code=reason_code), SYSTEM, now)


def track_rectification(case: Case, clock: Deadline | None, now: datetime) -> Case:
    """The finding that is due next has changed: its clock becomes the case's."""
    if clock == case.clock:
        return case
    changed = replace(case, clock=clock, overdue_level=0, changed_at=now, version=case.version + 1)
    return replace(changed, priority=own_priority(changed.severity, changed.frequency, 0, changed.rule_precision))


def _walk(case: Case, step: _Step) -> Moved:
    row, now = step.row, step.now
    target = CaseState(row.target) if row.target is not None else case.state
    moved = replace(case, state=target, changed_at=now, version=case.version + 1)
    if row.clock != KEEP:
        moved = replace(moved, overdue_level=0, clock=_new_clock(case, row, now))
    if target in CLOSED_STATES:
        moved = replace(moved, closed_at=now)
    change = _CHANGES.get(CaseEvent(row.event))
    result = change(moved, step) if change else Moved(moved)
    moved = result.case
    priority = own_priority(moved.severity, moved.frequency, moved.overdue_level, moved.rule_precision)
    return replace(result, case=replace(moved, priority=priority))


def _new_clock(case: Case, row: Row, now: datetime) -> Deadline | None:
    if row.event == CaseEvent.RETURN_REPLY:
        return deadlines.start_returned(case.severity, now)
    if row.event == CaseEvent.ACKNOWLEDGE and case.inquiry is not None:
        return deadlines.start("reply", case.severity, case.inquiry.sent_at)
    names = {"screening", "acknowledge", "analysis", "visit"}
    return deadlines.start(row.clock, case.severity, now) if row.clock in names else None


def _send(case: Case, step: _Step) -> Moved:
    if case.clock is None:
        raise RuntimeError("the acknowledge clock runs after sending")
    reply_by = deadlines.start("reply", case.severity, step.now).due_at
    inquiry = Inquiry(step.now, step.actor.name, step.act.text, case.clock.due_at, reply_by)
    sent = replace(case, inquiry=inquiry, assignee=step.actor.name, screened_by=step.actor.subject)
    return Moved(sent, params={"acknowledge_by": inquiry.acknowledge_by, "reply_by": reply_by})


def _acknowledge(case: Case, step: _Step) -> Moved:
    if case.inquiry is None:
        raise RuntimeError("an inquiry is acknowledged after it was sent")
    return Moved(replace(case, inquiry=replace(case.inquiry, acknowledged_at=step.now)))


def _reply(case: Case, step: _Step) -> Moved:
    reply, now = step.act.reply, step.now
    if reply is None or case.inquiry is None:
        raise RuntimeError("the table asks for a reply to an inquiry")
    errors = []
    if reply.began_at and reply.ended_at and reply.ended_at < reply.began_at:
        errors.append({"where": "reply.ended_at", "message": "the end lies before the beginning", "code": "order"})
    if reply.began_at and reply.began_at > now + FUTURE_TOLERANCE:
        errors.append({"where": "reply.began_at", "message": "the beginning lies in the future", "code": "future"})
    if errors:
        raise InvalidError(errors[0]["message"], errors=errors)
    first = case.rounds == 0
    due = case.inquiry.reply_by if first else _returned_due(case)
    on_time = now <= due
    replied = replace(
        case,
        rounds=case.rounds + 1,
        cause_code=reply.cause_code,
        first_replied_at=now if first else case.first_replied_at,
        on_time=on_time if first else case.on_time,
        inquiry=replace(case.inquiry, acknowledged_at=case.inquiry.acknowledged_at or now),
        returned_due_at=None,
    )
    params = {"round": replied.rounds, "on_time": on_time, "cause_code": reply.cause_code}
    return Moved(replied, (AddReply(replied.rounds, on_time),), params)


def _returned_due(case: Case) -> datetime:
    if case.returned_due_at is None:
        raise RuntimeError("a second reply follows a return")
    return case.returned_due_at


def _return(case: Case, _step: _Step) -> Moved:
    due = case.clock.due_at if case.clock else None
    return Moved(replace(case, returns=case.returns + 1, returned_due_at=due), params={"reply_by": due})


def _verify(case: Case, step: _Step) -> Moved:
    at = step.act.visit_at
    if at is None:
        raise RuntimeError("the table asks for the time of the visit")
    check_time("visit_at", at, step.now)
    return Moved(case, (PlanVisit(at),), {"visit_at": at})


def _cancel_visits(case: Case, _step: _Step) -> Moved:
    return Moved(case, (CancelVisits(),))


def _merge(case: Case, step: _Step) -> Moved:
    no = step.act.into or ""
    return Moved(replace(case, merged_into=no), (MergeInto(no),), {"into": no})


def _reopen(case: Case, _step: _Step) -> Moved:
    return Moved(replace(case, closed_at=None))


def _raise_level(case: Case, _step: _Step) -> Moved:
    return Moved(replace(case, overdue_level=case.overdue_level + 1))


_CHANGES: dict[CaseEvent, Callable[[Case, _Step], Moved]] = {
    CaseEvent.SEND_INQUIRY: _send,
    CaseEvent.ACKNOWLEDGE: _acknowledge,
    CaseEvent.REPLY: _reply,
    CaseEvent.RETURN_REPLY: _return,
    CaseEvent.VERIFY_ON_SITE: _verify,
    CaseEvent.REFER: _cancel_visits,
    CaseEvent.WITHDRAW: _cancel_visits,
    CaseEvent.MERGE: _merge,
    CaseEvent.REOPEN: _reopen,
    CaseEvent.ESCALATE: _raise_level,
}
