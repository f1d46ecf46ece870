"""Who sees and who may: every endpoint against a foreign enterprise, versions, refusals."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.clients.base import ServiceCallError
from shared.contracts.casework import (
    CaseAct,
    CaseDetail,
    CaseEvent,
    CaseState,
    EvidenceKind,
    ReasonCode,
)
from tests.casework.desk import Desk
from tests.casework.images import png
from tests.casework.makers import make_reply
from tests.casework.stories import rectifying

pytestmark = pytest.mark.anyio


FOREIGN = (
    ("GET", "/v1/cases/{case}"),
    ("GET", "/v1/cases/{no}"),
    ("POST", "/v1/cases/{case}/events"),
    ("GET", "/v1/visits/{visit}"),
    ("POST", "/v1/visits/{visit}/events"),
    ("GET", "/v1/findings/{finding}"),
    ("POST", "/v1/findings/{finding}/events"),
    ("GET", "/v1/evidence/{proof}"),
    ("GET", "/v1/evidence/{proof}/content"),
    ("UPLOAD", "/v1/evidence"),
)


async def test_a_foreign_enterprise_meets_nothing(desk: Desk) -> None:
    things = await rectifying(desk)
    ids = {name: thing.id for name, thing in things.items()} | {"no": things["case"].no}
    bodies = {
        "/v1/cases/{case}/events": {"event": "acknowledge"},
        "/v1/visits/{visit}/events": {"event": "start"},
        "/v1/findings/{finding}/events": {"event": "submit_plan", "text": "x"},
    }
    for method, path in FOREIGN:
        answers = []
        for who in ("other_firm", "firm"):
            if method == "GET":
                answer = await desk.get(who, path.format(**ids))
            elif method == "UPLOAD":
                answer = await desk.upload(who, ids["case"], "c.png", png(7, 7))
            else:
                answer = await desk.post(who, path.format(**ids), bodies[path], version=1)
            answers.append(answer.status_code)
        assert answers[0] == 404, (method, path)
        assert answers[1] != 404, (method, path)


async def test_lists_hold_the_own_enterprise_only(desk: Desk) -> None:
    things = await rectifying(desk)
    for path, expected in (("/v1/cases", 1), ("/v1/visits", 1), ("/v1/findings", 1)):
        own = (await desk.get("firm", path)).json()["items"]
        assert [item["enterprise_id"] for item in own] == [str(things["case"].enterprise_id)] * expected
        assert (await desk.get("other_firm", path)).json()["items"] == []
        foreign = await desk.get("other_firm", path, case_id=str(things["case"].id))
        assert foreign.json()["items"] == []
    own, foreign = await desk.client("firm").count_cases(), await desk.client("other_firm").count_cases()
    assert (own.rectifying, own.findings_open, own.opened_today) == (1, 1, 1)
    assert set(foreign.model_dump().values()) == {0, None}


async def test_every_path_is_in_the_table_above_or_needs_no_tenant(desk: Desk) -> None:
    """A new endpoint has to be thought about here."""
    known = {path for _, path in FOREIGN} | {
        "/v1/cases", "/v1/cases/by-outlet", "/v1/cases/counts", "/v1/visits", "/v1/findings", "/v1/finding-codes",
        "/v1/audit",
        "/v1/audit/verdict", "/v1/feed", "/healthz", "/readyz",
    }  # fmt: skip
    plain = {"{no}": "{case_id}", "{case}": "{case_id}", "{visit}": "{visit_id}", "{finding}": "{finding_id}",
             "{proof}": "{evidence_id}"}  # fmt: skip
    for short, long in plain.items():
        known = {path.replace(short, long) for path in known}
    assert set(desk.app.openapi()["paths"]) == known


async def test_a_case_is_hidden_until_something_is_asked(desk: Desk) -> None:
    case = await desk.open_case()
    assert (await desk.get("firm", f"/v1/cases/{case.id}")).status_code == 404
    assert (await desk.get("firm", "/v1/cases")).json()["items"] == []
    assert (await desk.client("firm").count_cases()).screening == 0
    await desk.act("supervisor", case, CaseEvent.SEND_INQUIRY)
    assert (await desk.get("firm", f"/v1/cases/{case.id}")).status_code == 200


async def test_an_enterprise_sees_decisions_but_no_internals(desk: Desk) -> None:
    things = await rectifying(desk)
    case = await desk.client("firm").get_case(things["case"].id)

    assert [entry.event for entry in case.timeline] == [
        "case.send_inquiry", "evidence.added", "case.reply", "case.verify_on_site", "visit.start", "finding.issue",
        "visit.complete", "case.start_rectification",
    ]  # fmt: skip
    assert {entry.actor_name for entry in case.timeline} == {"supervisor", "bureau", "firm", "system"}
    assert {entry.actor for entry in case.timeline if entry.organisation in {"supervisor", "bureau"}} == {""}
    assert (case.assignee, case.inquiry and case.inquiry.sent_by) == (None, "")
    assert [item.id for item in case.evidence] == [things["proof"].id]
    assert (await desk.get("firm", f"/v1/evidence/{things['internal'].id}")).status_code == 404
    assert (await desk.get("officer", f"/v1/evidence/{things['internal'].id}")).status_code == 200


SCOPES = (
    ("firm", "/v1/audit", 403), ("supervisor", "/v1/audit", 403), ("auditor", "/v1/audit", 200),
    ("officer", "/v1/audit/verdict", 200), ("firm", "/v1/audit/verdict", 403), ("firm", "/v1/feed", 403),
    ("service", "/v1/feed", 200), ("auditor", "/v1/cases", 200), ("firm", "/v1/finding-codes", 200),
)  # fmt: skip


async def test_scopes(desk: Desk) -> None:
    for who, path, status in SCOPES:
        assert (await desk.get(who, path)).status_code == status, (who, path)
        assert (await desk.http.get(path)).status_code == 401


async def test_those_who_only_read_may_do_nothing(desk: Desk) -> None:
    case = await desk.open_case()
    for who in ("auditor", "admin", "service"):
        assert (await desk.client(who).get_case(case.id)).allowed == []
        answer = await desk.post(who, f"/v1/cases/{case.id}/events", {"event": "send_inquiry"}, version=1)
        assert answer.status_code == 403


async def test_a_decision_names_the_version_it_saw(desk: Desk) -> None:
    case = await desk.open_case()
    path, act = f"/v1/cases/{case.id}/events", {"event": "send_inquiry"}
    missing = await desk.post("supervisor", path, act)
    stale = await desk.post("supervisor", path, act, version=7)
    headers = desk.headers("supervisor") | {"If-Match": "yesterday"}
    wrong = await desk.http.post(path, json=act, headers=headers)

    assert [(answer.status_code, answer.json()["code"]) for answer in (missing, stale, wrong)] == [
        (428, "version_required"), (412, "stale_version"), (422, "invalid")
    ]  # fmt: skip
    assert stale.json()["context"] == {"current": 1, "given": 7}
    fine = await desk.post("supervisor", path, act, version=1)
    assert (fine.status_code, fine.headers["ETag"]) == (200, '"2"')


async def test_of_two_who_decide_at_once_one_is_told(desk: Desk) -> None:
    case = await desk.open_case()

    async def decide(who: str, act: CaseAct) -> CaseDetail | ServiceCallError:
        try:
            return await desk.client(who).act_on_case(case.id, act, case.version)
        except ServiceCallError as error:
            return error

    results = await asyncio.gather(
        decide("supervisor", CaseAct(event=CaseEvent.SEND_INQUIRY)),
        decide("lead", CaseAct(event=CaseEvent.MARK_FALSE_ALARM, reason_code=ReasonCode.SENSOR_ARTEFACT)),
    )

    [refusal] = [item for item in results if isinstance(item, ServiceCallError)]
    [done] = [item for item in results if isinstance(item, CaseDetail)]
    assert (refusal.status, refusal.code) == (412, "stale_version")
    assert done.version == 2
    assert len([entry for entry in done.timeline if entry.event.startswith("case.")]) == 2


async def test_an_illegal_transition_tells_state_and_what_is_allowed(desk: Desk) -> None:
    case = await desk.open_case()
    answer = await desk.post("supervisor", f"/v1/cases/{case.id}/events", {"event": "simplify"}, version=1)

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
    assert answer.json()["context"] == {
        "state": "screening", "event": "simplify",
        "allowed": ["send_inquiry", "mark_false_alarm", "mark_covered", "merge"],
    }  # fmt: skip
    forbidden = await desk.post("supervisor", f"/v1/cases/{case.id}/events", {"event": "withdraw"}, version=1)
    assert forbidden.status_code == 403
    system = await desk.post("head", f"/v1/cases/{case.id}/events", {"event": "escalate"}, version=1)
    assert system.status_code == 403


BODIES: tuple[tuple[dict[str, Any], int], ...] = (
    ({"event": "nonsense"}, 422),
    ({"event": "send_inquiry", "surprise": 1}, 422),
    ({"event": "send_inquiry", "text": "x" * 4001}, 422),
    ({"event": "send_inquiry", "text": "a\0b"}, 422),
    ({"event": "verify_on_site", "reason_code": "severe", "visit_at": "2026-11-23T10:00:00"}, 422),
    ({"event": "merge", "into": "WX-2026-999999", "reason_code": "same_episode"}, 422),
    ({"event": "send_inquiry", "text": "<script>alert(1)</script>"}, 200),  # kept as text, escaped where shown
)


async def test_bad_bodies(desk: Desk) -> None:
    case = await desk.open_case()
    for body, status in BODIES:
        answer = await desk.post("supervisor", f"/v1/cases/{case.id}/events", body, version=1)
        assert answer.status_code == status, answer.text
        if status != 200:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert (await desk.client("supervisor").get_case(case.id)).version == 1
    raw = b'{"event": "send_inquiry", "text": "\\ud800"}'
    headers = desk.headers("supervisor") | {"If-Match": '"2"', "Content-Type": "application/json"}
    assert (await desk.http.post(f"/v1/cases/{case.id}/events", content=raw, headers=headers)).status_code == 422


async def test_a_visit_is_planned_for_a_sensible_time(desk: Desk) -> None:
    case = await desk.open_case()
    await desk.act("supervisor", case, CaseEvent.SEND_INQUIRY)
    case = await desk.act("firm", case, CaseEvent.REPLY, reply=make_reply())
    for at in ("0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-12:00", "2026-11-22T00:00:00Z"):
        act = {"event": "verify_on_site", "reason_code": "severe", "visit_at": at}
        answer = await desk.post("officer", f"/v1/cases/{case.id}/events", act, version=case.version)
        assert answer.status_code == 422, answer.text
    case = await desk.act(
        "officer", case, CaseEvent.VERIFY_ON_SITE, reason_code=ReasonCode.SEVERE, visit_at=desk.clock.now()
    )
    for at in ("0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-12:00", "2026-11-22T00:00:00Z"):
        plan = {"case_id": str(case.id), "type": "ai", "planned_at": at, "officers": ["A", "B"]}
        assert (await desk.post("officer", "/v1/visits", plan)).status_code == 422
    plan = {"case_id": str(case.id), "type": "ai", "planned_at": "2026-11-24T01:00:00Z", "officers": ["A", "B"]}
    first, second = [await desk.post("supervisor", "/v1/visits", plan) for _ in range(2)]
    assert (first.status_code, first.json()["id"]) == (201, second.json()["id"])
    one = await desk.post("supervisor", "/v1/visits", plan | {"officers": ["A"]})
    assert one.json()["errors"][0]["code"] == "two_officers_needed"
    assert (await desk.post("firm", "/v1/visits", plan)).status_code == 403


async def test_evidence_of_another_case_proves_nothing(desk: Desk) -> None:
    one, two = await desk.open_case(), await desk.open_case(factor="w21003")
    for case in (one, two):
        await desk.act("supervisor", case, CaseEvent.SEND_INQUIRY)
    proof = await desk.client("firm").add_evidence(one.id, "a.png", png(), kind=EvidenceKind.PHOTO)
    for ids in ([proof.id], [uuid4()]):
        with pytest.raises(ServiceCallError) as refusal:
            await desk.act("firm", two, CaseEvent.REPLY, reply=make_reply(evidence_ids=ids))
        assert refusal.value.context["errors"][0]["code"] == "evidence_unknown"
    assert (await desk.client("supervisor").get_case(two.id)).state is CaseState.INQUIRY_SENT


async def test_nothing_is_there(desk: Desk) -> None:
    paths = [f"/v1/{kind}/{UUID(int=0)}" for kind in ("cases", "visits", "findings", "evidence")]
    paths += ["/v1/cases/WX-2026-000001", "/v1/cases/%27%20or%201=1"]

    assert [(await desk.get("officer", path)).status_code for path in paths] == [404] * 6
    assert (await desk.get("officer", "/v1/visits/x")).status_code == 422


async def test_the_audit_chain_tells_who_did_what(desk: Desk) -> None:
    case = await desk.open_case()
    await desk.act("supervisor", case, CaseEvent.SEND_INQUIRY)
    page = await desk.client("auditor").list_audit(limit=1)
    assert page.next is not None
    second = await desk.client("auditor").list_audit(limit=1, cursor=page.next)
    mine = await desk.client("auditor").list_audit(subject=f"case:{case.id}")

    assert [(item.action, item.actor_name) for item in mine.items] == [
        ("case.send_inquiry", "supervisor"), ("case.opened", "system")
    ]  # fmt: skip
    assert (page.items[0].id, second.items[0].id, second.next) == (2, 1, None)
    assert mine.items[0].before == {"state": "screening"}
    verdict = await desk.client("auditor").verify_audit()
    assert (verdict.entries, verdict.intact, verdict.head) == (2, True, mine.items[0].hash)
    assert (await desk.get("auditor", "/v1/audit", cursor="bm9uc2Vuc2U")).status_code == 422
