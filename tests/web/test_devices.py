"""Pages of devices and quarantine over the real ingest service and a real gateway."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from services.ingest.domain.links import link_rules
from services.ingest.domain.strangers import Strangers
from services.ingest.hj212.codec import frame
from services.ingest.hj212.gateway import Limits, serve
from services.ingest.main import create_app as create_ingest
from services.ingest.service.field import follow_journal
from services.ingest.service.intake import Intake
from services.ingest.service.uploads import UploadSink
from services.ingest.service.watch import LinkWatch
from services.ingest.settings import Settings
from services.ingest.store.dictionaries import Dictionaries
from shared.auth import Role
from shared.clients.ingest import IngestClient
from shared.clock import PARK_ZONE, FixedClock
from shared.contracts.ingest import DeviceIn, EnterpriseIn, Medium, OutletIn
from shared.db import Database
from shared.testing import running
from tests.conftest import MakeDatabase
from tests.web.conftest import make_settings
from tests.web.makers import NOW
from tests.web.park import PASSWORD, Park
from web.main import create_app

MN = "010000A8900016F000169DC0"
KEY = "0123456789abcdef"
ENGLISH = {"Accept-Language": "en"}


@dataclass
class Desk:
    """The portal, ingest behind it, and loggers that send."""

    portal: httpx.AsyncClient
    ingest: IngestClient
    url: str
    outlet: UUID

    async def log_in(self, name: str) -> None:
        answer = await self.portal.post("/login", data={"username": name, "password": PASSWORD})
        assert answer.status_code == 303

    async def send(self, *frames: bytes) -> None:
        """Through a gateway of its own, with the links written at the end."""
        db = Database(self.url)
        strangers = Strangers(link_rules().strangers)
        now = FixedClock(NOW).now
        server = await serve("127.0.0.1", 0, UploadSink(db, Intake(db), strangers), now=now, limits=Limits())
        server.sessions.observer = watch = LinkWatch(db, server.sessions, strangers, now)
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"".join(frames))
        async with asyncio.timeout(5):
            while sum(server.stats.outcomes.values()) < len(frames):
                await asyncio.sleep(0.01)
        await watch.look()
        writer.close()
        await server.stop()
        await db.close()

    async def device(self, mn: str = MN) -> UUID:
        return next(item.id for item in (await self.ingest.list_links()).items if item.mn == mn)


def sent(mn: str = MN, value: float = 1.0) -> bytes:
    at = NOW.astimezone(PARK_ZONE).strftime("%Y%m%d%H%M%S")
    body = f"DataTime={at};w01018-Rtd={value},w01018-Flag=N"
    return frame(f"QN={at}000;ST=32;CN=2011;PW=123456;MN={mn};Flag=5;CP=&&{body}&&".encode())


@pytest.fixture
async def desk(park: Park, make_database: MakeDatabase) -> AsyncIterator[Desk]:
    url = await make_database("ingest")
    service = create_ingest(Settings(database_url=url, jobs=False, urls={"identity": "http://identity"}))
    service.state.verifier = park.tokens.verifier()
    service.state.clock = FixedClock(NOW)
    network = park.network()
    network.apps["ingest"] = service
    async with (
        running(service),
        running(create_app(make_settings(), network), "portal", headers={"Origin": "http://portal"}) as portal,
        IngestClient("http://ingest", transport=network, attempts=1) as anybody,
    ):
        ingest = anybody.as_user(park.tokens.token(Role.SERVICE))
        firm = await ingest.add_enterprise(EnterpriseIn(code="E1", name_zh="恒泽", name_en="Hengze", trade="paper"))
        outlet = await ingest.add_outlet(
            OutletIn(enterprise_id=firm.id, code="W1", name_zh="总排口", name_en="Main", medium=Medium.WATER)
        )
        await ingest.add_device(DeviceIn(outlet_id=outlet.id, mn=MN))
        yield Desk(portal, ingest, url, outlet.id)


async def test_devices_are_listed_and_one_is_shown(desk: Desk) -> None:
    await desk.send(sent(), sent(value=2.0).replace(b"##0", b"##", 1), sent("STRANGER"))
    await desk.log_in("zhou")
    listed = (await desk.portal.get("/devices")).text
    english = (await desk.portal.get("/devices?which=online", headers=ENGLISH)).text
    shown = (await desk.portal.get(f"/devices/{await desk.device()}")).text
    fragment = await desk.portal.get("/devices?which=never", headers={"HX-Request": "true"})

    assert [text for text in (MN, "恒泽", "在线", "长度不足四位", "未登记设备") if text not in listed] == []
    assert [
        text for text in (MN, "Hengze", "Online", "length with fewer than four digits") if text not in english
    ] == []
    assert [text for text in ("变更历史", "不规范之处", "127.0.0.1:", "宽松") if text not in shown] == []
    assert 'name="sm4_key"' not in shown
    assert "没有符合条件的数采仪" in fragment.text
    assert "<html" not in fragment.text


async def test_field_information_is_shown_with_its_names_and_time(desk: Desk) -> None:
    at = NOW.astimezone(PARK_ZONE).strftime("%Y%m%d%H%M%S")
    body = f"DataTime={at};i22001-Info=0;PolId=w01018,i12001-Info=2,x1-Info=<b>"
    await desk.send(frame(f"QN={at}000;ST=32;CN=3020;PW=123456;MN={MN};Flag=9;CP=&&{body}&&".encode()))
    db = Database(desk.url)
    await follow_journal(db, Dictionaries(db), FixedClock(NOW))
    await db.close()
    await desk.log_in("zhou")
    path = f"/devices/{await desk.device()}"
    chinese, english = (await desk.portal.get(path)).text, (await desk.portal.get(path, headers=ENGLISH)).text

    told = ("现场端信息", "化学需氧量", "工作状态", "故障", "运行", "未知编码", "&lt;b&gt;")
    assert [text for text in told if text not in chinese] == []
    assert [text for text in ("analyser working state", "fault", "logger working state") if text not in english] == []


async def test_an_officer_changes_how_frames_are_taken_and_secrets_are_not_shown(desk: Desk) -> None:
    await desk.log_in("wang")
    device = await desk.device()
    path = f"/devices/{device}"
    form = {
        "version": "0", "was": "lenient", "tolerance": "strict", "edition": "2025", "password_check": "remark",
        "networks": "10.0.0.0/8\n127.0.0.1", "password": "geheim", "sm4_key": KEY,
    }  # fmt: skip
    wrong = await desk.portal.post(f"{path}/settings", data={**form, "networks": "nowhere"})
    short = await desk.portal.post(f"{path}/settings", data={**form, "sm4_key": "short"})
    saved = await desk.portal.post(f"{path}/settings", data=form)
    stale = await desk.portal.post(f"{path}/settings", data=form)
    shown = (await desk.portal.get(path)).text
    settings = (await desk.ingest.get_device(device)).settings

    assert (wrong.status_code, "请填写网段" in wrong.text, "nowhere" in wrong.text) == (422, True, True)
    assert (short.status_code, "16 个字符" in short.text) == (422, True)
    assert (saved.status_code, saved.headers["location"], stale.status_code) == (303, path, 412)
    assert (settings.tolerance, settings.networks, settings.has_key) == ("strict", ["10.0.0.0/8", "127.0.0.1"], True)
    assert [text for text in (KEY, "geheim") if text in shown + wrong.text + short.text + stale.text] == []
    await desk.portal.post(f"{path}/settings", data={**form, "version": "1", "sm4_key": "", "no_sm4_key": "1"})
    assert not (await desk.ingest.get_device(device)).settings.has_key


async def test_a_packet_is_explained_and_taken_after_the_fix(desk: Desk) -> None:
    await desk.send(sent("NEW-LOGGER"), sent()[:-6] + b"FFFF\r\n")
    await desk.log_in("wang")
    listed = (await desk.portal.get("/quarantine")).text
    unknown = (await desk.portal.get("/unknown-devices?register=NEW-LOGGER")).text
    bad, packet = (item.id for item in (await desk.ingest.list_packets(open_=True)).items)
    page = (await desk.portal.get(f"/quarantine/{packet}")).text
    broken = (await desk.portal.get(f"/quarantine/{bad}", headers=ENGLISH)).text
    registered = await desk.portal.post(
        "/unknown-devices", data={"mn": "NEW-LOGGER", "outlet_id": str(desk.outlet), "edition": "2017"}
    )
    done = await desk.portal.post("/quarantine/retry", data={"reason": "unknown_mn"})
    after = (await desk.portal.get(f"/quarantine/{packet}")).text
    again = await desk.portal.post(f"/quarantine/{packet}", data={"act": "retry"})

    assert [text for text in ("设备未登记", "校验码错误", "NEW-LOGGER") if text not in listed] == []
    assert [text for text in ("登记数采仪", "W1 总排口") if text not in unknown] == []
    assert [text for text in ("没有登记该 MN 的设备", "先登记设备", "23 23", "w01018-Rtd") if text not in page] == []
    assert [text for text in ("Checksum wrong", "FFFF", "No known checksum") if text not in broken] == []
    assert (registered.status_code, registered.headers["location"]) == (
        303, f"/devices/{await desk.device('NEW-LOGGER')}",
    )  # fmt: skip
    assert [text for text in ("已重试 1 条报文", "接收 1 条") if text not in done.text] == []
    assert [text for text in ("重试后已接收", "处理") if text not in after] == []
    assert again.status_code == 409


async def test_a_discard_needs_a_reason(desk: Desk) -> None:
    await desk.send(sent("NOBODY"))
    await desk.log_in("lin")
    (packet,) = (await desk.ingest.list_packets(open_=True)).items
    without = await desk.portal.post(f"/quarantine/{packet.id}", data={"act": "discard"})
    with_one = await desk.portal.post(f"/quarantine/{packet.id}", data={"act": "discard", "reason": "厂家测试"})
    page = (await desk.portal.get(f"/quarantine/{packet.id}")).text

    assert (without.status_code, with_one.status_code) == (422, 303)
    assert [text for text in ("已作废", "厂家测试") if text not in page] == []


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        ("hengze", "/devices", 200), ("hengze", "/quarantine", 403), ("hengze", "/unknown-devices", 403),
        ("zhou", "/quarantine", 200), ("shen", "/unknown-devices", 200),
    ],
)  # fmt: skip
async def test_pages_are_for_who_may(desk: Desk, who: str, path: str, status: int) -> None:
    await desk.log_in(who)

    assert (await desk.portal.get(path)).status_code == status


async def test_an_enterprise_finds_no_device_of_others(desk: Desk) -> None:
    await desk.log_in("hengze")
    listed = (await desk.portal.get("/devices")).text
    other = await desk.portal.get(f"/devices/{await desk.device()}")

    assert MN not in listed
    assert other.status_code == 404
