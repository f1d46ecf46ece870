"""The pages of backtests and proposals over the real detection service."""

import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from services.detection.domain.backtests.change import plain_settings
from services.detection.domain.backtests.proposal import Proposal
from services.detection.gateways import Column, Readings
from services.detection.main import create_app as create_detection
from services.detection.service.backtest_runs import BacktestRunner
from services.detection.service.proposals import finish_retuning
from services.detection.service.rulebook import load_rulebook
from services.detection.settings import Settings
from services.detection.store import SeriesStore
from services.detection.store.proposals import ProposalStore
from shared.clock import FixedClock
from shared.contracts.detection.proposals import ProposalState
from shared.contracts.ingest import ReadingKind
from shared.testing import running
from tests.conftest import MakeDatabase
from tests.web import makers
from tests.web.conftest import make_settings
from tests.web.makers import NOW
from tests.web.park import PASSWORD, Park
from tests.web.test_pages import left_in_chinese, left_in_english
from web.main import create_app

OUTLET = makers.make_outlet("E-001")
DAYS = {
    "first_day": (NOW - timedelta(days=20)).date().isoformat(),
    "last_day": (NOW - timedelta(days=1)).date().isoformat(),
}
FORM = {"rule": "CONST", "place": "", "note": "试试", **DAYS, "off": "1"}


class History(Readings):
    """Hour means of one factor with a constant day in the middle."""

    async def history(self, _outlet: UUID, _kinds: Any, since: Any, until: Any, _most: int) -> Any:  # type: ignore[override]
        t = np.arange(int(since.timestamp()) // 3600 * 3600, int(until.timestamp()), 3600, dtype=np.int64)
        v = np.random.default_rng(1).normal(30, 3, len(t)).round(2)
        v[-200:-180] = v[-200]
        factor = OUTLET.factors[0].factor
        return {(factor, ReadingKind.HOUR): Column(t, v, np.full(len(t), ord("N"), np.uint8))}


@dataclass
class Portal:
    """The portal's client, and the detection behind it."""

    http: httpx.AsyncClient
    detection: FastAPI

    async def log_in(self, username: str) -> None:
        answer = await self.http.post("/login", data={"username": username, "password": PASSWORD})
        assert answer.status_code == 303

    async def text(self, path: str) -> str:
        return (await self.http.get(path)).text

    async def run(self) -> None:
        state = self.detection.state
        runner = BacktestRunner(state.db, state.clock, History(None), finish_retuning, ThreadPoolExecutor)  # type: ignore[arg-type]
        await runner.run_waiting()

    async def propose(self, backtest_id: str) -> str:
        """A proposal as the night makes it."""
        rule = next(one for one in load_rulebook().rules if one.code == "CONST")
        former = plain_settings(rule)
        settings = plain_settings(rule)
        settings[0]["values"]["min_hours"] = 9
        one = Proposal(
            id=uuid4(), no="P-2026-0001", rule="CONST", state=ProposalState.PROPOSED, backtest_id=UUID(backtest_id),
            settings=tuple(settings), former=tuple(former), tried=(), made_at=NOW,
        )  # fmt: skip
        async with self.detection.state.db.transaction() as session:
            await ProposalStore(session).add(one)
        return f"/proposals/{one.id}"


@pytest.fixture
async def portal(park: Park, make_database: MakeDatabase) -> AsyncIterator[Portal]:
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
        yield Portal(client, detection)


async def started(portal: Portal, **fields: str) -> str:
    answer = await portal.http.post("/backtests", data={**FORM, **fields})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


async def test_from_the_form_over_the_progress_to_the_result(portal: Portal) -> None:
    await portal.log_in("zhou")
    assert "还没有回测" in await portal.text("/backtests")
    assert "显示其数值" in await portal.text("/backtests/new")
    form = await portal.text("/backtests/new?rule=CONST")
    assert re.search(r'name="v\.0\.min_hours" value="6"', form)
    assert "0 – 8760" in form

    page = await started(portal, off="", **{"v.0.min_hours": "30"} | _others())
    waiting = await portal.text(page)
    assert "排队中" in waiting
    assert 'hx-trigger="load delay:2s"' in waiting
    assert f'action="{page}/cancel"' in waiting

    await portal.run()
    shown = await portal.text(page)
    assert "不再报出" in shown
    assert '6 → <b class="strong">30</b>' in shown
    assert "hx-trigger" not in shown.split('id="test"')[1].split(">")[0]
    assert "B-2026-0001" in await portal.text("/backtests")


def _others() -> dict[str, str]:
    """The numbers of the form as they stand, but the one that is changed."""
    rule = next(one for one in load_rulebook().rules if one.code == "CONST")
    return {
        f"v.{place}.{name}": f"{value:g}"
        for place, setting in enumerate(plain_settings(rule))
        for name, value in setting["values"].items()
        if (place, name) != (0, "min_hours")
    }


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rule": "NONE"}, "此项必填"),
        ({"off": ""}, "应为 2 至 100000 的数"),
        ({"off": "", "v.0.min_hours": "x"}, "应为 0 至 8760 的数"),
        ({"off": "", "v.0.min_hours": "-1"}, "应为 0 至 8760 的数"),
        ({"off": "", "v.0.min_hours": "6", **_others()}, "请至少修改一个数值"),
        ({"first_day": "soon"}, "日期"),
        ({"last_day": "2020-01-01"}, "末日不得早于首日"),
        ({"first_day": "2099-01-01", "last_day": "2099-01-02"}, "未来的日期没有数据"),
        ({"first_day": "2020-01-01"}, "请选择较短的时段"),
        ({"place": "outlet:" + str(uuid4())}, "系统中没有这一项"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(portal: Portal, fields: dict[str, str], said: str) -> None:
    await portal.log_in("zhou")
    answer = await portal.http.post("/backtests", data={**FORM, **fields})

    assert answer.status_code == 422
    assert said in answer.text


async def test_it_can_be_stopped(portal: Portal) -> None:
    await portal.log_in("zhou")
    page = await started(portal)
    assert (await portal.http.post(f"{page}/cancel")).status_code == 303
    assert "已取消" in await portal.text(page)
    assert (await portal.http.post(f"{page}/cancel")).status_code == 303


async def test_a_proposal_is_read_by_staff_and_decided_by_the_bureau(portal: Portal) -> None:
    await portal.log_in("zhou")
    page = await started(portal)
    await portal.run()
    proposal = await portal.propose(page.rpartition("/")[2])
    assert "规则重调建议" in await portal.text("/backtests")
    assert "采纳，次日生效" not in await portal.text(proposal)

    await portal.log_in("wang")
    shown = await portal.text(proposal)
    assert "采纳，次日生效" in shown
    assert '6 → <b class="strong">9</b>' in shown
    silent = await portal.http.post(f"{proposal}/decline", data={"version": "1"})
    assert (silent.status_code, "请用文字说明理由" in silent.text) == (422, True)
    assert (await portal.http.post(f"{proposal}/accept", data={"version": "1"})).status_code == 303
    assert "已采纳" in await portal.text(proposal)
    stale = await portal.http.post(f"{proposal}/withdraw", data={"version": "1", "reason": "旧"})
    assert stale.status_code == 422
    assert (await portal.http.post(f"{proposal}/withdraw", data={"version": "2", "reason": "漏报"})).status_code == 303
    assert "已撤回" in await portal.text(proposal)


async def test_pages_speak_both_languages_and_an_enterprise_is_kept_out(portal: Portal) -> None:
    await portal.log_in("wang")
    page = await started(portal, note="note")
    await portal.run()
    proposal = await portal.propose(page.rpartition("/")[2])
    for path in ("/backtests", "/backtests/new", "/backtests/new?rule=CONST", page, proposal):
        both = "&" if "?" in path else "?"
        chinese, english = await portal.text(path), await portal.text(f"{path}{both}lang=en")
        assert left_in_english(_codes_out(chinese)) == [], path
        assert left_in_chinese(english) == [], path
        await portal.text(f"{path}{both}lang=zh-CN")
    await portal.log_in("hengze")
    for path in ("/backtests", "/backtests/new", page, proposal):
        assert (await portal.http.get(path)).status_code == 403


def _codes_out(page: str) -> str:
    """Without names of parameters and what a person wrote."""
    return re.sub(r'<(span|dt) class="mono[^"]*">[^<]*</\1>', "", page).replace(">note<", "><")
