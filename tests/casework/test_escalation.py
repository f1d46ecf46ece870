"""Overdue work is escalated once a level, with however many replicas."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from services.casework.jobs import build_jobs, escalate
from shared.contracts.casework import (
    CaseEvent,
    CaseState,
    EvidenceKind,
    FindingEvent,
    FindingIn,
    FindingSeverity,
    FindingState,
    ReasonCode,
    VisitEvent,
)
from shared.contracts.detection import Severity
from shared.testing import TokenMaker
from tests.casework.desk import Desk, open_desk
from tests.casework.images import png
from tests.casework.makers import NOW, make_reply
from tests.conftest import MakeDatabase

pytestmark = pytest.mark.anyio


async def levels(desk: Desk, case_id: object) -> list[int]:
    case = await desk.client("head").get_case(str(case_id))
    return [entry.params["level"] for entry in case.timeline if entry.event == "case.escalate"]


async def test_an_unanswered_inquiry_climbs_three_levels(desk: Desk) -> None:
    case = await desk.open_case(severity=Severity.B)
    await desk.act("supervisor", case, CaseEvent.SEND_INQUIRY)
    await desk.act("firm", case, CaseEvent.ACKNOWLEDGE)
    for hours, state, level in (
        (23, CaseState.ACKNOWLEDGED, 0), (24, CaseState.OVERDUE, 1), (30, CaseState.OVERDUE, 1),
        (36, CaseState.OVERDUE, 2), (48, CaseState.OVERDUE, 3), (99, CaseState.OVERDUE, 3),
    ):  # fmt: skip
        desk.clock.set(NOW + timedelta(hours=hours))
        await escalate(desk.app)
        now = await desk.client("firm").get_case(case.id)
        assert (now.state, now.overdue_level) == (state, level), hours
    assert await levels(desk, case.id) == [1, 2, 3]
    assert now.clock is not None
    assert now.clock.overdue
    assert (await desk.client("firm").count_cases()).overdue == 1

    late = await desk.act("firm", case, CaseEvent.REPLY, reply=make_reply())
    assert (late.state, late.overdue_level, late.replies[0].on_time) == (CaseState.REPLIED, 0, False)


async def test_levels_that_passed_unseen_are_all_written(desk: Desk) -> None:
    case = await desk.open_case(severity=Severity.A)
    desk.advance(days=3)
    assert await escalate(desk.app) == 1
    assert await levels(desk, case.id) == [1, 2, 3]
    screening = await desk.client("lead").get_case(case.id)
    assert (screening.state, screening.overdue_level) == (CaseState.SCREENING, 3)
    desk.advance(minutes=1)
    assert await escalate(desk.app) == 0


async def test_a_slot_is_done_once(desk: Desk) -> None:
    assert await escalate(desk.app) == 0
    await desk.open_case(severity=Severity.A, started_at=NOW - timedelta(days=1))
    desk.clock.set(NOW + timedelta(seconds=59))
    assert await escalate(desk.app) == 0


async def test_three_replicas_escalate_once(make_database: MakeDatabase, tokens: TokenMaker, tmp_path: Path) -> None:
    url = await make_database("casework")
    async with AsyncExitStack() as stack:
        one, two, three = [await stack.enter_async_context(open_desk(url, tokens, tmp_path)) for _ in range(3)]
        cases = [await one.open_case(severity=Severity.A, started_at=NOW - timedelta(days=day)) for day in range(5)]
        for minute in (60, 61, 90, 120, 121):
            # The last desk's clock is in another slot: a leader that was paused and does not know it.
            for desk, shift in ((one, 0), (two, 0), (three, 1)):
                desk.clock.set(NOW + timedelta(minutes=minute + shift))
            await asyncio.gather(*(escalate(desk.app) for desk in (one, two, three, one, two, three)))
        for case in cases:
            assert await levels(one, case.id) == [1, 2, 3]
        assert (await one.client("auditor").verify_audit()).intact


async def test_findings_become_overdue_and_their_case_climbs(desk: Desk) -> None:
    case = await desk.open_case(severity=Severity.C)
    await desk.act("supervisor", case, CaseEvent.SEND_INQUIRY)
    await desk.act("firm", case, CaseEvent.REPLY, reply=make_reply())
    case = await desk.act(
        "officer", case, CaseEvent.VERIFY_ON_SITE, reason_code=ReasonCode.SEVERE, visit_at=desk.clock.now()
    )
    await desk.act_on_visit("officer", case.visits[0], event=VisitEvent.START, officers=["A", "B"])
    given = [FindingIn(code=code, severity=FindingSeverity.MINOR, facts="标志牌缺失。") for code in ("13-1", "13-6")]
    await desk.act_on_visit("officer", case.visits[0], event=VisitEvent.COMPLETE, record="见记录。", findings=given)
    first, second = (await desk.client("firm").list_findings()).items
    extended = await desk.act_on_finding("officer", first, event=FindingEvent.EXTEND, days=3, text="配件在途。")
    assert (extended.extended, extended.due_at) == (True, NOW + timedelta(days=10))

    desk.clock.set(NOW + timedelta(days=7))
    await escalate(desk.app)
    states = {item.id: item.state for item in (await desk.client("firm").list_findings()).items}
    assert states == {first.id: FindingState.ISSUED, second.id: FindingState.OVERDUE}
    case = await desk.client("firm").get_case(case.id)
    assert (case.state, case.overdue_level) == (CaseState.RECTIFYING, 1)
    desk.advance(days=2)
    proof = await desk.client("firm").add_evidence(case.id, "a.png", png(), kind=EvidenceKind.PHOTO)
    late = await desk.act_on_finding(
        "firm", second, event=FindingEvent.SUBMIT_EVIDENCE, text="已更换。", evidence_ids=[proof.id]
    )
    assert (late.state, late.on_time) == (FindingState.REVIEW, False)
    case = await desk.client("firm").get_case(case.id)
    assert case.clock is not None
    assert (case.overdue_level, case.clock.due_at) == (0, NOW + timedelta(days=10))
    rejected = await desk.act_on_finding("officer", second, event=FindingEvent.REJECT, text="照片不清。")
    assert (rejected.state, rejected.rejections, rejected.on_time) == (FindingState.REJECTED, 1, None)
    waived = await desk.act_on_finding("head", second, event=FindingEvent.WAIVE, text="设备已拆除。")
    assert waived.state is FindingState.WAIVED


async def test_the_jobs_are_named_and_timed(desk: Desk) -> None:
    jobs = {job.name: job.every for job in build_jobs(desk.app)}
    assert jobs == {"escalation": timedelta(minutes=1), "sweep": timedelta(hours=1)}
