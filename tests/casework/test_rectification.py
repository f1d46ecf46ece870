"""From the visit to the last finding that is verified, through HTTP."""

from datetime import timedelta

import pytest

from shared.contracts.casework import (
    FINDING_CHANGED,
    VISIT_COMPLETED,
    CaseDetail,
    CaseEvent,
    CaseState,
    EvidenceKind,
    FindingEvent,
    FindingIn,
    FindingOut,
    FindingSeverity,
    FindingState,
    ReasonCode,
    VisitEvent,
    VisitIn,
    VisitState,
    VisitType,
)
from shared.contracts.detection import Nature, Severity
from shared.contracts.grading import Colour
from tests.casework.desk import Desk, pick
from tests.casework.images import png
from tests.casework.makers import FIRM, NOW
from tests.casework.stories import to_analysis

pytestmark = pytest.mark.anyio


async def rectify(desk: Desk, case: CaseDetail, finding: FindingOut) -> None:
    """Plan, evidence and verification of one finding."""
    await desk.act_on_finding("firm", finding, event=FindingEvent.SUBMIT_PLAN, text="本周内完成。")
    proof = await desk.client("firm").add_evidence(
        case.id, f"{finding.no}.png", png(), kind=EvidenceKind.PHOTO, finding_id=finding.id
    )
    review = await desk.act_on_finding(
        "firm", finding, event=FindingEvent.SUBMIT_EVIDENCE, text="已整改。", evidence_ids=[proof.id]
    )
    assert (review.state, review.on_time) == (FindingState.REVIEW, True)
    assert pick(
        (await desk.client("lead").get_finding(finding.id)).allowed, event="verify"
    ).blocked == "guide_may_not_verify"  # fmt: skip
    verified = await desk.act_on_finding("officer", finding, event=FindingEvent.VERIFY)
    assert verified.state is FindingState.VERIFIED


async def test_visit_findings_rectification_and_close(desk: Desk) -> None:
    await desk.set_colour(Colour.RED)
    case_id = await to_analysis(desk, severity=Severity.A, nature=Nature.SUSPECTED_FRAUD)
    visit_at = desk.clock.now() + timedelta(hours=5)
    case = await desk.act(
        "supervisor", case_id, CaseEvent.VERIFY_ON_SITE, reason_code=ReasonCode.SEVERE, visit_at=visit_at
    )
    [visit] = case.visits
    assert (visit.no, visit.state, visit.type, visit.planned_at) == (
        "HC-2026-000001",
        VisitState.PLANNED,
        "ai",
        visit_at,
    )
    assert pick(visit.allowed, event="start").blocked == "inspection_needs_officer"
    assert (await desk.client("firm").get_case(case.id)).visits == []  # not announced

    start = pick((await desk.client("officer").get_visit(visit.id)).allowed, event="start")
    assert (start.needs, start.blocked) == (["officers"], None)
    await desk.act_on_visit("officer", visit, event=VisitEvent.START, officers=["张三 3205-001", "李四 3205-002"])
    photo = await desk.client("officer").add_evidence(case.id, "probe.png", png(), kind=EvidenceKind.PHOTO)
    done = await desk.act_on_visit(
        "officer", visit, event=VisitEvent.COMPLETE, record="采样管路被拔出，数据异常平稳。",
        findings=[
            FindingIn(code="20-3", severity=FindingSeverity.MAJOR, facts="采样管被移动。", evidence_ids=[photo.id]),
            FindingIn(code="13-5", severity=FindingSeverity.MINOR, facts="校准记录缺 3 天。"),
        ],
    )  # fmt: skip
    assert (done.state, done.findings, done.points, done.colour) == (VisitState.COMPLETED, 2, 9, Colour.RED)
    case = await desk.client("firm").get_case(case.id)
    assert case.state is CaseState.RECTIFYING
    assert case.clock is not None
    assert (case.clock.name, case.clock.params["days"], case.clock.params["finding"]) == (
        "rectification", 7, "WT-2026-000002"
    )  # fmt: skip
    major, minor = case.findings
    assert (major.code, major.state, major.due_at) == ("20-3", FindingState.ISSUED, NOW + timedelta(days=30))
    assert [item.id for item in major.evidence] == [photo.id]

    for finding in (minor, major):
        await rectify(desk, case, finding)
    case = await desk.client("supervisor").get_case(case.id)
    assert (case.state, case.decisions[-1].reason_code) == (CaseState.CLOSED, ReasonCode.CORRECTED)
    feed = await desk.feed()
    [fact] = [event["data"] for event in feed if event["type"] == VISIT_COMPLETED]
    assert (fact["findings"], fact["points"], fact["colour"]) == (2, 9, "red")
    states = [event["data"]["state"] for event in feed if event["type"] == FINDING_CHANGED]
    assert states == ["issued", "issued", "fixing", "review", "verified", "fixing", "review", "verified"]
    assert (await desk.client("auditor").verify_audit()).intact


async def test_a_visit_without_findings_closes_the_case(desk: Desk) -> None:
    case_id = await to_analysis(desk)
    case = await desk.act(
        "officer", case_id, CaseEvent.VERIFY_ON_SITE, reason_code=ReasonCode.REPEATED, visit_at=desk.clock.now()
    )
    service = await desk.client("supervisor").plan_visit(
        VisitIn(case_id=case.id, type=VisitType.SERVICE, planned_at=NOW + timedelta(days=1))
    )
    await desk.act_on_visit("supervisor", service, event=VisitEvent.START)
    await desk.act_on_visit("supervisor", service, event=VisitEvent.COMPLETE, record="建议更换试剂。")
    assert (await desk.client("officer").get_case(case.id)).state is CaseState.KEY_VERIFICATION
    [visit] = [item for item in case.visits if item.type is VisitType.INSPECTION]
    await desk.act_on_visit("officer", visit, event=VisitEvent.START, officers=["A", "B"])
    await desk.act_on_visit("officer", visit, event=VisitEvent.COMPLETE, record="运行正常。")

    closed = await desk.client("officer").get_case(case.id)
    assert (closed.state, closed.decisions[-1].reason_code) == (CaseState.CLOSED, ReasonCode.NO_FINDING)


async def test_a_relapse_counts_double(desk: Desk) -> None:
    points = []
    for _ in range(2):
        case_id = await to_analysis(desk, started_at=desk.clock.now())
        case = await desk.act(
            "officer", case_id, CaseEvent.VERIFY_ON_SITE, reason_code=ReasonCode.SEVERE, visit_at=desk.clock.now()
        )
        visit = case.visits[-1]
        await desk.act_on_visit("officer", visit, event=VisitEvent.START, officers=["A", "B"])
        given = FindingIn(code="19-2", severity=FindingSeverity.GENERAL, facts="故障未报告。")
        await desk.act_on_visit("officer", visit, event=VisitEvent.COMPLETE, record="见记录。", findings=[given])
        [finding] = (await desk.client("firm").list_findings(case_id=case.id)).items
        points.append((finding.points, finding.relapse_of is not None, finding.enterprise_id == FIRM))
        proof = await desk.client("firm").add_evidence(case.id, "a.png", png(), kind=EvidenceKind.PHOTO)
        await desk.act_on_finding(
            "firm", finding, event=FindingEvent.SUBMIT_EVIDENCE, text="已修复。", evidence_ids=[proof.id]
        )
        await desk.act_on_finding("head", finding, event=FindingEvent.VERIFY)
        desk.advance(days=89)
    assert points == [(3, False, True), (6, True, True)]
