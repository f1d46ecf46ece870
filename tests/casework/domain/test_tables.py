"""Every (state, event, party) of the three tables: what leads on, and what is refused how."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.casework.domain import findings, visits
from services.casework.domain.cases import moves
from services.casework.domain.cases.model import Case
from services.casework.domain.cases.table import CASES, MAX_RETURNS
from services.casework.domain.findings import FINDINGS, Birth, Finding
from services.casework.domain.machine import KEEP, STOP, BlockedError, IllegalTransitionError, Machine, Party
from services.casework.domain.visits import VISITS, Visit
from services.casework.domain.wording import GUARDS, PARTIES, WORDS
from shared.auth import Role
from shared.contracts.casework import (
    CLOSED_STATES,
    CaseAct,
    CaseEvent,
    CaseState,
    CauseCode,
    FindingAct,
    FindingEvent,
    FindingIn,
    FindingSeverity,
    FindingState,
    ReasonCode,
    VisitAct,
    VisitEvent,
    VisitState,
    VisitType,
)
from shared.contracts.detection import Severity
from shared.errors import ForbiddenError, InvalidError
from tests.casework.makers import NOW, make_actor, make_case, make_reply, named

MACHINES: tuple[Machine[Any], ...] = (CASES, VISITS, FINDINGS)
TABLES = [
    (machine, state, event, party)
    for machine in MACHINES
    for state in machine.states
    for event in machine.events
    for party in Party
]


def case_in(state: CaseState, **changes: Any) -> Case:
    """A severity C case as it stands in a state."""
    case = replace(make_case(severity=Severity.C), severity=Severity.C)
    if state is not CaseState.SCREENING:
        case = moves.move(case, CaseAct(event=CaseEvent.SEND_INQUIRY), make_actor(Party.SUPERVISOR), NOW).case
    if state is CaseState.OVERDUE:
        case = replace(case, overdue_level=1)
    if state in CLOSED_STATES:
        case = replace(case, clock=None, closed_at=NOW)
    return replace(case, **{"state": state, "returned_due_at": NOW, **changes})


def visit_in(state: VisitState, **changes: Any) -> Visit:
    fields: dict[str, Any] = {"type": VisitType.INSPECTION, "officers": ("A", "B"), **changes}
    return Visit(
        id=named("visit"), no="HC-2026-000001", case_id=named("case"), enterprise_id=named("firm"),
        trigger="data_clue", state=state, planned_at=NOW, created_at=NOW, **fields,
    )  # fmt: skip


def finding_in(state: FindingState, **changes: Any) -> Finding:
    given = FindingIn(code="19-2", severity=FindingSeverity.GENERAL, facts="故障未报告。")
    birth = Birth(named("f"), "WT-2026-000001", named("case"), named("visit"), named("firm"), None, NOW)
    return replace(findings.issue(given, birth), state=state, **changes)


MAKERS: dict[str, Any] = {"case": case_in, "visit": visit_in, "finding": finding_in}


def full_act(machine: Machine[Any], event: Any, reasons: tuple[ReasonCode, ...] = ()) -> Any:
    """An act with everything any event needs."""
    if machine is CASES:
        return CaseAct(
            event=event, reason_code=reasons[0] if reasons else None, reason="有理由", into="WX-2026-000002",
            reply=make_reply(), visit_at=NOW + timedelta(days=1),
        )  # fmt: skip
    if machine is VISITS:
        return VisitAct(event=event, record="见记录", reason="改期", officers=["A", "B"])
    return FindingAct(event=event, text="已完成", evidence_ids=[named("proof")], days=3)


def walk(machine: Machine[Any], thing: Any, act: Any, party: Party) -> Any:
    actor = make_actor(party)
    if machine is CASES:
        return moves.move(thing, act, actor, NOW).case
    return (visits.move if machine is VISITS else findings.move)(thing, act, actor, NOW)


@pytest.mark.parametrize(
    ("machine", "state", "event", "party"),
    TABLES,
    ids=lambda value: value.name if isinstance(value, Machine) else value,
)
def test_each_cell_leads_on_or_is_refused(machine: Machine[Any], state: Any, event: Any, party: Party) -> None:
    thing = MAKERS[machine.name](state)
    row = machine.find(state, event)
    act = full_act(machine, event, row.reasons if row else ())
    offered = [offer.event for offer in machine.allowed(thing, make_actor(party), NOW)]
    if row is None:
        assert event not in offered
        with pytest.raises(IllegalTransitionError) as refusal:
            walk(machine, thing, act, party)
        assert refusal.value.context == {"state": state, "event": event, "allowed": [str(item) for item in offered]}
        return
    if party not in row.parties:
        assert event not in offered
        with pytest.raises(ForbiddenError):
            walk(machine, thing, act, party)
        return
    assert event in offered
    if any(machine.guards[code](thing, make_actor(party), NOW) for code in row.guards):
        with pytest.raises(BlockedError):
            walk(machine, thing, act, party)
        return
    moved = walk(machine, thing, act, party)
    assert moved.state == (row.target or state)
    assert moved.version == thing.version + 1
    if machine is CASES:
        check_case(thing, moved, row.clock)


def check_case(before: Case, after: Case, clock: str) -> None:
    """The clock is the table's, and a closed case has an end and no clock."""
    assert (after.closed_at is not None) == (after.state in CLOSED_STATES)
    assert after.is_open == (after.state not in CLOSED_STATES)
    if clock == KEEP:
        assert after.clock == before.clock
    elif clock == STOP or clock == "rectification":  # noqa: PLR1714 - the second is started with the findings
        assert after.clock is None
    else:
        assert after.clock is not None
        assert after.clock.name == clock
    if after.clock is None:
        assert after.escalates_at is None


def test_the_tables_are_whole() -> None:
    for machine in MACHINES:
        cells = [(source, row.event) for row in machine.rows for source in row.sources]
        assert len(cells) == len(set(cells)), "an event has one row a state"
        assert {row.event for row in machine.rows} == set(machine.events)
        assert {code for row in machine.rows for code in row.guards} == set(machine.guards)
        reached = {row.target for row in machine.rows} | {source for row in machine.rows for source in row.sources}
        assert reached - {None} == set(machine.states)
        assert {str(state) for state in machine.states} | {str(event) for event in machine.events} <= WORDS.keys()
        assert set(machine.guards) <= GUARDS.keys()
    assert set(Party) == PARTIES.keys()
    assert {party.value for party in Party} - {"system"} <= {role.value for role in Role}


def test_no_row_of_a_person_closes_without_a_reason_code() -> None:
    closing = [row for row in CASES.rows if row.target in CLOSED_STATES]

    assert [row.event for row in closing if "reason_code" not in row.needs or not row.reasons] == []


def _guard(case: Case, event: CaseEvent, party: Party, name: str = "") -> str | None:
    actor = make_actor(party, name=name)
    return next(offer.blocked for offer in CASES.allowed(case, actor, NOW) if offer.event == event)


@pytest.mark.parametrize(
    ("severity", "blocked"),
    [
        (Severity.A, {Party.SUPERVISOR: "severity_a_needs_officer", Party.SUPERVISOR_LEAD: "severity_a_needs_officer"}),
        (Severity.B, {Party.SUPERVISOR: "severity_b_needs_lead"}),
        (Severity.C, {}),
    ],
)
def test_who_may_simplify_depends_on_the_severity(severity: Severity, blocked: dict[Party, str]) -> None:
    case = case_in(CaseState.ANALYSING, severity=severity)
    staff = (Party.SUPERVISOR, Party.SUPERVISOR_LEAD, Party.OFFICER, Party.SECTION_HEAD)

    assert {party: _guard(case, CaseEvent.SIMPLIFY, party) for party in staff} == {
        party: blocked.get(party) for party in staff
    }


def test_other_guards_of_cases() -> None:
    unknown = case_in(CaseState.REPLIED, cause_code=CauseCode.UNKNOWN)
    assert _guard(unknown, CaseEvent.SIMPLIFY, Party.OFFICER) == "unknown_cause_needs_analysis"
    assert _guard(replace(unknown, state=CaseState.ANALYSING), CaseEvent.SIMPLIFY, Party.OFFICER) is None
    screened = case_in(CaseState.ANALYSING, screened_by="lead")
    assert _guard(screened, CaseEvent.REFER, Party.SUPERVISOR_LEAD, "lead") == "screener_may_not_refer"
    assert _guard(screened, CaseEvent.REFER, Party.SUPERVISOR_LEAD, "other") is None
    assert _guard(case_in(CaseState.ANALYSING, returns=MAX_RETURNS - 1), CaseEvent.RETURN_REPLY, Party.OFFICER) is None
    twice = case_in(CaseState.ANALYSING, returns=MAX_RETURNS)
    assert _guard(twice, CaseEvent.RETURN_REPLY, Party.OFFICER) == "returned_twice"


def test_guards_of_visits_and_findings() -> None:
    for kind, officer_needed in ((VisitType.INSPECTION, True), (VisitType.SERVICE, False), (VisitType.EMERGENCY, True)):
        offers = VISITS.allowed(visit_in(VisitState.STARTED, type=kind), make_actor(Party.SUPERVISOR), NOW)
        assert {offer.blocked for offer in offers} == {"inspection_needs_officer" if officer_needed else None}
    review = finding_in(FindingState.REVIEW)
    with pytest.raises(BlockedError, match="guide_may_not_verify"):
        findings.move(review, FindingAct(event=FindingEvent.VERIFY), make_actor(Party.SUPERVISOR_LEAD), NOW)
    extended = finding_in(FindingState.FIXING, extended=True)
    with pytest.raises(BlockedError, match="extended_already"):
        findings.move(extended, FindingAct(event=FindingEvent.EXTEND, days=1, text="x"), make_actor(Party.OFFICER), NOW)


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({}, [("reason_code", "missing")]),
        ({"reason_code": ReasonCode.SAME_EPISODE}, [("reason_code", "not_allowed")]),
        ({"reason_code": ReasonCode.OTHER}, [("reason", "missing")]),
        ({"reason_code": ReasonCode.OTHER, "reason": "  "}, [("reason", "missing")]),
    ],
)
def test_missing_and_wrong_fields_are_named(fields: dict[str, Any], errors: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidError) as refusal:
        moves.move(make_case(), CaseAct(event=CaseEvent.MARK_FALSE_ALARM, **fields), make_actor(Party.SUPERVISOR), NOW)
    assert [(item["where"], item["code"]) for item in refusal.value.context["errors"]] == errors


def test_an_inspection_starts_with_two_officers() -> None:
    visit = visit_in(VisitState.PLANNED, officers=("A",))
    officer = make_actor(Party.OFFICER)
    with pytest.raises(InvalidError, match="two officers"):
        visits.move(visit, VisitAct(event=VisitEvent.START, officers=[" A ", "A"]), officer, NOW)

    started = visits.move(visit, VisitAct(event=VisitEvent.START, officers=["B"]), officer, NOW)
    assert started.officers == ("A", "B")


def test_a_service_visit_has_no_findings() -> None:
    given = FindingIn(code="13-1", severity=FindingSeverity.MINOR, facts="标志牌缺失。")
    act = VisitAct(event=VisitEvent.COMPLETE, record="x", findings=[given])
    with pytest.raises(InvalidError) as refusal:
        visits.move(visit_in(VisitState.STARTED, type=VisitType.SERVICE), act, make_actor(Party.SUPERVISOR), NOW)
    assert refusal.value.context["errors"][0]["code"] == "service_visit_has_no_findings"


@pytest.mark.parametrize(("severity", "longest"), [("minor", 3), ("general", 7), ("major", 15)])
def test_an_extension_is_half_of_the_first_limit_at_most(severity: str, longest: int) -> None:
    given = FindingIn(code="13-1", severity=FindingSeverity(severity), facts="标志牌缺失。")
    birth = Birth(named("f"), "WT-2026-000001", named("case"), named("visit"), named("firm"), None, NOW)
    finding = findings.issue(given, birth)
    officer = make_actor(Party.OFFICER)
    extended = findings.move(finding, FindingAct(event=FindingEvent.EXTEND, days=longest, text="等件"), officer, NOW)
    assert finding.clock is not None
    assert extended.clock is not None
    assert extended.clock.due_at - finding.clock.due_at == timedelta(days=longest)
    assert (extended.clock.policy, extended.clock.params["extra"]) == ("rectification_extended_days", longest)
    with pytest.raises(InvalidError, match="at most"):
        findings.move(finding, FindingAct(event=FindingEvent.EXTEND, days=longest + 1, text="等件"), officer, NOW)
