"""The ways of a case from an anomaly to its end, through HTTP."""

from datetime import timedelta

import pytest

from shared.clients.base import ServiceCallError
from shared.contracts.casework import (
    CASE_CHANGED,
    CaseEvent,
    CaseState,
    EvidenceKind,
    ReasonCode,
    VisitState,
)
from shared.contracts.detection import ANOMALY_CLOSED, ANOMALY_UPDATED, Frequency, Severity
from tests.casework.desk import Desk, pick
from tests.casework.images import png
from tests.casework.makers import NOW, make_anomaly, make_reply
from tests.casework.stories import to_analysis

pytestmark = pytest.mark.anyio


async def test_an_anomaly_opens_a_case_with_names_clock_and_title(desk: Desk) -> None:
    case = await desk.open_case(severity=Severity.B)

    assert case.no == "WX-2026-000001"
    assert (case.state, case.severity, case.version) == (CaseState.SCREENING, Severity.B, 1)
    assert (case.enterprise_name_zh, case.outlet_name_en, case.factor_name_zh) == ("企业E1", "Outlet W1", "化学需氧量")
    assert case.clock is not None
    assert (case.clock.name, case.clock.policy, case.clock.params) == (
        "screening", "screening_hours", {"hours": 2, "severity": "B"}
    )  # fmt: skip
    assert case.clock.due_at == NOW + timedelta(hours=2)
    assert (case.title.code, case.title.params["peak"]) == ("exceedance_hour", 61.2)
    assert [entry.event for entry in case.timeline] == ["case.opened"]
    assert case.priority == 200 + 25  # severity B, enterprise not rated


async def test_inquiry_reply_and_simplified_close(desk: Desk) -> None:
    case = await desk.open_case(severity=Severity.C)
    case = await desk.act("supervisor", case, CaseEvent.SEND_INQUIRY)
    assert case.inquiry is not None
    assert "企业E1" in case.inquiry.text
    assert "2026-11-25 10:00" in case.inquiry.text
    assert (case.inquiry.acknowledge_by, case.inquiry.reply_by) == (NOW + timedelta(hours=8), NOW + timedelta(hours=48))
    assert case.assignee == "supervisor"

    desk.advance(hours=1)
    case = await desk.act("firm", case, CaseEvent.ACKNOWLEDGE)
    assert case.clock is not None
    assert (case.state, case.clock.name, case.clock.due_at) == (
        CaseState.ACKNOWLEDGED,
        "reply",
        NOW + timedelta(hours=48),
    )
    assert case.clock.started_at == NOW
    proof = await desk.client("firm").add_evidence(case.id, "泵 清洗.png", png(), kind=EvidenceKind.PHOTO)
    desk.advance(hours=1)
    case = await desk.act("firm", case, CaseEvent.REPLY, reply=make_reply(evidence_ids=[proof.id]))
    assert case.clock is None  # the analysis clock is the authority's
    case = await desk.client("supervisor").get_case(case.no)
    assert case.clock is not None
    assert (case.clock.name, case.clock.policy) == ("analysis", "analysis_workdays")
    assert [(reply.round, reply.on_time, reply.evidence_ids) for reply in case.replies] == [(1, True, [proof.id])]
    await desk.act("supervisor", case, CaseEvent.START_ANALYSIS)
    case = await desk.act("supervisor", case, CaseEvent.SIMPLIFY, reason_code=ReasonCode.CAUSE_PROVEN)

    assert (case.state, case.closed_at, case.clock) == (CaseState.SIMPLIFIED, NOW + timedelta(hours=2), None)
    assert [entry.event for entry in case.timeline] == [
        "case.opened", "case.send_inquiry", "case.acknowledge", "evidence.added", "case.reply", "case.start_analysis",
        "case.simplify",
    ]  # fmt: skip
    assert [(item.event, item.by, item.reason_code) for item in case.decisions] == [
        (CaseEvent.SIMPLIFY, "supervisor", ReasonCode.CAUSE_PROVEN)
    ]
    facts = [event["data"] for event in await desk.feed() if event["type"] == CASE_CHANGED]
    assert [fact["event"] for fact in facts] == [
        "opened", "send_inquiry", "acknowledge", "reply", "start_analysis", "simplify"
    ]  # fmt: skip
    assert [fact["version"] for fact in facts] == [1, 2, 3, 4, 5, 6]
    assert (facts[-1]["on_time"], facts[-1]["state"], facts[-1]["anomaly_ids"]) == (
        True, "simplified", [str(case.anomaly_list[0].id)]
    )  # fmt: skip


async def test_a_reply_is_returned_twice_at_most(desk: Desk) -> None:
    case_id = await to_analysis(desk, severity=Severity.B)
    for returns in (1, 2):
        case = await desk.act(
            "supervisor", case_id, CaseEvent.RETURN_REPLY, reason_code=ReasonCode.INCOMPLETE, reason="缺少校准记录。"
        )
        assert (case.state, case.returns) == (CaseState.RETURNED, returns)
        assert case.clock is not None
        assert (case.clock.policy, case.clock.params["hours"]) == ("reply_returned_hours", 12)
        desk.advance(hours=13 if returns == 2 else 1)
        case = await desk.act("firm", case_id, CaseEvent.REPLY, reply=make_reply())
        assert case.replies[-1].on_time is (returns == 1)
    case = await desk.client("supervisor").get_case(case_id)
    assert pick(case.allowed, event="return_reply").blocked == "returned_twice"
    with pytest.raises(ServiceCallError) as refusal:
        await desk.act("supervisor", case_id, CaseEvent.RETURN_REPLY, reason_code=ReasonCode.INCOMPLETE, reason="x")
    assert (refusal.value.status, refusal.value.code, refusal.value.context["guard"]) == (
        409,
        "blocked",
        "returned_twice",
    )
    case = await desk.act("lead", case_id, CaseEvent.SIMPLIFY, reason_code=ReasonCode.CORRECTED)
    assert case.state is CaseState.SIMPLIFIED


async def test_anomalies_of_one_episode_join_the_unscreened_case(desk: Desk) -> None:
    first = await desk.open_case(severity=Severity.C, started_at=NOW - timedelta(hours=3))
    later = make_anomaly(rule="CONST", severity=Severity.B, started_at=NOW + timedelta(hours=2), count_30d=3)
    far = make_anomaly(started_at=NOW + timedelta(hours=20))
    other = make_anomaly(outlet="W2")
    await desk.bring(later, far, other)
    case = await desk.client("supervisor").get_case(first.id)

    assert (case.anomalies, case.severity, case.count_30d, case.version) == (2, Severity.B, 3, 2)
    assert [entry.event for entry in case.timeline] == ["case.opened", "anomaly.merged"]
    assert len((await desk.client("supervisor").list_cases()).items) == 3
    assert (await desk.client("supervisor").count_cases()).merged_today == 1


async def test_later_news_of_an_anomaly_refresh_its_case(desk: Desk) -> None:
    anomaly = make_anomaly(severity=Severity.C)
    await desk.bring(anomaly)
    [case] = (await desk.client("supervisor").list_cases()).items
    last_at = NOW + timedelta(hours=2)
    newer = anomaly.model_copy(update={"version": 2, "last_at": last_at, "frequency": Frequency.CHRONIC})
    await desk.bring(newer, event_type=ANOMALY_UPDATED)
    case = await desk.client("supervisor").get_case(case.id)
    assert (case.anomaly_last_at, case.frequency, case.version) == (last_at, Frequency.CHRONIC, 1)

    await desk.bring(anomaly, event_type=ANOMALY_UPDATED)  # an old one changes nothing
    graver = newer.model_copy(update={"version": 3, "severity": Severity.A})
    await desk.bring(graver, event_type=ANOMALY_CLOSED)
    case = await desk.client("supervisor").get_case(case.id)
    assert (case.severity, case.version, case.timeline[-1].params) == (
        Severity.A, 2, {"no": anomaly.no, "from": "C", "to": "A"}
    )  # fmt: skip


async def test_merging_by_hand_moves_anomalies_and_severity(desk: Desk) -> None:
    target = await desk.open_case(severity=Severity.C)
    case = await desk.open_case(severity=Severity.A, factor="w21003")
    foreign = await desk.open_case(enterprise="E2")
    for into, code in (("WX-2026-000009", "merge_unknown"), (case.no, "merge_self"), (foreign.no, "merge_foreign")):
        with pytest.raises(ServiceCallError) as refusal:
            await desk.act("supervisor", case, CaseEvent.MERGE, into=into, reason_code=ReasonCode.SAME_EPISODE)
        assert (refusal.value.status, refusal.value.context["errors"][0]["code"]) == (422, code)
    merged = await desk.act("supervisor", case, CaseEvent.MERGE, into=target.no, reason_code=ReasonCode.SAME_EPISODE)

    assert (merged.state, merged.merged_into, merged.anomaly_list) == (CaseState.MERGED, target.no, [])
    target = await desk.client("supervisor").get_case(target.id)
    assert (target.severity, target.anomalies, len(target.anomaly_list)) == (Severity.A, 2, 2)
    other = await desk.open_case(factor="w21003", started_at=NOW - timedelta(days=3))
    with pytest.raises(ServiceCallError) as refusal:
        await desk.act("supervisor", other, CaseEvent.MERGE, into=merged.no, reason_code=ReasonCode.SAME_EPISODE)
    assert refusal.value.context["errors"][0]["code"] == "merge_closed"


async def test_a_closed_case_is_reopened_within_72_hours(desk: Desk) -> None:
    case = await desk.open_case()
    await desk.act("supervisor", case, CaseEvent.MARK_FALSE_ALARM, reason_code=ReasonCode.SENSOR_ARTEFACT)
    desk.advance(hours=72)
    reopened = await desk.act(
        "lead", case, CaseEvent.REOPEN, reason_code=ReasonCode.NEW_FACTS, reason="现场照片与数据不符。"
    )
    assert (reopened.state, reopened.closed_at) == (CaseState.SCREENING, None)
    await desk.act("supervisor", case, CaseEvent.MARK_COVERED, reason_code=ReasonCode.MARKED_IN_TIME)
    desk.advance(hours=72, seconds=1)
    with pytest.raises(ServiceCallError) as refusal:
        await desk.act("lead", case, CaseEvent.REOPEN, reason_code=ReasonCode.NEW_FACTS, reason="晚了")
    assert refusal.value.context["guard"] == "reopen_window_over"


async def test_withdrawal_and_referral_cancel_visits(desk: Desk) -> None:
    for event, who, code in (
        (CaseEvent.WITHDRAW, "officer", ReasonCode.SENT_IN_ERROR),
        (CaseEvent.REFER, "lead", ReasonCode.SUSPECTED_OFFENCE),
    ):
        case_id = await to_analysis(desk, started_at=desk.clock.now())
        await desk.act(
            "supervisor", case_id, CaseEvent.VERIFY_ON_SITE, reason_code=ReasonCode.SEVERE, visit_at=desk.clock.now()
        )
        case = await desk.act(who, case_id, event, reason_code=code, reason="见附件说明。")
        assert [visit.state for visit in case.visits] == [VisitState.CANCELLED]
        assert case.closed_at is not None


async def test_a_recurrence_points_back_to_an_earlier_case(desk: Desk) -> None:
    earlier = make_anomaly(started_at=NOW - timedelta(days=2))
    await desk.bring(earlier)
    [first] = (await desk.client("supervisor").list_cases()).items
    await desk.act("supervisor", first.id, CaseEvent.MARK_FALSE_ALARM, reason_code=ReasonCode.DATA_LATE)
    case = await desk.open_case(recurrence_of=earlier.id)

    assert (case.recurrence, first.recurrence) == (True, False)
