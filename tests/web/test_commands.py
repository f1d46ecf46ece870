"""The pages of commands over the real ingest service, in both modes and languages."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import pytest

from services.ingest.main import create_app as create_ingest
from services.ingest.service.command_desk import CommandDesk
from services.ingest.settings import Settings
from shared.auth import Role
from shared.clients.ingest import IngestClient
from shared.clock import FixedClock
from shared.contracts.ingest import (
    DeviceIn,
    EnterpriseIn,
    Medium,
    OutletFactor,
    OutletIn,
    ReadingKind,
    ReadingRow,
    ReadingsIn,
)
from shared.contracts.ingest.commands import CommandIn
from shared.testing import running
from tests.conftest import MakeDatabase
from tests.web.conftest import HTMX, make_settings
from tests.web.makers import NOW
from tests.web.park import PASSWORD, Park
from tests.web.test_pages import left_in_chinese, left_in_english
from web.main import create_app

MN = "SANSE0000000000000000001"
HOUR = timedelta(hours=1)


@dataclass
class Portal:
    """A browser, ingest as a system sees it, and the device."""

    http: httpx.AsyncClient
    ingest: IngestClient
    desk: CommandDesk
    outlet: UUID
    device: UUID

    async def log_in(self, username: str) -> None:
        answer = await self.http.post("/login", data={"username": username, "password": PASSWORD})
        assert answer.status_code == 303

    def form(self, code: str, **fields: str) -> dict[str, str]:
        return {"outlet": str(self.outlet), "mn": MN, "code": code, **fields}

    def new(self, code: str = "") -> str:
        return f"/commands/new?outlet={self.outlet}&mn={MN}" + (f"&code={code}" if code else "")


@pytest.fixture
async def portal(park: Park, make_database: MakeDatabase) -> AsyncIterator[Portal]:
    """The portal with fakes but for ingest."""
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
        firm = await ingest.add_enterprise(EnterpriseIn(code="E-001", name_zh="恒泽", name_en="Hengze", trade="food"))
        factors = [OutletFactor(factor="w01018", unit="mg/L")]
        outlet = await ingest.add_outlet(
            OutletIn(enterprise_id=firm.id, code="DW001", name_zh="站房", name_en="Outfall", medium=Medium.WATER,
                     factors=factors)
        )  # fmt: skip
        device = await ingest.add_device(DeviceIn(outlet_id=outlet.id, mn=MN))
        yield Portal(http, ingest, CommandDesk(app.state.db, app.state.clock), outlet.id, device.id)


async def test_a_lead_gives_a_command_in_three_steps(portal: Portal, mode: dict[str, str]) -> None:
    await portal.log_in("lin")
    assert MN in (await portal.http.get("/commands/new")).text
    offered = (await portal.http.get(portal.new())).text
    assert "code=set_realtime_interval" in offered
    assert "code=set_password" not in offered  # not for a supervisors' lead
    assert "code=keep_sample_now" not in offered  # not of this edition
    form = (await portal.http.get(portal.new("set_realtime_interval"))).text
    key = re.findall(r'name="key" value="([^"]+)"', form)[0]
    wrong = await portal.http.post("/commands", data=portal.form("set_realtime_interval", seconds="5"), headers=mode)
    assert wrong.status_code == 422
    assert "请填 30 至 3600 之间的整数" in wrong.text
    data = portal.form("set_realtime_interval", seconds="120", key=key)
    first, again = [await portal.http.post("/commands", data=data, headers=mode) for _ in range(2)]
    where = first.headers["HX-Redirect" if mode else "Location"]
    assert where == again.headers["HX-Redirect" if mode else "Location"]
    page = (await portal.http.get(where)).text

    assert "等待设备" in page
    assert 'hx-trigger="every 2s"' in page
    (made,) = (await portal.ingest.list_commands()).items
    assert (made.code, made.params) == ("set_realtime_interval", {"seconds": "120"})


async def test_an_unfinished_command_is_looked_at_again_as_a_fragment(portal: Portal) -> None:
    await portal.log_in("zhou")
    made = await portal.ingest.send_command(CommandIn(device_id=portal.device, code="read_time"))
    await portal.desk.take(made.id)
    part = await portal.http.get(f"/commands/{made.id}", headers=HTMX)

    assert part.text.strip().startswith('<div id="live" hx-get=')
    assert "PW=******" in part.text
    assert "取消指令" not in part.text
    cancelled = await portal.ingest.send_command(CommandIn(device_id=portal.device, code="read_time"))
    await portal.ingest.cancel_command(cancelled.id, cancelled.version)
    assert "hx-get" not in (await portal.http.get(f"/commands/{cancelled.id}", headers=HTMX)).text


async def test_two_persons_for_a_password(portal: Portal) -> None:
    await portal.log_in("wang")
    without = await portal.http.post("/commands", data=portal.form("set_password", password="ab12CD"))
    assert "请说明理由" in without.text
    assert "ab12CD" not in without.text
    data = portal.form("set_password", password="ab12CD", reason="年度更换")
    where = (await portal.http.post("/commands", data=data)).headers["Location"]
    mine = (await portal.http.get(where)).text
    assert "须由另一人批准" in mine
    assert "批准并下发" not in mine
    refused = await portal.http.post(f"{where}/approve", data={"version": "1"})
    assert refused.status_code == 409
    await portal.log_in("admin")
    assert "批准并下发" in (await portal.http.get(where)).text
    stale = await portal.http.post(f"{where}/approve", data={"version": "7"})
    assert stale.status_code == 412
    approved = await portal.http.post(f"{where}/approve", data={"version": "1"})
    assert approved.headers["Location"] == where
    (made,) = (await portal.ingest.list_commands()).items
    assert (made.state.value, made.reason) == ("queued", "年度更换")
    assert (await portal.http.post(f"{where}/cancel", data={"version": "2", "reason": "x"})).status_code == 303
    assert "已取消" in (await portal.http.get(where)).text


async def test_gaps_are_shown_and_fetched(portal: Portal) -> None:
    await portal.log_in("lin")
    start = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(hours=20)
    rows = [ReadingRow(at=start + HOUR * hour, values={"w01018": 1.0}) for hour in range(19) if hour not in (5, 6)]
    await portal.ingest.post_readings(ReadingsIn(outlet_id=portal.outlet, kind=ReadingKind.HOUR, rows=rows))
    page = (await portal.http.get(portal.new("fetch_hours"))).text
    assert "缺失情况" in page
    spans = re.findall(r'name="since" value="([^"]+)"><input type="hidden" name="until" value="([^"]+)"', page)
    since, until = next(pair for pair in spans if datetime.fromisoformat(pair[0]) == start + HOUR * 5)
    answer = await portal.http.post("/commands", data=portal.form("fetch_hours", since=since, until=until, key="k"))
    assert answer.status_code == 303
    (made,) = (await portal.ingest.list_commands()).items

    asked = [datetime.fromisoformat(str(made.params[name])) for name in ("since", "until")]
    assert asked == [start + HOUR * 5, start + HOUR * 7]


async def test_who_may_see_and_give(portal: Portal) -> None:
    made = await portal.ingest.send_command(CommandIn(device_id=portal.device, code="read_time"))
    await portal.log_in("zhou")
    page = (await portal.http.get("/commands")).text
    assert "提取现场机时间" in page
    assert "/commands/new" not in page
    assert (await portal.http.get("/commands/new")).status_code == 403
    assert (await portal.http.post("/commands", data=portal.form("read_time"))).status_code == 403
    assert (await portal.http.post(f"/commands/{made.id}/cancel", data={"version": "1"})).status_code == 403
    assert "/commands/new" not in (await portal.http.get(f"/outlets/{portal.outlet}")).text
    await portal.log_in("hengze")
    assert (await portal.http.get(f"/commands/{made.id}")).status_code == 200
    await portal.log_in("lin")
    assert f"/commands/new?outlet={portal.outlet}" in (await portal.http.get(f"/outlets/{portal.outlet}")).text


async def test_what_the_platform_does_by_itself(portal: Portal) -> None:
    await portal.log_in("lin")
    assert (await portal.http.get(portal.new())).text.count(" checked>") == 2
    data = {"outlet": str(portal.outlet), "mn": MN, "initialise": "on"}
    answer = await portal.http.post("/commands/setting", data=data)
    setting = await portal.ingest.get_command_setting(portal.device)

    assert answer.headers["Location"] == portal.new()
    assert (setting.calibrate_clock, setting.fetch_history, setting.initialise) == (False, False, True)


async def test_pages_in_both_languages(portal: Portal) -> None:
    made = await portal.ingest.send_command(CommandIn(device_id=portal.device, code="read_time"))
    await portal.log_in("admin")
    paths = ["/commands", "/commands?view=over", "/commands/new", portal.new(), portal.new("set_parameter"),
             portal.new("fetch_minutes"), portal.new("set_sampling_period"), f"/commands/{made.id}"]  # fmt: skip
    for path in paths:
        chinese = await portal.http.get(path)
        english = await portal.http.get(path, headers={"Accept-Language": "en"})
        assert (chinese.status_code, english.status_code) == (200, 200), path
        assert left_in_chinese(english.text) == [], path
        assert [text for text in left_in_english(chinese.text) if "table B.10" not in text] == [], path
