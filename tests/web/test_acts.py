"""Forms: what they send to casework and grading, and what people see when it is refused; with htmx and without."""

import re
from datetime import UTC, datetime

import httpx
import pytest

from shared.contracts.casework import (
    CaseAct,
    CaseEvent,
    CauseCode,
    FindingAct,
    FindingEvent,
    FindingSeverity,
    ReasonCode,
    VisitAct,
    VisitEvent,
    VisitIn,
    VisitType,
)
from shared.contracts.grading import Colour, Override, Publication
from shared.contracts.ingest import enterprise_uuid
from shared.errors import ConflictError, InvalidError, StaleVersionError
from tests.web.conftest import HTMX, LogIn
from tests.web.makers import uid
from tests.web.park import Park

REPLIED, SCREENING, WAITING = "WX-2026-000184", "WX-2026-000187", "WX-2026-000190"
VISIT, FINDING = uid("visit WX-2026-000186"), uid("finding WX-2026-000196")
RETURN = {"event": "return_reply", "version": "3", "reason_code": "incomplete", "reason": "缺少校准原始记录"}


async def test_decision_goes_to_casework_and_the_next_case_shows(
    log_in: LogIn, park: Park, mode: dict[str, str]
) -> None:
    client = await log_in("zhou")

    answer = await client.post(f"/triage/{REPLIED}?view=open", data=RETURN, headers=mode)

    assert park.acts == [
        (REPLIED, CaseAct(event=CaseEvent.RETURN_REPLY, reason_code=ReasonCode.INCOMPLETE, reason="缺少校准原始记录"))
    ]
    if mode:
        assert answer.text.strip().startswith('<div id="triage">')
        assert f'<a href="/cases/{REPLIED}">{REPLIED}</a>' in answer.text
    else:
        assert (answer.status_code, answer.headers["location"]) == (303, f"/triage?view=open&done={REPLIED}")


async def test_decision_without_reason_comes_back_with_the_fields(
    log_in: LogIn, park: Park, mode: dict[str, str]
) -> None:
    client = await log_in("zhou")

    answer = await client.post(f"/triage/{REPLIED}", data={**RETURN, "reason": " "}, headers=mode)

    assert (answer.status_code, park.acts) == (422, [])
    assert 'id="reason-error"' in answer.text
    assert 'value="return_reply" required data-shows checked' in answer.text
    assert '<option value="incomplete" selected>' in answer.text
    if mode:
        assert answer.headers["hx-retarget"] == "#preview"


async def test_decision_on_what_somebody_changed_shows_it_anew(log_in: LogIn, park: Park, mode: dict[str, str]) -> None:
    client = await log_in("zhou")

    answer = await client.post(f"/triage/{REPLIED}", data={**RETURN, "version": "2"}, headers=mode)

    assert (answer.status_code, park.acts) == (412, [])
    assert "内容已被他人修改" in answer.text


async def test_refusal_of_a_guard_is_told_in_words(log_in: LogIn, park: Park) -> None:
    client = await log_in("zhou")
    park.refuse[f"casework/v1/cases/{REPLIED}/events"] = ConflictError("no", guard="returned_twice")

    answer = await client.post(f"/triage/{REPLIED}", data=RETURN)

    assert answer.status_code == 409
    assert "已退回两次。" in answer.text


async def test_refused_field_is_told_beside_it(log_in: LogIn, park: Park) -> None:
    client = await log_in("zhou")
    error = InvalidError("other needs words", errors=[{"where": "reason", "message": "tell it", "code": "missing"}])
    park.refuse[f"casework/v1/cases/{REPLIED}/events"] = error

    answer = await client.post(f"/triage/{REPLIED}", data=RETURN)

    assert answer.status_code == 422
    assert '<p class="err" id="reason-error" role="alert">此项必填。</p>' in answer.text


async def test_verification_plans_the_visit_in_beijing_time(log_in: LogIn, park: Park) -> None:
    client = await log_in("zhou")
    fields = {"event": "verify_on_site", "version": "3", "reason_code": "severe", "visit_at": "2026-11-24T09:30"}

    await client.post(f"/cases/{REPLIED}/events", data=fields)

    [(_, act)] = park.acts
    assert isinstance(act, CaseAct)
    assert act.visit_at == datetime(2026, 11, 24, 1, 30, tzinfo=UTC)


async def test_start_of_analysis_stays_with_the_case(log_in: LogIn) -> None:
    client = await log_in("zhou")

    answer = await client.post(f"/triage/{REPLIED}", data={"event": "start_analysis", "version": "3"})

    assert answer.headers["location"] == f"/triage?selected={REPLIED}"


async def test_case_page_act(log_in: LogIn, park: Park, mode: dict[str, str]) -> None:
    client = await log_in("zhou")
    fields = {"event": "merge", "version": "3", "reason_code": "same_episode", "into": REPLIED}

    answer = await client.post(f"/cases/{SCREENING}/events", data=fields, headers=mode)

    assert park.acts == [(SCREENING, CaseAct(event=CaseEvent.MERGE, reason_code=ReasonCode.SAME_EPISODE, into=REPLIED))]
    assert answer.status_code == (200 if mode else 303)


async def test_blocked_decision_cannot_be_chosen(log_in: LogIn) -> None:
    client = await log_in("zhou")

    page = (await client.get(f"/triage?selected={REPLIED}")).text

    assert re.search(r'value="simplify" required data-shows disabled', page)
    assert "高风险案卷须由局方人员批准简化处理。" in page


async def test_server_error_is_a_note_with_its_number(log_in: LogIn, park: Park) -> None:
    from shared.errors import UnavailableError

    client = await log_in("zhou")
    park.refuse["casework/v1/cases"] = UnavailableError("down")

    answer = await client.get("/cases", headers={**HTMX, "X-Request-ID": "abc123"})

    assert (answer.status_code, answer.headers["hx-retarget"]) == (503, "#toast")
    assert "后台服务暂时没有应答" in answer.text
    assert "abc123" in answer.text
    assert "<html" not in answer.text


def hidden(page: str) -> dict[str, str | list[str]]:
    """Hidden fields of the answer's form, as a browser would send them again."""
    form = page[page.index('enctype="multipart/form-data"') :]
    fields: dict[str, str | list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form):
        if name == "evidence":
            kept = fields.setdefault(name, [])
            assert isinstance(kept, list)
            kept.append(value)
        else:
            fields[name] = value
    return fields


async def step(client: httpx.AsyncClient, page: str, go: str, files: object = None, **fields: str) -> httpx.Response:
    data = {**hidden(page), **fields, "go": go}
    return await client.post(f"/inquiries/{WAITING}/answer", data=data, files=files)  # type: ignore[arg-type]


async def test_answer_in_four_steps(log_in: LogIn, park: Park) -> None:
    client = await log_in("hengze")

    first = await client.get(f"/inquiries/{WAITING}/answer")
    second = await step(
        client, first.text, "next", cause_code="calibration", statement="做标样校准后未切回测量",
        began_at="2026-11-23T02:00", ended_at="2026-11-23T09:00",
    )  # fmt: skip
    third = await step(client, second.text, "next", actions="已恢复测量")
    fourth = await step(client, third.text, "next", files={"documents": ("校准记录.pdf", b"%PDF-1.7 1234")})
    sent = await step(client, fourth.text, "send", signer_name="李工", signer_role="环保主管")
    receipt = await client.get(sent.headers["location"])

    [(no, act)] = park.acts
    assert isinstance(act, CaseAct)
    assert act.reply is not None
    assert (no, act.event, act.reply.cause_code) == (WAITING, CaseEvent.REPLY, CauseCode.CALIBRATION)
    assert act.reply.began_at == datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
    assert (act.reply.statement, act.reply.actions) == ("做标样校准后未切回测量", "已恢复测量")
    assert act.reply.evidence_ids == [uid(f"file {WAITING} 校准记录.pdf")]
    assert "校准记录.pdf" in fourth.text
    assert f"{WAITING}-1" in receipt.text


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"cause_code": "", "statement": "说明原因"}, "请选择原因。"),
        ({"cause_code": "power", "statement": "停"}, "请用至少五个字说明发生了什么。"),
        ({"cause_code": "power", "statement": "停电两小时", "began_at": "yesterday"}, "请填写日期和时间。"),
        (
            {"cause_code": "power", "statement": "停电两小时",
             "began_at": "2026-11-23T09:00", "ended_at": "2026-11-23T08:00"},
            "结束时间早于开始时间。",
        ),
    ],
)  # fmt: skip
async def test_answer_with_something_missing_stays_at_the_step(
    log_in: LogIn, park: Park, fields: dict[str, str], wrong: str
) -> None:
    client = await log_in("hengze")
    first = await client.get(f"/inquiries/{WAITING}/answer")

    answer = await step(client, first.text, "next", **fields)

    assert (answer.status_code, park.acts) == (422, [])
    assert wrong in answer.text
    assert fields["statement"] in answer.text


async def test_refused_file_is_told_and_the_rest_is_kept(log_in: LogIn) -> None:
    client = await log_in("hengze")
    fields = {"step": "files", "version": "3", "cause_code": "power", "statement": "停电两小时", "actions": "已恢复"}

    answer = await client.post(
        f"/inquiries/{WAITING}/answer", data={**fields, "go": "next"}, files={"documents": ("a.exe", b"MZ")}
    )

    assert answer.status_code == 415
    assert "不接受此类文件" in answer.text
    assert 'name="statement" value="停电两小时"' in answer.text


async def test_too_many_files_are_refused_before_any_is_sent(log_in: LogIn, park: Park) -> None:
    client = await log_in("hengze")
    files = [("documents", (f"{n}.pdf", b"%PDF", "application/pdf")) for n in range(11)]

    answer = await client.post(
        f"/inquiries/{WAITING}/answer", data={"step": "files", "version": "3", "go": "next"}, files=files
    )

    assert answer.status_code == 422
    assert "一次最多上传 10 个文件。" in answer.text
    assert "casework POST /v1/evidence" not in park.calls


async def test_acknowledgement(log_in: LogIn, park: Park) -> None:
    client = await log_in("hengze")

    await client.post(f"/inquiries/{WAITING}/acknowledgement", data={"version": "3"})

    assert park.acts == [(WAITING, CaseAct(event=CaseEvent.ACKNOWLEDGE))]


async def test_visit_is_planned_started_and_completed_with_findings(log_in: LogIn, park: Park) -> None:
    client = await log_in("zhou")
    plan = {"type": "ts", "planned_at": "2026-11-25T10:00", "officers": "王磊、陈静"}

    planned = await client.post("/cases/WX-2026-000186/visits", data=plan)
    await client.post(f"/visits/{VISIT}/events", data={"event": "start", "version": "1", "officers": "王磊\n陈静"})
    done = await client.post(
        f"/visits/{VISIT}/events",
        data={
            "event": "complete", "version": "2", "record": "站房内校准记录缺失。",
            "code-0": "13-5", "severity-0": "general",
            "facts-0": "近 30 天缺 4 次校准记录", "location-0": "站房", "responsible-0": "operator",
        },
        files={"photos": ("站房.jpg", b"\xff\xd8\xff")},
    )  # fmt: skip

    assert (planned.status_code, done.status_code) == (303, 303)
    (_, given), (_, start), (_, complete) = park.acts
    assert isinstance(given, VisitIn)
    assert (given.type, given.officers) == (VisitType.SERVICE, ["王磊", "陈静"])
    assert start == VisitAct(event=VisitEvent.START, officers=["王磊", "陈静"])
    assert isinstance(complete, VisitAct)
    [finding] = complete.findings
    assert (finding.code, finding.severity, finding.responsible) == ("13-5", FindingSeverity.GENERAL, "operator")
    assert finding.evidence_ids == [uid("file WX-2026-000186 站房.jpg")]


async def test_record_with_half_a_finding_comes_back(log_in: LogIn, park: Park) -> None:
    client = await log_in("zhou")
    await client.post(f"/visits/{VISIT}/events", data={"event": "start", "version": "1", "officers": "王磊,陈静"})

    answer = await client.post(
        f"/visits/{VISIT}/events",
        data={"event": "complete", "version": "2", "record": "已查看。", "code-0": "13-5", "facts-0": "缺"},
    )

    assert answer.status_code == 422
    assert "请选择问题类别，并用至少五个字描述事实。" in answer.text
    assert "已查看。" in answer.text
    assert len(park.acts) == 1


async def test_rectification_needs_a_file(log_in: LogIn, park: Park) -> None:
    client = await log_in("hengze")
    fields = {"event": "submit_evidence", "version": "2", "text": "已补齐记录"}

    without = await client.post(f"/rectifications/{FINDING}/events", data=fields)
    with_file = await client.post(
        f"/rectifications/{FINDING}/events", data=fields, files={"documents": ("补齐.pdf", b"%PDF")}
    )

    assert without.status_code == 422
    assert "请至少附一份文件。" in without.text
    assert with_file.status_code == 303
    [(_, act)] = park.acts
    assert isinstance(act, FindingAct)
    assert (act.event, act.evidence_ids) == (FindingEvent.SUBMIT_EVIDENCE, [uid("file WX-2026-000196 补齐.pdf")])


async def test_plan_of_rectification(log_in: LogIn, park: Park) -> None:
    client = await log_in("hengze")

    await client.post(
        f"/rectifications/{FINDING}/events", data={"event": "submit_plan", "version": "2", "text": "一周内补齐"}
    )

    assert park.acts == [("ZG-2026-0196", FindingAct(event=FindingEvent.SUBMIT_PLAN, text="一周内补齐"))]


async def test_grade_list_is_computed_moved_and_published(log_in: LogIn, park: Park) -> None:
    client = await log_in("wang")
    firm = enterprise_uuid("E-003")

    computed = await client.post("/grades/2026Q1/draft")
    moved = await client.post(
        "/grades/2026Q3/overrides",
        data={"enterprise_id": str(firm), "colour": "red", "reason": "三次逾期未答复", "version": "2"},
    )
    published = await client.post("/grades/2026Q3/publication", data={"note": "经审定", "version": "2"})

    assert computed.headers["location"] == "/grades/draft?quarter=2026Q1"
    assert (moved.status_code, published.headers["location"]) == (303, "/grades/2026Q3")
    assert park.acts == [
        ("2026Q3", Override(enterprise_id=firm, colour=Colour.RED, reason="三次逾期未答复")),
        ("2026Q3", Publication(note="经审定")),
    ]


async def test_override_without_reason_comes_back(log_in: LogIn, park: Park) -> None:
    client = await log_in("wang")

    answer = await client.post(
        "/grades/2026Q3/overrides",
        data={"enterprise_id": str(enterprise_uuid("E-003")), "colour": "red", "reason": "x", "version": "2"},
    )

    assert (answer.status_code, park.acts) == (422, [])
    assert "并填写至少五个字的理由" in answer.text


async def test_publication_refused_says_why(log_in: LogIn, park: Park) -> None:
    client = await log_in("wang")
    park.refuse["grading/v1/lists/2026Q3/publication"] = StaleVersionError("changed")

    answer = await client.post("/grades/2026Q3/publication", data={"note": "", "version": "2"})

    assert answer.status_code == 412
    assert "内容已被他人修改" in answer.text
