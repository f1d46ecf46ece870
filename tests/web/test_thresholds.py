"""The pages of thresholds over the real detection service."""

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from services.detection.domain.people import Person
from services.detection.domain.thresholds.model import Basis, Threshold, Version, threshold_id
from services.detection.domain.thresholds.policy import policy_on
from services.detection.main import create_app as create_detection
from services.detection.settings import Settings
from services.detection.store import SeriesStore
from services.detection.store.thresholds import ThresholdStore
from shared.clock import FixedClock
from shared.contracts.detection.thresholds import ThresholdOrigin, ThresholdState
from shared.contracts.ingest import ReadingKind
from shared.testing import running
from tests.conftest import MakeDatabase
from tests.web import makers
from tests.web.conftest import make_settings
from tests.web.makers import NOW
from tests.web.park import PASSWORD, Park
from tests.web.test_pages import left_in_chinese, left_in_english
from web.main import create_app
from web.threshold_words import TABLES

OUTLET, OTHER = makers.make_outlet("E-001"), makers.make_outlet("E-002")
FACTOR = OUTLET.factors[0].factor
WHICH = threshold_id(OUTLET.id, FACTOR, ReadingKind.HOUR, "CONST")
FORM = {"outlet_id": str(OUTLET.id), "factor": FACTOR, "kind": "hour", "number": "ZERO.min_hours", "value": "4",
        "reason": "夜间间歇排放"}  # fmt: skip


@pytest.fixture
async def detection(park: Park, make_database: MakeDatabase) -> FastAPI:
    url = await make_database("detection")
    app = create_detection(Settings(database_url=url, jobs=False, urls={"identity": "http://identity"}))
    app.state.verifier, app.state.clock = park.tokens.verifier(), FixedClock(NOW)
    return app


@pytest.fixture
async def portal(park: Park, detection: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The portal with fakes but for detection, which has learnt one threshold and suggests another number for it."""
    network = park.network()
    network.apps["detection"] = detection
    async with running(detection), running(create_app(make_settings(), network), "portal") as client:
        async with detection.state.db.transaction() as session:
            for outlet in (OUTLET, OTHER):
                await SeriesStore(session).save_outlet(outlet)
            await ThresholdStore(session).save([make_threshold(NOW)])
        client.headers["Origin"] = "http://portal"
        yield client


def make_threshold(now: datetime) -> Threshold:
    system = Person("system", "system", "", now - timedelta(days=9))
    basis = Basis(now - timedelta(days=99), now - timedelta(days=9), 88, 2_100, 12,
                  {"min_hours": {"quantile": 0.999, "observed": 5.0, "low": 6.0, "high": 24.0}})  # fmt: skip
    versions = (
        Version(2, ThresholdOrigin.LEARNT, {"min_hours": 16.0}, system, basis=basis),
        Version(1, ThresholdOrigin.LEARNT, {"min_hours": 10.0}, system, basis=basis, accepted=True,
                valid_from=now - timedelta(days=8)),
    )  # fmt: skip
    return Threshold(
        WHICH, OUTLET.enterprise_id, OUTLET.id, FACTOR, ReadingKind.HOUR, "CONST", now, state=ThresholdState.PROPOSED,
        before=ThresholdState.LEARNT, version=2, versions=versions,
    )  # fmt: skip


async def log_in(portal: httpx.AsyncClient, username: str) -> None:
    answer = await portal.post("/login", data={"username": username, "password": PASSWORD})
    assert answer.status_code == 303


def test_every_number_that_a_series_may_have_has_a_name() -> None:
    own = policy_on(NOW.date()).numbers

    assert {f"{rule}.{name}" for rule, names in own.items() for name in names} == TABLES["threshold_number"].keys()


async def test_what_was_learnt_is_shown_with_its_basis_and_decided(portal: httpx.AsyncClient) -> None:
    await log_in(portal, "wang")
    assert "待决定" in (await portal.get("/thresholds")).text
    page = f"/thresholds/{WHICH}"
    shown = (await portal.get(page)).text
    for said in (
        "10 小时",
        "6 小时",
        "16 小时",
        "2,100 个数据",
        "99.9% 不超过 5 小时",
        "6 小时至 24 小时",
        "plain-chart",
    ):
        assert said in shown
    silent = await portal.post(f"{page}/refuse", data={"version": "2"})
    assert (silent.status_code, "请用文字说明理由" in silent.text) == (422, True)
    assert (await portal.post(f"{page}/accept", data={"version": "1"})).status_code == 422
    assert (await portal.post(f"{page}/accept", data={"version": "2"})).status_code == 303
    assert "尚未生效" in (await portal.get(page)).text
    assert (await portal.post(f"{page}/freeze", data={"version": "3", "reason": "已核实"})).status_code == 303
    assert "已冻结" in (await portal.get(f"/thresholds?view=frozen&outlet={OUTLET.id}&rule=CONST")).text
    assert (await portal.post(f"{page}/release", data={"version": "4", "reason": "重新学习"})).status_code == 303
    assert "已解冻" in (await portal.get(page)).text


async def test_a_person_proposes_and_another_accepts(portal: httpx.AsyncClient) -> None:
    await log_in(portal, "zhou")
    assert "夜间" not in (await portal.get(f"/thresholds/new?outlet={OUTLET.id}&factor={FACTOR}")).text
    made = await portal.post("/thresholds", data=FORM)
    assert made.status_code == 303
    page = made.headers["Location"]
    shown = (await portal.get(page)).text
    assert "夜间间歇排放" in shown
    assert f"{page}/accept" not in shown
    twice = await portal.post("/thresholds", data={**FORM, "value": "5"})
    assert (twice.status_code, "该序列已有阈值" in twice.text) == (422, True)

    await log_in(portal, "wang")
    assert (await portal.post(f"{page}/accept", data={"version": "1"})).status_code == 303
    answer = await portal.post(f"{page}/propose", data={"version": "2", "number-min_hours": "99", "proposal": "x"})
    assert (answer.status_code, "超出该数值允许的范围" in answer.text, 'value="99"' in answer.text) == (422, True, True)
    for fields in ({"number-min_hours": "x", "proposal": "y"}, {"number-min_hours": "3", "proposal": ""}, {}):
        assert (await portal.post(f"{page}/propose", data={"version": "2", **fields})).status_code == 422
    fields = {"version": "2", "number-min_hours": "3", "proposal": "缩短"}
    assert (await portal.post(f"{page}/propose", data=fields)).status_code == 303
    assert "须由另一人决定" in (await portal.get(page)).text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"outlet_id": ""}, "此项必填"),
        ({"outlet_id": "x"}, "填写有误"),
        ({"value": "much"}, "不是数字"),
        ({"value": "nan"}, "不是数字"),
        ({"value": "500"}, "超出该数值允许的范围"),
        ({"number": "EX-H.valid_minutes"}, "没有可按序列设定"),
        ({"number": "NONE.x"}, "系统中没有这一项"),
        ({"factor": "zzz"}, "系统中没有这一项"),
        ({"reason": " "}, "此项必填"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(
    portal: httpx.AsyncClient, fields: dict[str, str], said: str
) -> None:
    await log_in(portal, "zhou")
    answer = await portal.post("/thresholds", data={**FORM, **fields})

    assert answer.status_code == 422
    assert said in answer.text


async def test_pages_speak_both_languages_and_an_enterprise_reads_its_own(portal: httpx.AsyncClient) -> None:
    page = f"/thresholds/{WHICH}"
    await log_in(portal, "wang")
    for path in ("/thresholds", "/thresholds?view=learnt", "/thresholds/new", page):
        chinese = (await portal.get(path)).text
        english = (await portal.get(f"{path}{'&' if '?' in path else '?'}lang=en")).text
        assert left_in_english(chinese) == []
        assert left_in_chinese(english) == []
        await portal.get("/thresholds?lang=zh-CN")
    await log_in(portal, "hengze")
    assert (await portal.get("/thresholds")).status_code == 200
    shown = (await portal.get(page)).text
    assert re.findall(rf'action="{page}', shown) == []
    assert (await portal.get("/thresholds/new")).status_code == 403
    assert (await portal.post(f"{page}/freeze", data={"version": "2", "reason": "x"})).status_code == 403
