"""Imports and exports of the registry's sheets: dry run, refusals by row, all or nothing, there and back."""

import asyncio
from datetime import date
from uuid import UUID

import pytest

from services.ingest.service.transfers.runner import Runner
from shared.auth import Role
from shared.contracts.ingest import DeviceIn, LimitIn, OutletFactor, ReadingKind, enterprise_uuid, outlet_uuid
from shared.contracts.ingest.dossier import Part
from shared.contracts.ingest.transfers import ImportMode, TransferOut, TransferState
from tests.ingest.conftest import NOW, Ingest
from tests.ingest.sheets import bring_in, bring_out, make_csv, make_xlsx
from tests.ingest.test_dossier import every_part

ENTERPRISES = ["企业编码", "企业名称", "行业", "排污许可管理类别", "重点排污单位", "联网日期"]
SHEETS = ("enterprises", "outlets", "devices", "limits", "permits", "contacts", "analysers", "operations",
          "power_points", "videos", "changes")  # fmt: skip


@pytest.fixture
def runner(ingest: Ingest) -> Runner:
    found: Runner = ingest.app.state.transfers
    return found


def refusals(job: TransferOut) -> list[tuple[int, str, str]]:
    return [(item.line, item.column, item.code) for item in job.errors]


async def test_a_check_writes_nothing_and_the_import_after_it_does(ingest: Ingest, runner: Runner) -> None:
    content = make_xlsx(ENTERPRISES, ["E9", "九号企业", "paper", "简化管理", "是", "2024/3/1"])
    check = await bring_in(ingest.client, runner, "enterprises", content, name="企业.xlsx", mode=ImportMode.CHECK)
    assert (check.state, check.result["added"], check.result["refused"]) == (TransferState.DONE, 1, 0)
    assert (await ingest.client.list_enterprises()).items == []

    applied = await ingest.client.apply_transfer(check.id)
    await runner.run_one()
    assert (await ingest.client.get_transfer(applied.id)).result["added"] == 1
    made = await ingest.client.get_enterprise(enterprise_uuid("E9"))
    assert (made.name_zh, made.permit_class, made.key_unit, made.connected_on) == (
        "九号企业", "simplified", True, date(2024, 3, 1),
    )  # fmt: skip


async def test_all_or_nothing_unless_the_good_rows_are_chosen(ingest: Ingest, runner: Runner) -> None:
    content = make_csv(
        ENTERPRISES, ["E1", "一号", "paper", "", "", ""], ["坏 码", "二号", "paper", "", "", ""],
        ["E3", "三号", "paper", "国宝级", "也许", "昨天"], ["E1", "又一", "paper", "", "", ""],
        ["E5", "", "paper", "", "", ""], ["E6", "六号", "paper", "", "", "2030-01-01"],
    )  # fmt: skip
    expected = [
        (4, "排污许可管理类别", "not_allowed"), (4, "重点排污单位", "not_allowed"), (4, "联网日期", "not_a_time"),
        (5, "企业编码", "duplicate"), (6, "企业名称", "required"), (3, "企业编码", "invalid"),
        (7, "联网日期", "future"),
    ]  # fmt: skip
    failed = await bring_in(ingest.client, runner, "enterprises", content)
    assert failed.state is TransferState.FAILED
    assert sorted(refusals(failed)) == sorted(expected)
    assert (failed.error_count, failed.result["refused"]) == (7, 5)
    assert (await ingest.client.list_enterprises()).items == []

    some = await bring_in(ingest.client, runner, "enterprises", content, mode=ImportMode.GOOD_ROWS)
    assert (some.state, some.result["good"], some.result["added"]) == (TransferState.DONE, 1, 1)
    assert [item.code for item in (await ingest.client.list_enterprises()).items] == ["E1"]


async def test_absent_columns_leave_what_is_stored(ingest: Ingest, runner: Runner) -> None:
    await ingest.enterprise("E1", address="滨河路1号", key_unit=True)
    content = make_csv(["企业编码", "企业名称", "行业"], ["E1", "新名", "paper"])
    job = await bring_in(ingest.client, runner, "enterprises", content)
    assert job.result["changed"] == 1
    after = await ingest.client.get_enterprise(enterprise_uuid("E1"))
    assert (after.name_zh, after.address, after.key_unit) == ("新名", "滨河路1号", True)


async def test_outlets_come_with_a_row_a_factor(ingest: Ingest, runner: Runner) -> None:
    await ingest.enterprise("E1")
    head = ["enterprise code", "outlet code", "name (Chinese)", "medium", "factor", "unit", "span high"]
    content = make_csv(
        head, ["E1", "W1", "总排口", "废水", "w01018", "mg/L", 200],
        ["E1", "W1", "总排口", "废水", "w21003", "mg/L", 50], ["E1", "W2", "二号口", "gas", "a21026", "mg/m3", ""],
    )  # fmt: skip
    job = await bring_in(ingest.client, runner, "outlets", content)
    assert (job.result["added"], job.result["good"]) == (2, 3)
    outlet = await ingest.client.get_outlet(outlet_uuid("E1", "W1"))
    assert [(item.factor, item.span_high) for item in outlet.factors] == [("w01018", 200), ("w21003", 50)]

    wrong = make_csv(
        head, ["E1", "W1", "总排口", "废水", "w01018", "mg/L", 200],
        ["E1", "W1", "别名", "废水", "w21003", "mg/L", 50],
        ["E1", "W3", "三号口", "废水", "x99999", "mg/L", ""], ["E2", "W4", "四号口", "废水", "w01018", "mg/L", ""],
    )  # fmt: skip
    refused = await bring_in(ingest.client, runner, "outlets", wrong)
    assert sorted(refusals(refused)) == [
        (3, "name (Chinese)", "differs"), (4, "factor", "unknown_factor"),
        (5, "enterprise code", "unknown_enterprise"),
    ]  # fmt: skip


async def test_a_logger_of_another_outlet_is_not_moved(ingest: Ingest, runner: Runner) -> None:
    await ingest.outlet("W1", mn="MN-0001")
    await ingest.outlet("W2")
    content = make_csv(["企业编码", "排口编码", "设备编号MN", "协议版本"], ["E1", "W2", "MN-0001", 2017])
    assert refusals(await bring_in(ingest.client, runner, "devices", content)) == [(2, "设备编号MN", "elsewhere")]


async def test_units_are_converted_where_exact_and_refused_where_not(ingest: Ingest, runner: Runner) -> None:
    outlet = await ingest.outlet()
    head = ["企业编码", "排口编码", "监测因子", "均值类型", "上限", "单位", "生效时间"]
    content = make_csv(head, ["E1", "W1", "w01018", "日均值", 50000, "μg/L", "2026-01-01"])
    job = await bring_in(ingest.client, runner, "limits", content)
    assert job.result["converted"] == {"w01018: μg/L → mg/L": 1}
    (limit,) = await ingest.client.list_limits(outlet_id=outlet)
    assert (limit.upper, limit.unit, limit.averaging) == (50.0, "mg/L", ReadingKind.DAY)

    wrong = make_csv(head, ["E1", "W1", "w01018", "日均值", 50, "mg/m3", "2026-01-01"])
    assert refusals(await bring_in(ingest.client, runner, "limits", wrong)) == [(2, "单位", "wrong_unit")]


async def _fill(ingest: Ingest) -> UUID:
    factors = [OutletFactor(factor="w01018", unit="mg/L", span_low=0, span_high=200, resolution=0.01)]
    outlet = await ingest.outlet(factors=factors, latitude=31.3)
    await ingest.outlet("W2", factors=[])
    await ingest.enterprise("E1", contact_name="=cmd|'/C calc'!A0", contact_phone="+86 512", address="'引号")
    await ingest.client.add_device(DeviceIn(outlet_id=outlet, mn="MN-0001", password="secret"))
    for upper, since in ((50.0, "2025-01-01T00:00:00+08:00"), (40.0, "2026-01-01T00:00:00+08:00")):
        given = {"outlet_id": outlet, "factor": "w01018", "upper": upper, "unit": "mg/L", "valid_from": since,
                 "standard": "GB 18918-2002 一级A"}  # fmt: skip
        await ingest.client.add_limit(LimitIn.model_validate(given))
    for entry in every_part(await ingest_id(), outlet):
        await ingest.client.put_entry(entry)
    return outlet


async def ingest_id() -> UUID:
    return enterprise_uuid("E1")


@pytest.mark.parametrize(("ending", "language"), [("xlsx", "zh"), ("csv", "en")])
async def test_what_goes_out_comes_back_as_it_was(ingest: Ingest, runner: Runner, ending: str, language: str) -> None:
    await _fill(ingest)
    for sheet in SHEETS:
        content = await bring_out(ingest.client, runner, sheet, format=ending, language=language)
        back = await bring_in(ingest.client, runner, sheet, content, name=f"{sheet}.{ending}")
        assert back.state is TransferState.DONE, (sheet, back.reason, back.errors)
        assert (back.result["added"], back.result["changed"], back.result["refused"]) == (0, 0, 0), (sheet, back.result)
        assert back.result["unchanged"] > 0, sheet


async def test_a_csv_runs_nothing_in_a_spreadsheet(ingest: Ingest, runner: Runner) -> None:
    await _fill(ingest)
    text = (await bring_out(ingest.client, runner, "enterprises", format="csv")).decode("utf-8-sig")
    assert "'=cmd" in text
    assert "'+86 512" in text
    assert "secret" not in (await bring_out(ingest.client, runner, "devices", format="csv")).decode()


async def test_an_enterprise_exports_its_own_and_imports_nothing(ingest: Ingest, runner: Runner) -> None:
    await _fill(ingest)
    await ingest.outlet(enterprise="B", mn="MN-B")
    alice = ingest.as_(Role.ENTERPRISE, enterprise_id=enterprise_uuid("E1"), organisation="A")
    for sheet in SHEETS:
        assert ",B," not in (await bring_out(alice, runner, sheet, format="csv")).decode().replace("\n", ",")
    assert {item.kind.partition(".")[0] for item in await alice.list_transfer_kinds()} == {"export"}
    auditor = ingest.as_(Role.AUDITOR)
    assert "王值班" not in (await bring_out(auditor, runner, "contacts", format="csv")).decode()


async def test_two_imports_at_once_do_not_mix(ingest: Ingest, runner: Runner) -> None:
    jobs = [
        await ingest.client.start_import(
            "import.enterprises", "rows.csv", mode=ImportMode.ALL,
            content=make_csv(ENTERPRISES[:3], *([f"E{number}", f"{name}{number}", "paper"] for number in range(40))),
        )
        for name in ("甲", "乙")
    ]  # fmt: skip
    await asyncio.gather(runner.run_one(), runner.run_one())
    done = [await ingest.client.get_transfer(job.id) for job in jobs]
    assert [job.state for job in done] == [TransferState.DONE, TransferState.DONE]
    names = {item.name_zh[0] for item in (await ingest.client.list_enterprises()).items}
    assert len(names) == 1  # whoever came last, whole
    assert sorted(job.result["added"] + job.result["changed"] for job in done) == [40, 40]


async def test_templates_of_every_sheet_are_taken_back(ingest: Ingest, runner: Runner) -> None:
    for sheet in (*SHEETS, "readings"):
        for language in ("zh", "en"):
            for ending in ("xlsx", "csv"):
                content = await ingest.client.read_template(sheet, format_=ending, language=language)
                more = {"readings": "hour"} if sheet == "readings" else {}
                job = await bring_in(ingest.client, runner, sheet, content, name=f"a.{ending}", **more)
                assert (job.state, job.result["reason"]) == (TransferState.FAILED, "no_rows"), sheet


async def test_the_change_log_and_audit_know_an_import(ingest: Ingest, runner: Runner) -> None:
    outlet = await ingest.outlet(mn="MN-0001")
    content = make_csv(["企业编码", "排口编码", "设备编号MN", "协议版本"], ["E1", "W1", "MN-0001", 2005])
    await bring_in(ingest.client, runner, "devices", content)
    assert [line.changes for line in await ingest.client.change_log(outlet) if line.action == "device.changed"] == [
        {"edition": ["2017", "2005"]}
    ]
    assert Part.ANALYSER not in {item.part for item in (await ingest.client.list_entries(outlet_id=outlet)).items}
    assert ingest.clock.now() == NOW
