import html
from urllib.parse import parse_qsl

import httpx
import pytest

from shared.contracts.ingest.marks import MarkAct, MarkEvent, MarkIn
from shared.contracts.ingest.qa import QaIn, QaKind, QaPair
from tests.web.conftest import HTMX, LogIn
from tests.web.fake_marks import OUTLET, PDF
from tests.web.makers import uid
from tests.web.park import Park

FORM = {
    "outlet": str(OUTLET),
    "code": "fault",
    "since": "2026-11-23T08:00",
    "until": "2026-11-23T10:00",
    "reason": "泵故障",
}
MARK = f"/marks/{uid('M000001')}"


async def test_the_check_says_what_would_come_of_a_mark(log_in: LogIn, client: httpx.AsyncClient) -> None:
    await log_in("hengze")
    answer = await client.post("/marks/new", data=FORM, headers=HTMX)
    same = await client.post("/marks/new", data=FORM | {"code": "stopped"})

    assert (answer.status_code, answer.text.lstrip()[:5]) == (200, "<form")
    for text in ("按逾期计分", "12.5", "剩余 10"):
        assert text in answer.text
    assert 'name="merge"' not in answer.text
    assert "与 M000002 重叠" in same.text
    assert 'name="merge"' in same.text


@pytest.mark.parametrize("page", ["?factor=w01018", "/data?factor=w01018"])
async def test_what_is_looked_at_can_be_marked(log_in: LogIn, client: httpx.AsyncClient, page: str) -> None:
    path = f"/outlets/{OUTLET}{page}"
    await log_in("zhou")
    shown = (await client.get(path)).text
    href = html.unescape(shown.split('href="/marks/new?', 1)[1].split('"', 1)[0])
    form = (await client.get(f"/marks/new?{href}")).text
    strange = await client.get("/marks/new?since=yesterday&until=1")
    await log_in("admin")
    others = (await client.get(path)).text

    asked = dict(parse_qsl(href))
    assert (asked["outlet"], asked["factor"], "建议标记" in shown) == (str(OUTLET), "w01018", True)
    assert f'name="since" required value="{asked["since"]}"' in form
    assert f'name="until" value="{asked["until"]}"' in form
    assert 'value="w01018" checked' in form
    assert strange.status_code == 200
    assert "/marks/new" not in others


async def test_marks_that_wait_are_in_the_list_of_what_is_to_be_done(log_in: LogIn, client: httpx.AsyncClient) -> None:
    await log_in("hengze")
    listed = (await client.get("/todo")).text
    waits = f"/marks/{uid('M000002')}"
    assert [text for text in ("待办标记", waits, "全部标记") if text not in listed] == []
    assert MARK not in listed, "its evidence is there and a reviewer has it"


async def test_what_is_not_filled_in_yet_is_no_fault_while_typing(log_in: LogIn, client: httpx.AsyncClient) -> None:
    await log_in("hengze")
    typing = await client.post("/marks/new", data=FORM | {"code": ""}, headers=HTMX)
    sent = await client.post("/marks/new", data=FORM | {"code": "", "reason": " ", "go": "send"})

    assert (typing.status_code, 'class="err"' in typing.text) == (200, False)
    assert (sent.status_code, sent.text.count('class="err"')) == (422, 2)


async def test_a_mark_is_handed_in_with_its_files(log_in: LogIn, client: httpx.AsyncClient, park: Park) -> None:
    await log_in("hengze")
    answer = await client.post(
        "/marks/new", data=FORM | {"go": "send", "factors": "w01018"}, files={"documents": ("记录.pdf", PDF)}
    )
    (name, given), = park.acts  # fmt: skip

    assert (answer.status_code, answer.headers["location"]) == (303, MARK)
    assert isinstance(given, MarkIn)
    assert (name, given.code, given.factors, given.since.isoformat(), given.merge) == (
        "mark", "fault", ["w01018"], "2026-11-23T08:00:00+08:00", False,
    )  # fmt: skip
    assert f"file 记录.pdf {len(PDF)}" in park.calls


async def test_an_overlap_is_said_and_offered_to_merge(log_in: LogIn, client: httpx.AsyncClient, park: Park) -> None:
    await log_in("hengze")
    refused = await client.post("/marks/new", data=FORM | {"code": "stopped", "go": "send"})
    merged = await client.post("/marks/new", data=FORM | {"code": "stopped", "go": "send", "merge": "yes"})

    assert refused.status_code == 409
    assert "与 M000002 重叠" in refused.text
    assert 'name="merge"' in refused.text
    assert (merged.status_code, park.acts[-1][1].merge) == (303, True)  # type: ignore[attr-defined]


async def test_acts_carry_the_version_and_refusals_stay_on_the_page(
    log_in: LogIn, client: httpx.AsyncClient, park: Park
) -> None:
    await log_in("wang")
    stale = await client.post(f"{MARK}/events", data={"event": "accept", "version": "1"})
    form = {"event": "reject", "version": "2", "reason": "不属实", "untrue": "yes"}
    done = await client.post(f"{MARK}/events", data=form)
    odd = await client.post(f"{MARK}/events", data={"event": "correct", "version": "2", "since": "soon"})

    assert (stale.status_code, done.status_code, odd.status_code) == (412, 303, 422)
    assert "有人" in stale.text or "已被" in stale.text
    assert park.acts == [("M000001", MarkAct(event=MarkEvent.REJECT, reason="不属实", untrue=True))]


async def test_evidence_is_added_and_read_back(log_in: LogIn, client: httpx.AsyncClient) -> None:
    await log_in("hengze")
    none = await client.post(f"{MARK}/evidence", data={})
    added = await client.post(f"{MARK}/evidence", files={"photos": ("a.png", b"x")})
    read = await client.get(f"/marks/files/{uid('proof')}")

    assert (none.status_code, added.status_code) == (422, 303)
    assert (read.content, read.headers["content-type"], read.headers["content-security-policy"]) == (
        PDF, "application/pdf", read.headers["content-security-policy"],
    )  # fmt: skip


async def test_case_pages_show_the_marks_of_the_episode(log_in: LogIn, client: httpx.AsyncClient) -> None:
    await log_in("zhou")
    page = await client.get("/cases/WX-2026-000184")
    assert "该时段的标记" in page.text
    assert "M000001" in page.text


@pytest.mark.parametrize("who", ["shen", "admin"])
async def test_who_neither_marks_nor_reviews_has_no_form(log_in: LogIn, client: httpx.AsyncClient, who: str) -> None:
    await log_in(who)
    assert (await client.get("/marks/new")).status_code == 403


async def test_a_quality_record_is_handed_in(log_in: LogIn, client: httpx.AsyncClient, park: Park) -> None:
    await log_in("hengze")
    form = {
        "outlet": str(OUTLET), "factor": "w01018", "kind": "comparison", "at": "2026-11-23T08:00",
        "reference": ["50", "60", ""], "reading": ["51", "61.5", ""],
    }  # fmt: skip
    done = await client.post("/quality/new", data=form)
    wrong = await client.post("/quality/new", data=form | {"reading": ["x"], "reference": ["1"], "kind": ""})
    given = park.acts[-1][1]

    assert (done.status_code, wrong.status_code, len(park.acts)) == (303, 422, 1)
    assert isinstance(given, QaIn)
    assert (given.kind, given.pairs) == (
        QaKind.COMPARISON, [QaPair(reference=50, reading=51), QaPair(reference=60, reading=61.5)],
    )  # fmt: skip
