"""The pages of completeness over the real ingest service, in both languages."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.ingest.main import create_app as create_ingest
from services.ingest.settings import Settings
from shared.auth import Role
from shared.clients.ingest import IngestClient
from shared.clock import PARK_ZONE, FixedClock
from shared.contracts.ingest import (
    EnterpriseIn,
    Medium,
    OutletFactor,
    OutletIn,
    ReadingKind,
    ReadingRow,
    ReadingsIn,
)
from shared.testing import running
from tests.conftest import MakeDatabase
from tests.web.conftest import make_settings
from tests.web.makers import NOW
from tests.web.park import PASSWORD, Park
from tests.web.test_pages import left_in_chinese, left_in_english
from web.main import create_app

HOUR = timedelta(hours=1)
DAY = (NOW.astimezone(PARK_ZONE) - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
"""Yesterday in Beijing."""


@dataclass
class Portal:
    """A browser and ingest as a system sees it."""

    http: httpx.AsyncClient
    outlets: list[UUID]

    async def log_in(self, username: str) -> None:
        answer = await self.http.post("/login", data={"username": username, "password": PASSWORD})
        assert answer.status_code == 303

    async def text(self, path: str, status: int = 200, **query: str) -> str:
        answer = await self.http.get(path, params=query)
        assert answer.status_code == status
        return answer.text


async def _fill(client: IngestClient, code: str, name: str) -> UUID:
    firm = await client.add_enterprise(EnterpriseIn(code=code, name_zh=name, name_en=name, trade="food"))
    factors = [OutletFactor(factor="w01018", unit="mg/L")]
    given = OutletIn(
        enterprise_id=firm.id, code=f"DW-{code}", name_zh="总排口", name_en="Outfall", medium=Medium.WATER,
        factors=factors,
    )  # fmt: skip
    outlet = await client.add_outlet(given)
    rows = [ReadingRow(at=DAY + i * HOUR, values={"w01018": 30.0}) for i in range(24) if i not in {3, 4}]
    rows[0] = ReadingRow(at=DAY, values={"w01018": 30.0}, flags={"w01018": "D"})
    await client.post_readings(ReadingsIn(outlet_id=outlet.id, kind=ReadingKind.HOUR, rows=rows))
    minutes = [ReadingRow(at=DAY + 5 * HOUR + timedelta(minutes=i), values={"w01018": 20.0}) for i in range(60)]
    await client.post_readings(ReadingsIn(outlet_id=outlet.id, kind=ReadingKind.MINUTE, rows=minutes))
    return outlet.id


@pytest.fixture
async def portal(park: Park, make_database: MakeDatabase) -> AsyncIterator[Portal]:
    """The portal with fakes but for ingest; two enterprises, a day of data each."""
    url = await make_database("ingest")
    app = create_ingest(Settings(database_url=url, jobs=False, urls={"identity": "http://identity"}))
    app.state.verifier, app.state.clock = park.tokens.verifier(), FixedClock(NOW)
    network = park.network()
    network.apps["ingest"] = app
    async with (
        running(app),
        running(create_app(make_settings(), network), "portal") as http,
        IngestClient("http://ingest", transport=httpx.ASGITransport(app), attempts=1) as client,
    ):
        http.headers["Origin"] = "http://portal"
        ingest = client.as_user(park.tokens.token(Role.SERVICE, name="loader"))
        outlets = [await _fill(ingest, "E-001", "Hengze"), await _fill(ingest, "E-002", "Hongda")]
        await app.state.means.run(60)
        yield Portal(http, outlets)


async def test_the_list_shows_rates_and_downloads_them(portal: Portal) -> None:
    await portal.log_in("zhou")
    page = await portal.text("/completeness", unit="quarter", at=DAY.date().isoformat(), sort="tvr")
    table = await portal.text("/completeness.csv", unit="month", at=DAY.date().isoformat())
    lines = [line.split(",") for line in table.lstrip("\ufeff").splitlines()]

    assert "DW-E-001" in page
    assert "DW-E-002" in page
    assert "95.5%" in page  # 21 valid of 22 received
    assert [(line[2], line[7], line[8]) for line in lines[1:]] == [("DW-E-001", "22", "21"), ("DW-E-002", "22", "21")]


async def test_a_day_is_shown_hour_by_hour_with_both_means(portal: Portal) -> None:
    await portal.log_in("zhou")
    where = f"/completeness/{portal.outlets[0]}"
    month = await portal.text(where, month=DAY.strftime("%Y-%m"))
    day = await portal.text(where, day=DAY.date().isoformat())

    assert f"?day={DAY.date().isoformat()}" in month
    assert 'id="hours"' not in month
    assert 'id="hours"' in day
    for told in ("数据标记异常", "缺失", "平台计算", "设备上报", '<span class="tag bad">-10', "采用上报值"):
        assert told in day, told


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_both_languages_are_whole(portal: Portal, language: str) -> None:
    await portal.log_in("zhou")
    for path, query in (
        ("/completeness", {}), (f"/completeness/{portal.outlets[0]}", {"day": DAY.date().isoformat()}),
    ):  # fmt: skip
        page = await portal.text(path, lang=language, **query)
        left: Any = left_in_english(page) if language == "zh" else left_in_chinese(page)
        assert not left, left


async def test_an_enterprise_sees_its_own(portal: Portal) -> None:
    await portal.log_in("hengze")
    page = await portal.text("/completeness")

    assert ("DW-E-001" in page, "DW-E-002" in page) == (True, False)
    assert "DW-E-002" not in await portal.text("/completeness.csv")
    await portal.text(f"/completeness/{portal.outlets[0]}")
    await portal.text(f"/completeness/{portal.outlets[1]}", 404)
