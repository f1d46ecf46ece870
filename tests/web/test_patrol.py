"""The patrol desk: order, filters, counts, refresh, what is left out when a service does not answer."""

import re
import time
from uuid import uuid4

import httpx
import pytest

from shared.contracts.detection import OpenSummary
from shared.contracts.grading import Colour
from shared.contracts.ingest import LinkState, enterprise_uuid
from shared.errors import UnavailableError
from tests.web.conftest import HTMX, LogIn
from tests.web.fake_detection import make_live
from tests.web.park import Park
from web.watch import SHOWN, Rank, Wish, count, join, level

LIVES = [make_live(f"E-00{n}") for n in range(1, 7)]


def names(html: str) -> list[str]:
    return re.findall(r"/enterprises/[^>]+>([^<]+)<", html.split('id="watch"')[1])


def test_the_worst_comes_first_whatever_the_order_of_arrival() -> None:
    calm, over, near, *_ = LIVES
    offline = calm.model_copy(update={"outlet_id": uuid4(), "link": LinkState.OFFLINE})
    grave = OpenSummary(outlet_id=near.outlet_id, enterprise_id=near.enterprise_id, a=1, b=0, c=2)

    lines = join([calm, offline, LIVES[4], over, near], {over.enterprise_id: Colour.RED}, [grave], [])

    assert [line.rank for line in lines] == [Rank.GRAVE, Rank.EXCEEDING, Rank.SILENT, Rank.OFFLINE, Rank.CALM]
    assert lines[1].colour is Colour.RED
    assert lines[2].colour is Colour.GREY
    counts = count(lines)
    assert {name: counts[name] for name in SHOWN} == {
        "all": 5, "grave": 1, "anomalous": 1, "exceeding": 1, "silent": 1, "offline": 1, "marked": 1, "cases": 0,
        "calm": 1,
    }  # fmt: skip
    assert [level(line.cells[0]) for line in lines if line.cells] == ["warn", "bad", "ok", "ok"]
    assert level(lines[0].cells[1]) == "mute"


def test_filters_go_together() -> None:
    lines = join(LIVES, {}, [OpenSummary(outlet_id=LIVES[0].outlet_id, enterprise_id=uuid4(), a=0, b=2, c=0)], [])
    found = {
        wish: [line.live.enterprise_code for line in lines if wish.fits(line)]
        for wish in (
            Wish(severity="B"), Wish(severity="A"), Wish(q=" 印染 "), Wish(q="lianfeng"), Wish(medium="gas"),
            Wish(enterprise=str(enterprise_uuid("E-004"))), Wish(q="DW001", severity="B"),
        )
    }  # fmt: skip
    assert list(found.values()) == [["E-001"], [], ["E-003"], ["E-002"], [], ["E-004"], ["E-001"]]
    assert Wish(q="a b", severity="A").query(view="silent") == "view=silent&severity=A&q=a+b"
    assert not Wish().query()


async def test_the_desk_lists_filters_and_counts(log_in: LogIn) -> None:
    client = await log_in("zhou")

    page = (await client.get("/patrol")).text
    assert names(page)[0] == "恒泽精细化工有限公司"
    assert 'href="/cases/WX-2026-000184"' in page
    assert "每分钟刷新" not in page
    silent = (await client.get("/patrol?view=silent")).text
    assert set(names(silent)) == {"博远制药有限公司", "启明电子材料有限公司"}
    assert "此视图中没有排口" in (await client.get("/patrol?q=zzz")).text
    still = (await client.get("/patrol?still=1")).text
    assert 'hx-trigger="every 60s"' not in still
    assert "每分钟刷新" in still
    assert "没有排口" in (await client.get("/patrol?view=nonsense&page=9")).text


async def test_nothing_is_sent_that_the_reader_has(log_in: LogIn, park: Park) -> None:
    client = await log_in("zhou")
    page = await client.get("/patrol")
    again = re.search(r'hx-get="([^"]+)"', page.text)
    assert again is not None
    path = again[1].replace("&amp;", "&")

    assert (await client.get(path, headers=HTMX)).status_code == 204
    assert (await client.get("/patrol", headers={"If-None-Match": page.headers["ETag"]})).status_code == 304
    assert (await client.get(path)).status_code == 200
    park.cases.popitem()
    park.cases.pop("WX-2026-000184")
    changed = await client.get(path, headers=HTMX)
    assert changed.status_code == 200
    assert changed.text.strip().startswith('<div id="desk"')


@pytest.mark.parametrize("service", ["detection", "casework", "grading"])
async def test_without_a_service_the_desk_says_what_is_missing(log_in: LogIn, park: Park, service: str) -> None:
    client = await log_in("zhou")
    park.refuse[f"{service}/v1"] = UnavailableError("down")

    page = await client.get("/patrol")

    assert page.status_code == 200
    assert "暂无响应" in page.text


async def test_an_enterprise_sees_its_own_outlets_only(log_in: LogIn, park: Park) -> None:
    park.tenant = enterprise_uuid("E-001")
    client = await log_in("hengze")

    page = (await client.get("/patrol")).text

    assert "本企业各排口" in page
    assert "恒泽精细化工有限公司" in page
    assert "联丰" not in page
    assert 'name="enterprise"' not in page


async def test_residents_are_asked_to_log_in(client: httpx.AsyncClient) -> None:
    assert (await client.get("/patrol")).status_code in {302, 303, 401}


def test_five_hundred_outlets_are_put_in_order_at_once() -> None:
    lives = [
        LIVES[n % 6].model_copy(update={"outlet_id": uuid4(), "values": LIVES[n % 4].values * 3}) for n in range(500)
    ]
    opened = [OpenSummary(outlet_id=one.outlet_id, enterprise_id=uuid4(), a=n % 3, b=1, c=0) for n, one in
              enumerate(lives)]  # fmt: skip
    started = time.perf_counter()
    lines = join(lives, {}, opened, [])
    count(lines)
    assert len(lines) == 500
    assert time.perf_counter() - started < 0.5
