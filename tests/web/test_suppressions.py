"""The pages of suppressions over the real detection service."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from services.detection.main import create_app as create_detection
from services.detection.settings import Settings
from services.detection.store import SeriesStore
from shared.clock import FixedClock
from shared.testing import running
from tests.conftest import MakeDatabase
from tests.web import makers
from tests.web.conftest import make_settings
from tests.web.makers import NOW
from tests.web.park import PASSWORD, Park
from tests.web.test_pages import left_in_chinese, left_in_english
from web.main import create_app

OUTLET = makers.make_outlet("E-001")
FORM = {"place": f"outlet:{OUTLET.id}", "rule": "CONST", "until": "2026-12-20T08:00", "reason_code": "planned_work",
        "note": "更换分析仪"}  # fmt: skip


@pytest.fixture
async def portal(park: Park, make_database: MakeDatabase) -> AsyncIterator[httpx.AsyncClient]:
    """The portal with fakes but for detection, which knows one outlet."""
    url = await make_database("detection")
    detection = create_detection(Settings(database_url=url, jobs=False, urls={"identity": "http://identity"}))
    detection.state.verifier, detection.state.clock = park.tokens.verifier(), FixedClock(NOW)
    network = park.network()
    network.apps["detection"] = detection
    async with running(detection), running(create_app(make_settings(), network), "portal") as client:
        async with detection.state.db.transaction() as session:
            await SeriesStore(session).save_outlet(OUTLET)
        client.headers["Origin"] = "http://portal"
        yield client


async def log_in(portal: httpx.AsyncClient, username: str) -> None:
    answer = await portal.post("/login", data={"username": username, "password": PASSWORD})
    assert answer.status_code == 303


async def test_one_proposes_another_approves_and_revokes(portal: httpx.AsyncClient) -> None:
    await log_in(portal, "zhou")
    assert "此视图中没有抑制" in (await portal.get("/suppressions")).text
    assert "治理设施改造" in (await portal.get("/suppressions/new")).text
    made = await portal.post("/suppressions", data=FORM)
    assert made.status_code == 303
    page = made.headers["Location"]
    shown = (await portal.get(page)).text
    assert "更换分析仪" in shown
    assert "待批准" in shown
    assert f"{page}/approve" not in shown

    await log_in(portal, "wang")
    assert f"{page}/approve" in (await portal.get(page)).text
    assert (await portal.post(f"{page}/approve", data={"version": "1"})).status_code == 303
    assert "生效中" in (await portal.get("/suppressions?view=approved")).text
    silent = await portal.post(f"{page}/revoke", data={"version": "2"})
    assert (silent.status_code, "请用文字说明理由" in silent.text) == (422, True)
    stale = await portal.post(f"{page}/revoke", data={"version": "1", "reason": "旧"})
    assert stale.status_code == 422
    assert (await portal.post(f"{page}/revoke", data={"version": "2", "reason": "已更换"})).status_code == 303
    ended = (await portal.get(page)).text
    assert "已撤销" in ended
    assert re.findall(rf'action="{page}', ended) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"place": ""}, "此项必填"),
        ({"until": ""}, "此项必填"),
        ({"until": "soon"}, "不是有效的时间"),
        ({"value_at_most": "x"}, "不是数字"),
        ({"value_at_least": "2", "value_at_most": "1"}, "填写有误"),
        ({"until": "2027-06-01T00:00"}, "超出抑制允许的最长时间"),
        ({"until": "2026-01-01T00:00"}, "结束时间须在当前时间之后"),
        ({"factor": "zzz"}, "系统中没有这一项"),
        ({"reason_code": "other", "note": ""}, "请用文字说明理由"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(
    portal: httpx.AsyncClient, fields: dict[str, str], said: str
) -> None:
    await log_in(portal, "zhou")
    answer = await portal.post("/suppressions", data={**FORM, **fields})

    assert answer.status_code == 422
    assert said in answer.text


async def test_pages_speak_both_languages_and_an_enterprise_is_kept_out(portal: httpx.AsyncClient) -> None:
    await log_in(portal, "wang")
    page = (await portal.post("/suppressions", data=FORM)).headers["Location"]
    assert "须由另一人批准" in (await portal.get(page)).text
    for path in ("/suppressions", "/suppressions/new", page):
        chinese, english = (await portal.get(path)).text, (await portal.get(f"{path}?lang=en")).text
        assert left_in_english(chinese) == []
        assert left_in_chinese(english.replace("更换分析仪", "")) == []
        await portal.get(f"{path}?lang=zh-CN")
    await log_in(portal, "hengze")
    assert (await portal.get("/suppressions")).status_code == 403
