"""Imports of readings from files: long and wide, units, times, ranges, duplicates."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.ingest.service.transfers.runner import Runner
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import OutletFactor, ReadingKind
from shared.contracts.ingest.transfers import ImportMode, TransferState
from tests.ingest.conftest import NOW, Ingest
from tests.ingest.sheets import bring_in, make_csv, make_xlsx

LONG = ["企业编码", "排口编码", "时间", "监测因子", "监测值", "单位", "数据标记"]
FACTORS = [
    OutletFactor(factor="w01018", unit="mg/L", span_low=0, span_high=200),
    OutletFactor(factor="w21003", unit="mg/L"),
]


@pytest.fixture
def runner(ingest: Ingest) -> Runner:
    found: Runner = ingest.app.state.transfers
    return found


async def stored(ingest: Ingest, outlet: Any, kind: ReadingKind) -> list[tuple[str, datetime, float | None, str]]:
    found = await ingest.client.read_arrow([outlet], kind, NOW - timedelta(days=60), NOW)
    rows = found.to_pylist()
    return [(row["factor"], row["at"], row["value"], row["flag"]) for row in rows]


async def test_long_rows_are_stored_once(ingest: Ingest, runner: Runner) -> None:
    outlet = await ingest.outlet(factors=FACTORS)
    content = make_csv(
        LONG, ["E1", "W1", "2026-02-28 08:00", "w01018", 31.5, "mg/L", ""],
        ["E1", "W1", "2026-02-28 08:00", "氨氮", '"1,200"', "μg/L", "N"],
        ["E1", "W1", "2026/2/28 9:00:00", "w01018", "", "", "D"],
    )  # fmt: skip
    check = await bring_in(ingest.client, runner, "readings", content, mode=ImportMode.CHECK, readings="hour")
    assert (check.result["added"], check.result["values"], check.may_apply) == (2, 3, True)
    assert await stored(ingest, outlet, ReadingKind.HOUR) == []

    job = await bring_in(ingest.client, runner, "readings", content, readings="小时")
    again = await bring_in(ingest.client, runner, "readings", content, readings="hour")
    assert (job.result["added"], again.result["added"], again.result["unchanged"]) == (2, 0, 2)
    assert job.result["converted"] == {"w21003: μg/L → mg/L": 1}
    eight, nine = datetime(2026, 2, 28, 0, tzinfo=UTC), datetime(2026, 2, 28, 1, tzinfo=UTC)
    assert await stored(ingest, outlet, ReadingKind.HOUR) == [
        ("w01018", eight, 31.5, "N"), ("w01018", nine, None, "D"), ("w21003", eight, 1.2, "N"),
    ]  # fmt: skip


async def test_wide_sheets_have_a_column_a_factor(ingest: Ingest, runner: Runner) -> None:
    outlet = await ingest.outlet(factors=FACTORS)
    content = make_xlsx(
        ["企业编码", "排口编码", "时间", "w01018 (mg/L)", "w01018-flag", "氨氮（mg/L）"],
        ["E1", "W1", "2026-02-27", 30, "", 1.5], ["E1", "W1", "2026年2月28日", 400, "T", ""],
    )  # fmt: skip
    job = await bring_in(ingest.client, runner, "readings", content, name="日.xlsx", readings="day")
    assert job.state is TransferState.DONE, job.errors
    first, second = datetime(2026, 2, 26, 16, tzinfo=UTC), datetime(2026, 2, 27, 16, tzinfo=UTC)
    assert await stored(ingest, outlet, ReadingKind.DAY) == [
        ("w01018", first, 30.0, "N"), ("w01018", second, 400.0, "T"), ("w21003", first, 1.5, "N"),
    ]  # fmt: skip


async def test_each_fault_is_told_with_line_and_column(ingest: Ingest, runner: Runner) -> None:
    outlet = await ingest.outlet(factors=FACTORS)
    good = ["E1", "W1", "2026-02-28 08:00", "w01018", 30, "mg/L", "N"]
    faults = [
        ({2: "2026-03-01 13:00"}, "时间", "future"), ({2: "2026-02-28 08:30"}, "时间", "not_on_grid"),
        ({2: "1999-02-28 08:00"}, "时间", "too_old"), ({2: "28.02.2026"}, "时间", "not_a_time"),
        ({3: "w99999"}, "监测因子", "unknown_factor"), ({3: "w01001"}, "监测值", "not_of_outlet"),
        ({4: "3O"}, "监测值", "not_a_number"), ({4: "inf"}, "监测值", "not_a_number"),
        ({4: 201}, "监测值", "out_of_range"), ({5: "mg/m3"}, "监测值", "wrong_unit"),
        ({6: "NN"}, "数据标记", "flag"), ({1: "W7"}, "排口编码", "unknown_outlet"),
        ({0: "E7"}, "企业编码", "unknown_enterprise"), ({0: ""}, "企业编码", "required"), ({}, "监测值", "duplicate"),
    ]  # fmt: skip
    rows = [[changes.get(place, cell) for place, cell in enumerate(good)] for changes, _, _ in faults]
    job = await bring_in(ingest.client, runner, "readings", make_csv(LONG, good, *rows), readings="hour")
    assert job.state is TransferState.FAILED
    assert [(item.line, item.column, item.code) for item in job.errors] == [
        (number, column, code) for number, (_, column, code) in enumerate(faults, 3)
    ]
    assert await stored(ingest, outlet, ReadingKind.HOUR) == []


async def test_a_kind_is_needed_and_the_right_to_write(ingest: Ingest, runner: Runner) -> None:
    assert runner is ingest.app.state.transfers
    for client, kind, status in ((ingest.client, "week", 422), (ingest.as_(Role.OFFICER), "hour", 403)):
        with pytest.raises(ServiceCallError) as caught:
            await client.start_import("import.readings", "a.csv", b"x", readings=kind)
        assert caught.value.status == status
