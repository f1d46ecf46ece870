"""Findings 问题 and their rectification 整改: model, codes, life cycle as a table, walking it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from uuid import UUID

import yaml

from services.casework.domain import deadlines
from services.casework.domain.deadlines import Deadline
from services.casework.domain.machine import (
    BUREAU,
    FIRM,
    KEEP,
    MACHINE,
    STAFF,
    SYSTEM,
    Actor,
    Machine,
    Row,
)
from shared.contracts.casework import FindingAct, FindingCodeOut, FindingIn, FindingSeverity
from shared.contracts.casework import FindingEvent as Event
from shared.contracts.casework import FindingState as State
from shared.errors import InvalidError

POINTS = {FindingSeverity.MINOR: 1, FindingSeverity.GENERAL: 3, FindingSeverity.MAJOR: 8}
RELAPSE_WITHIN = timedelta(days=90)
RELAPSE_FACTOR = 2
DONE = frozenset({State.VERIFIED, State.WAIVED})
FIRMS_TURN = (State.ISSUED, State.FIXING, State.REJECTED)


@dataclass(frozen=True)
class Finding:
    """A finding. `clock` is the rectification limit; it stays after the end, to tell what was due when."""

    id: UUID
    no: str
    case_id: UUID
    visit_id: UUID
    enterprise_id: UUID
    code: str
    severity: FindingSeverity
    points: int
    facts: str
    location: str
    responsible: str
    state: State
    found_at: datetime
    clock: Deadline | None = None
    plan: str = ""
    statement: str = ""
    issued_at: datetime | None = None
    submitted_at: datetime | None = None
    verified_at: datetime | None = None
    rejections: int = 0
    extended: bool = False
    on_time: bool | None = None
    relapse_of: UUID | None = None
    version: int = 1


@dataclass(frozen=True)
class Birth:
    """What a new finding gets besides what the officer wrote."""

    id: UUID
    no: str
    case_id: UUID
    visit_id: UUID
    enterprise_id: UUID
    relapse_of: UUID | None
    now: datetime


def _guide_may_not_verify(_finding: Finding, actor: Actor, _now: datetime) -> bool:
    return not actor.is_any(BUREAU)


def _extended_already(finding: Finding, _actor: Actor, _now: datetime) -> bool:
    return finding.extended


FINDINGS: Machine[Finding] = Machine(
    name="finding",
    states=State,
    events=Event,
    guards={"guide_may_not_verify": _guide_may_not_verify, "extended_already": _extended_already},
    rows=(
        Row(event=Event.ISSUE, sources=(State.OPEN,), target=State.ISSUED, parties=MACHINE, clock="rectification"),
        Row(event=Event.SUBMIT_PLAN, sources=(State.ISSUED,), target=State.FIXING, parties=FIRM, needs=("text",),
            clock=KEEP),
        Row(event=Event.SUBMIT_EVIDENCE, sources=(*FIRMS_TURN, State.OVERDUE), target=State.REVIEW, parties=FIRM,
            needs=("text", "evidence_ids"), clock=KEEP),
        Row(event=Event.VERIFY, sources=(State.REVIEW,), target=State.VERIFIED, parties=STAFF,
            guards=("guide_may_not_verify",)),
        Row(event=Event.REJECT, sources=(State.REVIEW,), target=State.REJECTED, parties=STAFF,
            guards=("guide_may_not_verify",), needs=("text",), clock=KEEP),
        Row(event=Event.EXTEND, sources=FIRMS_TURN, target=None, parties=BUREAU, guards=("extended_already",),
            needs=("days", "text"), clock=KEEP),
        Row(event=Event.WAIVE, sources=(*FIRMS_TURN, State.OVERDUE, State.REVIEW), target=State.WAIVED,
            parties=BUREAU, needs=("text",)),
        Row(event=Event.ESCALATE, sources=FIRMS_TURN, target=State.OVERDUE, parties=MACHINE, clock=KEEP),
    ),
)  # fmt: skip


@cache
def codes() -> Mapping[str, FindingCodeOut]:
    """Finding codes by code (`finding_codes.yaml`)."""
    raw = yaml.safe_load(files("services.casework.domain").joinpath("finding_codes.yaml").read_text("utf-8"))
    return {str(item["code"]): FindingCodeOut(**item) for item in raw["codes"]}


def _refuse(where: str, message: str, code: str) -> InvalidError:
    return InvalidError(message, errors=[{"where": where, "message": message, "code": code}])


def check_codes(findings: list[FindingIn]) -> None:
    """Raise `InvalidError` for a code that is not in the list."""
    for index, finding in enumerate(findings):
        if finding.code not in codes():
            raise _refuse(f"findings.{index}.code", f"no finding code {finding.code!r}", "unknown")


def points_of(severity: FindingSeverity, *, relapse: bool) -> int:
    """Points of a finding; a relapse 回潮 counts double."""
    return POINTS[severity] * (RELAPSE_FACTOR if relapse else 1)


def issue(given: FindingIn, birth: Birth) -> Finding:
    """A finding as issued: it stands in OPEN for the length of this call, the visit's record issues it."""
    finding = Finding(
        id=birth.id, no=birth.no, case_id=birth.case_id, visit_id=birth.visit_id, enterprise_id=birth.enterprise_id,
        code=given.code, severity=given.severity, facts=given.facts, location=given.location,
        points=points_of(given.severity, relapse=birth.relapse_of is not None),
        responsible=given.responsible, state=State.OPEN, found_at=birth.now, relapse_of=birth.relapse_of,
    )  # fmt: skip
    return move(finding, FindingAct(event=Event.ISSUE), SYSTEM, birth.now)


def escalate(finding: Finding, now: datetime) -> Finding:
    """Overdue, by the system."""
    return move(finding, FindingAct(event=Event.ESCALATE), SYSTEM, now)


def move(finding: Finding, act: FindingAct, actor: Actor, now: datetime) -> Finding:
    """Walk the table; raises the refusal that fits."""
    row = FINDINGS.check(finding, act.event, actor, now, act.model_dump())
    moved = replace(finding, state=State(row.target or finding.state), version=finding.version + 1)
    change = _CHANGES.get(act.event)
    return change(moved, act, now) if change else moved


def _issue(finding: Finding, _act: FindingAct, now: datetime) -> Finding:
    clock = deadlines.start("rectification", finding.severity, now)
    return replace(finding, issued_at=now, clock=replace(clock, params={**clock.params, "finding": finding.no}))


def _plan(finding: Finding, act: FindingAct, _now: datetime) -> Finding:
    return replace(finding, plan=act.text)


def _submit(finding: Finding, act: FindingAct, now: datetime) -> Finding:
    on_time = finding.clock is not None and now <= finding.clock.due_at
    return replace(finding, statement=act.text, submitted_at=now, on_time=on_time)


def _verify(finding: Finding, _act: FindingAct, now: datetime) -> Finding:
    return replace(finding, verified_at=now)


def _reject(finding: Finding, _act: FindingAct, _now: datetime) -> Finding:
    return replace(finding, rejections=finding.rejections + 1, on_time=None)


def _extend(finding: Finding, act: FindingAct, _now: datetime) -> Finding:
    if finding.clock is None or act.days is None:
        raise RuntimeError("the table extends a clock that runs, by days")
    longest = deadlines.longest_extension(finding.severity, finding.clock.started_at)
    if act.days > longest:
        raise _refuse("days", f"at most {longest} days: half of the first limit", "extension_too_long")
    return replace(finding, clock=deadlines.extend(finding.clock, act.days), extended=True)


_CHANGES: dict[Event, Callable[[Finding, FindingAct, datetime], Finding]] = {
    Event.ISSUE: _issue,
    Event.SUBMIT_PLAN: _plan,
    Event.SUBMIT_EVIDENCE: _submit,
    Event.VERIFY: _verify,
    Event.REJECT: _reject,
    Event.EXTEND: _extend,
}


def next_clock(findings: Sequence[Finding]) -> Deadline | None:
    """The clock of the finding the enterprise must fix next; None while it has nothing to fix."""
    turn = (*FIRMS_TURN, State.OVERDUE)
    clocks = [finding.clock for finding in findings if finding.state in turn and finding.clock is not None]
    return min(clocks, key=lambda clock: clock.due_at, default=None)
