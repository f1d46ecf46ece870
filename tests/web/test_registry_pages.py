"""The pages of the registry over the real ingest service: dossier, standards, import, export; with and without htmx."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.contracts.ingest.dossier import Part
from tests.conftest import MakeDatabase
from tests.web.desk import Desk, open_desk
from tests.web.makers import FIRMS
from tests.web.park import Park


@pytest.fixture
async def desk(park: Park, make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(park, await make_database("ingest"), tmp_path) as desk:
        yield desk


async def test_an_officer_registers_changes_and_ends_an_entry(desk: Desk, mode: dict[str, str]) -> None:
    await desk.log_in("wang")
    form = f"/dossier/new?part=analyser&outlet_id={desk.outlet}"
    assert "化学需氧量" in (await desk.portal.get(form)).text
    wrong = await desk.portal.post(form, data={"factor": "w01018", "serial": "a b", "range_high": "viel"}, headers=mode)
    assert wrong.status_code == 422
    assert 'aria-invalid="true"' in wrong.text
    typed = {"factor": "w01018", "serial": "SN-7", "maker": "哈希", "range_high": "200", "unit": "mg/L",
             "accepted_on": "2026-01-05"}  # fmt: skip
    saved = await desk.portal.post(form, data=typed, headers=mode)
    assert saved.status_code in {200, 303}
    page = (await desk.portal.get(f"/outlets/{desk.outlet}")).text
    assert "0 – 200 mg/L" in page
    assert "登记备案" in page or "登记" in page

    (entry,) = (await desk.client.list_entries(part=[Part.ANALYSER])).items
    changed = {**typed, "range_high": "500", "change_reason": "扩量程"}
    await desk.portal.post(f"/dossier/{entry.id}/edit", data=changed, headers=mode)
    history = (await desk.portal.get(f"/dossier/{entry.id}")).text
    assert re.search(r"版本 2.*扩量程.*版本 1", history, re.DOTALL)
    assert "需重新验收" in (await desk.portal.get(f"/outlets/{desk.outlet}")).text

    other_key = {**changed, "serial": "SN-8"}
    await desk.portal.post(f"/dossier/{entry.id}/edit", data=other_key, headers=mode)
    (kept,) = (await desk.client.list_entries(part=[Part.ANALYSER])).items
    assert kept.data["serial"] == "SN-8"
    await desk.portal.post(f"/dossier/{kept.id}/end", data={"reason": "拆除"}, headers=mode)
    assert (await desk.client.list_entries(part=[Part.ANALYSER])).items == []


async def test_an_enterprise_edits_its_contacts_only(desk: Desk) -> None:
    await desk.log_in("hengze")
    page = (await desk.portal.get(f"/enterprises/{desk.enterprise}")).text
    assert f"/dossier/new?part=contact&amp;enterprise_id={desk.enterprise}" in page
    assert "part=permit" not in page
    data = {"role": "duty_24h", "name": "王值班", "phone": "0512-6288"}
    await desk.portal.post(f"/dossier/new?part=contact&enterprise_id={desk.enterprise}", data=data)
    assert "王值班" in (await desk.portal.get(f"/enterprises/{desk.enterprise}")).text
    refused = await desk.portal.post(
        f"/dossier/new?part=permit&enterprise_id={desk.enterprise}",
        data={"number": "1", "permit_class": "key", "valid_from": "2026-01-01"},
    )
    assert refused.status_code == 403


async def test_a_standard_is_shown_previewed_and_applied(desk: Desk) -> None:
    await desk.log_in("wang")
    shown = (await desk.portal.get("/standards?medium=water")).text
    assert "GB 18918-2002" in shown
    assert "未核对" in shown
    address = f"/outlets/{desk.outlet}/standard"
    preview = (await desk.portal.get(f"{address}?class=GB-18918-2002/1A&since=2026-01-01")).text
    assert "当前排口未监测" in preview or "未监测" in preview
    assert await desk.client.list_limits(outlet_id=desk.outlet) == []
    early = await desk.portal.post(address, data={"class": "GB-18918-2002/1A", "since": "2001-01-01"})
    assert early.status_code == 422
    await desk.portal.post(address, data={"class": "GB-18918-2002/1A", "since": "2026-01-01", "accept": ["w01001"]})
    limits = await desk.client.list_limits(outlet_id=desk.outlet)
    assert {item.factor: item.upper for item in limits} == {"w01018": 50, "w01001": 9}
    assert "执行中" in (await desk.portal.get(f"/outlets/{desk.outlet}")).text


async def test_a_file_is_checked_confirmed_and_imported(desk: Desk, mode: dict[str, str]) -> None:
    await desk.log_in("wang")
    content = "企业编码,企业名称,行业\r\nE-900,新企业,paper\r\nE-901,,paper\r\n".encode("gbk")
    files = {"file": ("企业.csv", content)}
    started = await desk.portal.post("/imports", data={"sheet": "enterprises"}, files=files, headers=mode)
    address = started.headers.get("location") or started.headers["HX-Redirect"]
    waiting = (await desk.portal.get(address, headers=mode)).text
    assert 'hx-trigger="load delay:1s"' in waiting
    assert "<progress" in waiting

    await desk.runner.run_one()
    checked = (await desk.portal.get(address, headers=mode)).text
    assert "hx-trigger" not in checked
    assert "gb18030" in checked
    assert "此项必须填写" in checked
    assert [item.code for item in (await desk.client.list_enterprises()).items] == [FIRMS[0][0]]

    applied = await desk.portal.post(f"{address}/apply", data={"mode": "good_rows"}, headers=mode)
    after = applied.headers.get("location") or applied.headers["HX-Redirect"]
    await desk.runner.run_one()
    assert "完成" in (await desk.portal.get(after, headers=mode)).text
    assert "E-900" in {item.code for item in (await desk.client.list_enterprises()).items}


async def test_refused_files_say_why_beside_the_field(desk: Desk) -> None:
    await desk.log_in("wang")
    for name, content, says in (("a.exe", b"x", ".xlsx"), ("a.csv", b"x" * 17_000_000, "16 MB")):
        answer = await desk.portal.post("/imports", data={"sheet": "enterprises"}, files={"file": (name, content)})
        assert answer.status_code == 422
        assert says in answer.text
    broken = await desk.portal.post(
        "/imports", data={"sheet": "enterprises"}, files={"file": ("a.xlsx", b"PK nothing")}
    )
    await desk.runner.run_one()
    assert "文件不是工作簿" in (await desk.portal.get(broken.headers["location"])).text


async def test_exports_and_templates_are_fetched(desk: Desk) -> None:
    await desk.log_in("hengze")
    assert "检查文件" not in (await desk.portal.get("/imports")).text
    started = await desk.portal.post("/exports", data={"sheet": "outlets", "format": "csv"})
    await desk.runner.run_one()
    page = await desk.portal.get(started.headers["location"])
    assert f"{started.headers['location']}/file" in page.text
    file = await desk.portal.get(f"{started.headers['location']}/file")
    assert "废水总排口" in file.content.decode("utf-8-sig")
    assert file.headers["content-disposition"].startswith("attachment")
    template = await desk.portal.get("/imports/templates/readings?format=csv&lang=en")
    assert template.content.decode("utf-8-sig").startswith("enterprise code,outlet code,time")
    assert (await desk.portal.post(f"{started.headers['location']}/cancel")).status_code == 303
