"""Forms that register and change enterprises, outlets, loggers and limits, over the real ingest service."""

import re
from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from shared.clock import PARK_ZONE
from shared.contracts.ingest import DeviceIn, OutletFactor, PermitClass, ReadingKind
from tests.conftest import MakeDatabase
from tests.web.desk import Desk, open_desk
from tests.web.park import Park

FIRM = {"code": "E-900", "name_zh": "新企业", "name_en": "New works", "trade": "paper", "permit_class": "simplified",
        "connected_on": "2026-03-01", "address": "望海路 1 号", "latitude": "31.9", "longitude": "120.95",
        "contact_name": "李工", "contact_phone": "0513-1", "toxic": "1", "active": "1"}  # fmt: skip
OUTLET = {"code": "DW009", "name_zh": "二号排口", "name_en": "Second", "medium": "water", "minute_interval": "5",
          "active": "1"}  # fmt: skip


def rows(*cells: tuple[str, str, str, str, str]) -> dict[str, list[str]]:
    names = ("factor", "unit", "span_low", "span_high", "resolution")
    return {name: [row[index] for row in cells] for index, name in enumerate(names)}


def error_of(page: str, field: str) -> str:
    """What stands beside a field."""
    found = re.search(rf'id="{re.escape(field)}-error"[^>]*>([^<]*)<', page)
    return found.group(1) if found else ""


def value_of(page: str, field: str) -> str:
    found = re.search(rf'id="{re.escape(field)}"[^>]* value="([^"]*)"', page)
    assert found, field
    return found.group(1)


def goes_to(answer: httpx.Response) -> str:
    """Where a saved form leads: 303, or htmx's own header."""
    assert answer.status_code == (200 if "HX-Redirect" in answer.headers else 303), answer.text
    return answer.headers.get("HX-Redirect") or answer.headers["location"]


@pytest.fixture
async def desk(park: Park, make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(park, await make_database("ingest"), tmp_path) as desk:
        yield desk


async def test_an_officer_registers_and_changes_an_enterprise(desk: Desk, mode: dict[str, str]) -> None:
    await desk.log_in("wang")
    assert "/enterprises/new" in (await desk.portal.get("/enterprises")).text
    typed = {**FIRM, "latitude": "hoch", "trade": "", "code": "E 900"}
    wrong = await desk.portal.post("/enterprises/new", data=typed, headers=mode)
    assert wrong.status_code == 422
    assert error_of(wrong.text, "latitude") == "不是数字：hoch"
    assert error_of(wrong.text, "trade") == "此项必须填写。"
    assert error_of(wrong.text, "code") == "只能包含字母、数字、点、短横和下划线。"
    assert (value_of(wrong.text, "latitude"), value_of(wrong.text, "name_zh")) == ("hoch", "新企业")

    page = goes_to(await desk.portal.post("/enterprises/new", data=FIRM, headers=mode))
    made = await desk.client.get_enterprise(UUID(page.rpartition("/")[2]))
    assert made.model_dump(include=set(FIRM), mode="json") == {
        **FIRM, "latitude": 31.9, "longitude": 120.95, "toxic": True, "active": True
    }  # fmt: skip
    assert (made.connected_on, made.permit_class, made.key_unit) == (date(2026, 3, 1), PermitClass.SIMPLIFIED, False)
    assert f"{page}/edit" in (await desk.portal.get(page)).text

    form = (await desk.portal.get(f"{page}/edit")).text
    assert value_of(form, "longitude") == "120.95"
    assert 'name="toxic" value="1" checked' in form
    changed = {key: value for key, value in FIRM.items() if key not in {"toxic", "code"}} | {"name_zh": "改名企业"}
    assert goes_to(await desk.portal.post(f"{page}/edit", data=changed, headers=mode)) == page
    after = await desk.client.get_enterprise(made.id)
    assert (after.name_zh, after.toxic, after.code, after.version) == ("改名企业", False, "E-900", 2)


async def test_a_code_that_is_taken_changes_nothing(desk: Desk) -> None:
    await desk.log_in("admin")
    await desk.portal.get("/enterprises?lang=en")
    before = await desk.client.get_enterprise(desk.enterprise)
    taken = await desk.portal.post("/enterprises/new", data={**FIRM, "code": before.code})
    assert (taken.status_code, error_of(taken.text, "code")) == (422, "This code is taken already.")
    outlet = await desk.portal.post(f"/outlets/new?enterprise_id={desk.enterprise}", data={**OUTLET, "code": "DW001"})
    assert (outlet.status_code, error_of(outlet.text, "code")) == (422, "This code is taken already.")
    await desk.client.add_device(DeviceIn(outlet_id=desk.outlet, mn="MN0001"))
    logger = {"mn": "MN0001", "outlet_id": str(desk.outlet), "edition": "2005", "active": "1"}
    device = await desk.portal.post("/devices/new", data=logger)
    assert (device.status_code, error_of(device.text, "mn")) == (422, "This MN is registered already.")
    assert await desk.client.get_enterprise(desk.enterprise) == before
    assert [item.edition for item in (await desk.client.list_devices()).items] == ["2017"]


async def test_an_outlet_gets_rows_of_factors_without_scripts(desk: Desk, mode: dict[str, str]) -> None:
    await desk.log_in("wang")
    address = f"/outlets/new?enterprise_id={desk.enterprise}"
    assert address.replace("&", "&amp;") in (await desk.portal.get(f"/enterprises/{desk.enterprise}")).text
    one = ("化学需氧量", "", "0", "200", "0.1")
    more = await desk.portal.post(address, data={**OUTLET, **rows(one), "act": "add"}, headers=mode)
    assert more.status_code == 200
    assert more.text.count('<li class="frow">') == 2
    assert (value_of(more.text, "factor-0"), value_of(more.text, "code")) == ("化学需氧量", "DW009")
    less = await desk.portal.post(
        address, data={**OUTLET, **rows(one, ("w01001", "", "", "", "")), "act": "remove-0"}, headers=mode
    )
    assert less.text.count('<li class="frow">') == 1
    assert value_of(less.text, "factor-0") == "w01001"
    assert [item.code for item in (await desk.client.list_outlets()).items] == ["DW001"]

    empty = ("", "", "", "", "")
    saved = await desk.portal.post(
        address, data={**OUTLET, **rows(one, empty, ("w01001", "无量纲", "0", "14", "")), "act": "save"}, headers=mode
    )
    outlet = await desk.client.get_outlet(UUID(goes_to(saved).rpartition("/")[2]))
    assert outlet.minute_interval == 5
    assert outlet.factors == [
        OutletFactor(factor="w01018", unit="mg/L", span_low=0, span_high=200, resolution=0.1),
        OutletFactor(factor="w01001", unit="无量纲", span_low=0, span_high=14),
    ]
    form = (await desk.portal.get(f"/outlets/{outlet.id}/edit")).text
    assert (value_of(form, "span_high-0"), value_of(form, "resolution-0")) == ("200", "0.1")
    changed = {**OUTLET, **rows(one), "active": "", "act": "save"}
    assert goes_to(await desk.portal.post(f"/outlets/{outlet.id}/edit", data=changed, headers=mode))
    after = await desk.client.get_outlet(outlet.id)
    assert ([item.factor for item in after.factors], after.active, after.code) == (["w01018"], False, "DW009")


async def test_errors_of_rows_stand_beside_them_in_both_languages(desk: Desk) -> None:
    await desk.log_in("wang")
    address = f"/outlets/{desk.outlet}/edit"
    base = {**OUTLET, "act": "save"}
    bad = rows(("w01018", "", "0", "viel", ""), ("zz999", "", "", "", ""), ("w01001", "", "", "nan", "0"))
    for language, words in (
        ("zh", ("不是数字：viel", "不是监测因子：zz999", "必须大于 0。", "不是数字：nan")),
        ("en", ("This is not a number: viel", "This is not a factor: zz999", "This must be more than 0.",
                "This is not a number: nan")),
    ):  # fmt: skip
        page = await desk.portal.post(f"{address}?lang={language}", data={**base, **bad, "name_zh": ""})
        assert page.status_code == 422
        found = (
            error_of(page.text, "span_high-0"),
            error_of(page.text, "factor-1"),
            error_of(page.text, "resolution-2"),
        )
        assert found == words[:3]
        assert error_of(page.text, "name_zh")
        assert value_of(page.text, "span_high-0") == "viel"
    endless = await desk.portal.post(address, data={**base, **rows(("w01001", "", "", "nan", ""))})
    assert error_of(endless.text, "span_high-0") == "This is not a number: nan"
    turned = await desk.portal.post(address, data={**base, **rows(("w01018", "", "9", "1", ""))})
    assert (turned.status_code, error_of(turned.text, "span_high-0")) == (422, "The span must end above its start.")
    twice = await desk.portal.post(address, data={**base, **rows(*[("w01018", "", "", "", "")] * 2)})
    assert (twice.status_code, error_of(twice.text, "factor-1")) == (422, "This factor is named twice.")


async def test_a_logger_is_registered_moved_and_keeps_its_password(desk: Desk, mode: dict[str, str]) -> None:
    await desk.log_in("wang")
    assert "/devices/new" in (await desk.portal.get("/devices")).text
    address = f"/devices/new?outlet_id={desk.outlet}"
    assert address in (await desk.portal.get(f"/outlets/{desk.outlet}")).text
    wrong = await desk.portal.post(address, data={"mn": "M N", "outlet_id": "", "password": "secret"}, headers=mode)
    assert wrong.status_code == 422
    assert error_of(wrong.text, "mn") == "只能包含可见的 ASCII 字符，不含空格。"
    assert error_of(wrong.text, "outlet_id") == "请选择排口。"
    assert "secret" not in wrong.text
    typed = {"mn": "MN/7", "outlet_id": str(desk.outlet), "edition": "2005", "password": "secret", "active": "1"}
    page = goes_to(await desk.portal.post(address, data=typed, headers=mode))
    assert f"{page}/edit" in (await desk.portal.get(page)).text

    form = await desk.portal.get(f"{page}/edit")
    assert "secret" not in form.text
    changed = {"outlet_id": str(desk.outlet), "edition": "2017", "password": ""}
    assert goes_to(await desk.portal.post(f"{page}/edit", data=changed, headers=mode)) == page
    (device,) = (await desk.client.list_devices()).items
    assert (device.mn, device.edition, device.active, device.has_password) == ("MN/7", "2017", False, True)
    await desk.portal.post(f"{page}/edit", data={**changed, "no_password": "1", "active": "1"}, headers=mode)
    (device,) = (await desk.client.list_devices()).items
    assert (device.active, device.has_password) == (True, False)


async def test_a_limit_is_set_from_a_date_and_ends_the_one_before(desk: Desk, mode: dict[str, str]) -> None:
    await desk.log_in("wang")
    address = f"/outlets/{desk.outlet}/limits/new"
    assert address in (await desk.portal.get(f"/outlets/{desk.outlet}")).text
    typed = {"factor": "w01018", "averaging": "day", "upper": "50", "standard": "GB 18918-2002", "since": "2026-01-01"}
    wrong = await desk.portal.post(address, data={**typed, "upper": "x", "since": "bald", "factor": ""}, headers=mode)
    assert wrong.status_code == 422
    assert (error_of(wrong.text, "upper"), error_of(wrong.text, "factor")) == ("不是数字：x", "请选择。")
    assert error_of(wrong.text, "since").startswith("不是日期：bald")
    none = await desk.portal.post(f"{address}?lang=en", data={**typed, "upper": ""}, headers=mode)
    assert error_of(none.text, "upper") == "Give an upper limit, a lower one or both."
    order = await desk.portal.post(address, data={**typed, "lower": "60"}, headers=mode)
    assert error_of(order.text, "lower") == "The lower limit must be below the upper one."
    assert await desk.client.list_limits(outlet_id=desk.outlet) == []

    assert goes_to(await desk.portal.post(address, data=typed, headers=mode)) == f"/outlets/{desk.outlet}#limits"
    form = (await desk.portal.get(f"{address}?factor=w01018&averaging=day")).text
    assert (value_of(form, "upper"), value_of(form, "standard")) == ("50", "GB 18918-2002")
    await desk.portal.post(address, data={**typed, "upper": "40", "since": "2026-06-01"}, headers=mode)
    limits = await desk.client.list_limits(outlet_id=desk.outlet)
    june = datetime(2026, 6, 1, tzinfo=PARK_ZONE)
    assert [(item.upper, item.valid_to, item.unit, item.averaging) for item in limits] == [
        (50, june, "mg/L", ReadingKind.DAY), (40, None, "mg/L", ReadingKind.DAY),
    ]  # fmt: skip


@pytest.mark.parametrize("username", ["zhou", "hengze"])
async def test_others_see_no_buttons_and_are_refused(desk: Desk, username: str) -> None:
    device = await desk.client.add_device(DeviceIn(outlet_id=desk.outlet, mn="MN0001"))
    await desk.log_in(username)
    forms = {
        "/enterprises/new": FIRM,
        f"/enterprises/{desk.enterprise}/edit": FIRM,
        f"/outlets/new?enterprise_id={desk.enterprise}": {**OUTLET, "act": "save"},
        f"/outlets/{desk.outlet}/edit": {**OUTLET, "act": "save"},
        "/devices/new": {"mn": "MN0002", "outlet_id": str(desk.outlet), "edition": "2017"},
        f"/devices/{device.id}/edit": {"outlet_id": str(desk.outlet), "edition": "2005"},
        f"/outlets/{desk.outlet}/limits/new": {"factor": "w01018", "averaging": "hour", "upper": "9",
                                               "since": "2026-01-01"},
    }  # fmt: skip
    pages = ("/enterprises", f"/enterprises/{desk.enterprise}", f"/outlets/{desk.outlet}", "/devices",
             f"/devices/{device.id}")  # fmt: skip
    shown = "".join([(await desk.portal.get(page)).text for page in pages])
    before = [await desk.client.list_enterprises(), await desk.client.list_outlets(), await desk.client.list_devices()]
    for address, typed in forms.items():
        assert address.partition("?")[0] not in shown
        assert (await desk.portal.get(address)).status_code == 403, address
        assert (await desk.portal.post(address, data=typed)).status_code == 403, address
    after = [await desk.client.list_enterprises(), await desk.client.list_outlets(), await desk.client.list_devices()]
    assert after == before
