"""The pages of the mining bench over the real detection service with played readings."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest

from services.detection.domain.anomalies import Episode, Worst
from services.detection.gateways import Column, Readings
from services.detection.main import create_app as create_detection
from services.detection.service.mining import Miner
from services.detection.settings import Settings
from services.detection.store import AnomalyStore, EnterpriseStore, SeriesStore, Stored
from shared.clients.ingest import IngestClient
from shared.clock import FixedClock
from shared.contracts.detection import AnomalyState, Frequency, Nature, Severity
from shared.contracts.ingest import EnterpriseOut, ReadingKind, enterprise_uuid, outlet_uuid
from shared.testing import running
from tests.conftest import MakeDatabase
from tests.web import makers
from tests.web.conftest import make_settings
from tests.web.makers import COD, NOW
from tests.web.park import PASSWORD, Park
from tests.web.test_pages import left_in_chinese, left_in_english
from web.main import create_app
from web.mining_charts import box, range_of
from web.mining_view import as_csv

REPORTS = ("digits", "bunching", "repeats", "twins", "peers")
CODES = [firm[0] for firm in makers.FIRMS]
HOURS = 1500
FIRST = int((NOW - timedelta(hours=HOURS)).timestamp()) // 3600 * 3600
ANOMALIES = [uuid4() for _ in range(3)]


def values(number: int) -> np.ndarray:
    """Hours of an outlet: the second copies the first, the third sends two days again, the others walk alone."""
    steps, v = np.random.default_rng(0 if number == 1 else number).normal(0, 2, HOURS), np.full(HOURS, 46.0)
    for i in range(1, HOURS):
        v[i] = v[i - 1] + 0.1 * (46 - v[i - 1]) + steps[i]
    if number == 1:
        v = v * 1.4 + 3
    if number == 2:
        v[900:948] = v[300:348]
    return np.round(v, 2)


class PlayedReadings(Readings):
    """Readings without an ingest: one factor of the known outlets."""

    async def history_of_factor(
        self, ids: Sequence[UUID], kind: ReadingKind, factor: str, first: int, last: int
    ) -> dict[UUID, Column]:
        del kind, factor
        found = {}
        for number, code in enumerate(CODES):
            t = FIRST + 3600 * np.arange(HOURS, dtype=np.int64)
            inside = (t >= first) & (t <= last)
            flags = np.full(int(inside.sum()), ord("N"), np.uint8)
            if outlet_uuid(code, "DW001") in ids:
                found[outlet_uuid(code, "DW001")] = Column(t[inside], values(number)[inside], flags)
        return found


def anomaly(number: int) -> Stored:
    at = NOW - timedelta(hours=200 + 100 * number)
    outlet = outlet_uuid(CODES[number], "DW001")
    episode = Episode(
        id=ANOMALIES[number], key=f"k{number}", outlet_id=outlet, factor=COD, kind=ReadingKind.HOUR, check="shift",
        rule="STEP", nature=Nature.DATA_QUALITY, severity=Severity.C, frequency=Frequency.FIRST, count_30d=1,
        state=AnomalyState.CLOSED, started_at=at, last_at=at + timedelta(hours=5), until=at + timedelta(hours=6),
        detected_at=at + timedelta(hours=6), worst=Worst(1.0, "h", 60.0, 50.0), longest=timedelta(hours=6),
        hazardous=False, hits=1, done_points=6, closed_at=at + timedelta(hours=6),
    )  # fmt: skip
    return Stored(episode, f"A-20261120-000{number}", enterprise_uuid(CODES[number]), 1)


@pytest.fixture
async def portal(park: Park, make_database: MakeDatabase) -> AsyncIterator[httpx.AsyncClient]:
    """The portal with fakes but for detection, which knows all outlets, one trade, and three anomalies."""
    url = await make_database("detection")
    detection = create_detection(Settings(database_url=url, jobs=False, urls={"identity": "http://identity"}))
    detection.state.verifier, detection.state.clock = park.tokens.verifier(), FixedClock(NOW)
    network = park.network()
    network.apps["detection"] = detection
    async with running(detection), running(create_app(make_settings(), network), "portal") as client:
        detection.state.miner = Miner(PlayedReadings(IngestClient("http://ingest")))
        async with detection.state.db.transaction() as session:
            for firm in makers.FIRMS:
                given = makers.make_enterprise(*firm[:4]).model_dump() | {"trade": "electroplating"}
                await EnterpriseStore(session).save(EnterpriseOut.model_validate(given))
                await SeriesStore(session).save_outlet(makers.make_outlet(firm[0]))
            await AnomalyStore(session).save([anomaly(number) for number in range(3)])
        client.headers["Origin"] = "http://portal"
        yield client


async def log_in(portal: httpx.AsyncClient, username: str) -> None:
    answer = await portal.post("/login", data={"username": username, "password": PASSWORD})
    assert answer.status_code == 303


async def page(portal: httpx.AsyncClient, path: str, status: int = 200) -> str:
    answer = await portal.get(path)
    assert answer.status_code == status, answer.text[:500]
    return answer.text


async def sheet(portal: httpx.AsyncClient, path: str) -> list[dict[str, str]]:
    answer = await portal.get(path)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


async def test_the_bench_begins_with_a_form_that_works_without_scripts(portal: httpx.AsyncClient) -> None:
    await log_in(portal, "zhou")
    home = await page(portal, "/mining")
    assert 'action="/mining/digits"' in home
    assert all(f'formaction="/mining/{report}"' in home for report in REPORTS)
    assert '<option value="trade:electroplating" selected>' in home
    assert f'href="/mining/similar?anomaly={ANOMALIES[0]}"' in home
    assert "能说明什么" not in home


async def test_each_report_says_what_it_found(portal: httpx.AsyncClient) -> None:
    await log_in(portal, "wang")
    query = "?place=trade:electroplating"
    digits = await page(portal, f"/mining/digits{query}")
    assert digits.count('class="mine mini"') == len(CODES)
    assert 'class="mine bars"' in digits
    assert "正常数据不均匀的比例" in digits
    assert "99.9%" in digits
    bunching = await page(portal, f"/mining/bunching{query}&factor={COD}")
    assert bunching.count('class="m-bar m-zone"') == 4 * (len(CODES) + 1)
    repeats = await page(portal, f"/mining/repeats{query}")
    assert "逐位相同" in repeats
    assert repeats.count('class="mine over"') == 1
    twins = await page(portal, f"/mining/twins{query}")
    assert twins.count("过于相似") >= 2
    assert "× 1.4" in twins
    peers = await page(portal, f"/mining/peers{query}")
    assert peers.count('class="mine boxes"') == len(CODES)


async def test_similar_episodes_as_small_shapes(portal: httpx.AsyncClient) -> None:
    await log_in(portal, "zhou")
    found = await page(portal, f"/mining/similar?anomaly={ANOMALIES[0]}")
    assert found.count('class="mine shape"') == 3
    assert f'href="/anomalies/{ANOMALIES[1]}"' in found
    rows = await sheet(portal, f"/mining/similar.csv?anomaly={ANOMALIES[0]}")
    assert {row["number"] for row in rows} == {"A-20261120-0001", "A-20261120-0002"}
    assert await page(portal, f"/mining/similar?anomaly={uuid4()}", 404)


async def test_an_outlet_stands_first_and_sheets_say_the_same(portal: httpx.AsyncClient) -> None:
    await log_in(portal, "zhou")
    outlet = outlet_uuid(CODES[2], "DW001")
    query = f"?place=outlet:{outlet}&factor={COD}&kind=hour"
    for report in REPORTS:
        await page(portal, f"/mining/{report}{query}")
        rows = await sheet(portal, f"/mining/{report}.csv{query}")
        assert rows[0]["outlet_id"] == str(outlet)
    beside = await sheet(portal, f"/mining/digits.csv{query}&beside=park")
    assert len(beside) == len(await sheet(portal, f"/mining/digits.csv?place=park:all&factor={COD}")) == len(CODES)
    alone = await sheet(portal, f"/mining/digits.csv{query}&beside=alone")
    assert len(alone) == 1
    assert sum(int(alone[0][f"digit_{digit}"]) for digit in range(10)) == int(alone[0]["points"])


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("since=2026-11-20&until=2026-11-10", 422, "结束时间"),
        ("since=2020-01-01&until=2026-11-10", 422, "最长 400 天"),
        ("since=soon", 422, "起止须为日期"),
        ("since=9999-12-31&until=9999-12-31", 422, "起止须为日期"),
        ("since=0001-01-01", 422, "最长 400 天"),
        ("place=outlet:x", 422, "请选择排口、行业或整个园区"),
        ("place=nonsense", 422, "请选择排口、行业或整个园区"),
        ("place=trade:glass", 422, "没有在用排口"),
        ("factor=zzz", 422, "没有在用排口"),
        (f"place=outlet:{makers.uid('nobody')}&factor={COD}", 404, "识别服务尚不知道该排口"),
    ],
)
async def test_what_cannot_be_asked_is_said_above_the_form(
    portal: httpx.AsyncClient, query: str, status: int, said: str
) -> None:
    await log_in(portal, "zhou")
    text = await page(portal, f"/mining/peers?{query}", status)
    assert said in text
    assert 'action="/mining/peers"' in text


async def test_both_languages_and_staff_only(portal: httpx.AsyncClient) -> None:
    await log_in(portal, "wang")
    for path in ("/mining", *(f"/mining/{report}" for report in REPORTS), f"/mining/similar?anomaly={ANOMALIES[0]}"):
        mark = "&" if "?" in path else "?"
        chinese, english = await page(portal, path), await page(portal, f"{path}{mark}lang=en")
        assert left_in_english(chinese) == [], path
        assert [text for text in left_in_chinese(english) if "公司" not in text] == [], path
        await page(portal, f"{path}{mark}lang=zh-CN")
    await page(portal, "/mining/nothing", 404)
    await log_in(portal, "hengze")
    for path in ("/mining", "/mining/digits", f"/mining/similar?anomaly={ANOMALIES[0]}", "/mining/digits.csv"):
        await page(portal, path, 403)


def test_a_sheet_holds_no_formula_and_a_box_needs_no_width() -> None:
    assert as_csv([["=1+1", None, 2.5, True]]).strip() == "'=1+1,,2.5,True"
    flat = [5.0] * 5
    assert 'width="1.5"' in box(flat, range_of([flat]), "all alike", found=False)
