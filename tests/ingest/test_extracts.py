"""Readings in bulk: pages, CSV, Parquet, Arrow and jobs say the same, whether days are open or sealed."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook

from services.ingest.service import extracts
from services.ingest.service.sealing import SealService
from services.ingest.service.transfers.extracts import check, run
from services.ingest.service.transfers.kinds import Work
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import ReadingKind, enterprise_uuid
from shared.contracts.ingest.readings import SparkAsk
from shared.errors import InvalidError
from tests.ingest.conftest import NOW, Ingest

T = NOW - timedelta(days=20)


async def fill(ingest: Ingest) -> list[UUID]:
    outlets = [await ingest.outlet("W1"), await ingest.outlet("W2")]
    for outlet in outlets:
        await ingest.send(
            outlet, ReadingKind.MINUTE,
            *((T + timedelta(hours=7 * i), {"w01018": i / 4, "w21003": None if i % 3 else 1.5}) for i in range(40)),
            w21003="D",
        )  # fmt: skip
    state = ingest.app.state
    await SealService(state.db, state.intake.dictionaries, state.clock, timedelta(days=14)).run()
    return outlets


def ask(outlets: list[UUID], **more: Any) -> dict[str, Any]:
    until = (T + timedelta(days=30)).isoformat()
    return {"outlet_id": list(map(str, outlets)), "kind": "minute", "since": T.isoformat(), "until": until, **more}


def rows(table: pa.Table) -> list[dict[str, Any]]:
    return [{**row, "at": row["at"].strftime("%Y-%m-%dT%H:%M:%SZ")} for row in table.to_pylist()]


def ordered(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda row: (row["outlet_id"], row["factor"], row["at"]))


@pytest.mark.parametrize("streamed", [False, True])
async def test_all_forms_say_the_same(ingest: Ingest, *, streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    outlets = await fill(ingest)
    headers = ingest.tokens.headers(Role.SUPERVISOR)
    pages: list[list[dict[str, Any]]] = []
    url, query = "/v1/readings", ask(outlets, limit=37)
    while url:
        answer = await ingest.http.get(url, params=query, headers=headers)
        pages.append(answer.json())
        url, query = answer.links.get("next", {}).get("url", ""), None  # type: ignore[assignment]
    if streamed:
        monkeypatch.setattr(extracts, "MAX_VALUES", 50)
    told = [value for page in pages for value in page]
    csv = await ingest.http.get("/v1/readings", params=ask(outlets, format="csv", bom="true"), headers=headers)
    parquet = await ingest.http.get("/v1/readings", params=ask(outlets, format="parquet"), headers=headers)
    arrow = await ingest.client.read_arrow(outlets, ReadingKind.MINUTE, T, T + timedelta(days=30))
    as_text = pa_csv.ConvertOptions(column_types={"at": pa.string()}, strings_can_be_null=False)
    from_csv = pa_csv.read_csv(io.BytesIO(csv.content), convert_options=as_text).to_pylist()

    assert [len(page) for page in pages] == [37, 37, 37, 37, 12]
    assert [row["outlet_id"] for row in told] == [str(outlets[0])] * 80 + [str(outlets[1])] * 80
    assert ordered(told[:80]) == told[:80]
    assert csv.content.startswith(b"\xef\xbb\xbf")
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert ordered(from_csv) == ordered(told)
    assert ordered(rows(pq.read_table(io.BytesIO(parquet.content)))) == ordered(told)
    assert ordered(rows(arrow)) == ordered(told)


async def test_a_file_without_values_has_its_columns(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    headers = ingest.tokens.headers(Role.SUPERVISOR)
    csv = await ingest.http.get("/v1/readings", params=ask([outlet], format="csv"), headers=headers)
    parquet = await ingest.http.get("/v1/readings", params=ask([outlet], format="parquet"), headers=headers)

    assert csv.text == '"outlet_id","factor","at","value","flag"\n'
    assert pq.read_table(io.BytesIO(parquet.content)).num_rows == 0


@pytest.mark.parametrize("form", ["json", "csv", "parquet", "arrow"])
async def test_another_enterprise_gets_404(ingest: Ingest, form: str) -> None:
    outlets = await fill(ingest)
    other = await ingest.enterprise("E2")
    headers = ingest.tokens.headers(Role.ENTERPRISE, enterprise_id=other)
    answer = await ingest.http.get("/v1/readings", params=ask(outlets, format=form), headers=headers)

    assert answer.status_code == 404


async def test_a_cursor_of_another_list_is_refused(ingest: Ingest) -> None:
    outlets = await fill(ingest)
    headers = ingest.tokens.headers(Role.SUPERVISOR)
    first = await ingest.http.get("/v1/readings", params=ask(outlets[:1], limit=5), headers=headers)
    cursor = first.links["next"]["url"].rsplit("cursor=", 1)[1]
    answers = [
        await ingest.http.get("/v1/readings", params=ask(outlets[1:], cursor=one), headers=headers)
        for one in (cursor, "W10", "!")
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 422]


@pytest.mark.parametrize("kind", [ReadingKind.MINUTE, ReadingKind.HOUR])
@pytest.mark.parametrize("streamed", [False, True])
async def test_only_the_factors_asked_for(
    ingest: Ingest, kind: ReadingKind, *, streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlets = await fill(ingest)
    values = {"w01018": 1.0, "w21003": 2.0}
    await ingest.send(outlets[0], ReadingKind.HOUR, *((T + timedelta(hours=i), values) for i in range(60)))
    if streamed:
        monkeypatch.setattr(extracts, "MAX_VALUES", 50)
    whole = rows(await ingest.client.read_arrow(outlets, kind, T, T + timedelta(days=30)))
    part = await ingest.client.read_arrow(outlets, kind, T, T + timedelta(days=30), factors=["w21003", "w99999"])

    assert ordered(rows(part)) == ordered([row for row in whole if row["factor"] == "w21003"])
    assert part.num_rows * 2 == len(whole) > 0


async def test_too_many_values_for_a_stream_are_refused(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    outlets = await fill(ingest)
    monkeypatch.setattr(extracts, "MAX_VALUES", 50)
    monkeypatch.setattr(extracts, "MAX_STREAMED", 100)

    with pytest.raises(ServiceCallError, match="more than 100 values"):
        await ingest.client.read_arrow(outlets, ReadingKind.MINUTE, T, T + timedelta(days=30))


async def test_small_curves_come_in_one_call_and_only_of_ones_own(ingest: Ingest) -> None:
    outlets = await fill(ingest)
    theirs = await ingest.outlet("W9", enterprise="E2")
    await ingest.send(theirs, ReadingKind.MINUTE, (T, {"w01018": 1.0}))
    since, until = T, T + timedelta(days=12)
    kinds = [ReadingKind.HOUR, ReadingKind.MINUTE]
    asks = [
        SparkAsk(outlet_id=outlet, factor="w01018", kinds=kinds, since=since, until=until)
        for outlet in (outlets[1], theirs, uuid4(), outlets[0])
    ]
    mine = ingest.as_(Role.ENTERPRISE, enterprise_id=enterprise_uuid("E1"))
    sparks = await mine.get_sparks(asks)
    one = await mine.get_series(outlets[1], "w01018", kind=ReadingKind.MINUTE, since=since, until=until, max_points=120)

    assert sparks[1:3] == [None, None]
    assert sparks[0] == one
    assert one.agg == "minmax"
    assert [value for value in one.v if value is not None][:2] == [0.0, 0.0]
    assert len(one.v) <= 120
    assert sparks[3] is not None


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
async def test_an_export_runs_as_a_job(ingest: Ingest, form: str, tmp_path: Path) -> None:
    outlets = await fill(ingest)
    state, steps = ingest.app.state, list[tuple[int, int]]()

    async def progress(done: int, total: int) -> None:
        steps.append((done, total))

    async def seal(_: Any) -> None:
        raise AssertionError("an export changes nothing")

    asked = ask(outlets)
    parameters = {
        "outlet_ids": asked["outlet_id"], "kind": "minute", "since": asked["since"], "until": asked["until"],
        "format": form,
    }  # fmt: skip
    caller = await state.verifier.verify(ingest.tokens.token(Role.SUPERVISOR))
    work = Work(uuid4(), caller, check(parameters), None, tmp_path / "out", "", state.db, state.intake, state.clock,
                progress, seal)  # fmt: skip
    outcome = await run(work)
    data = work.target.read_bytes()

    assert outcome.result == {"values": 160, "outlets": 2}
    assert outcome.file_name.endswith(f".{form}")
    assert steps[0] == (0, 8)
    assert steps[-1] == (8, 8)
    if form == "parquet":
        assert pq.read_table(io.BytesIO(data)).num_rows == 160
    elif form == "csv":
        assert data.count(b"\n") == 161
    else:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()
        assert len(sheet) == 161
        assert sheet[1][1:3] == ["w01018", T.replace(tzinfo=None) + timedelta(hours=8)]


@pytest.mark.parametrize("wrong", [{"format": "doc"}, {"outlet_ids": []}, {"until": "2020-01-01T00:00:00Z"}, {"x": 1}])
def test_wrong_parameters_of_an_export_are_named(wrong: dict[str, Any]) -> None:
    good = {
        "outlet_ids": [str(uuid4())], "kind": "hour", "since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z",
    }  # fmt: skip
    assert check(good)["format"] == "csv"
    with pytest.raises(InvalidError):
        check(good | wrong)


async def test_the_origin_of_values_stays_known_when_a_day_is_sealed(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    times = [T + timedelta(minutes=i) for i in range(6)]
    await ingest.send(outlet, ReadingKind.MINUTE, *((at, {"w01018": 1.0}) for at in times))
    ingest.clock.advance(timedelta(hours=1))
    await ingest.send(outlet, ReadingKind.MINUTE, (times[3], {"w01018": 2.0}))
    mine = ingest.as_(Role.ENTERPRISE, enterprise_id=enterprise_uuid("E1"))
    span = {"kind": ReadingKind.MINUTE, "since": T, "until": T + timedelta(minutes=5)}
    before = await mine.list_origins(outlet, **span)
    state = ingest.app.state
    await SealService(state.db, state.intake.dictionaries, state.clock, timedelta(days=14)).run()
    with pytest.raises(ServiceCallError) as refused:
        await ingest.as_(Role.ENTERPRISE, enterprise_id=enterprise_uuid("E2")).list_origins(outlet, **span)

    assert await mine.list_origins(outlet, **span) == before
    assert [(run.since, run.rows, run.received_last, run.source, run.rev) for run in before] == [
        (T, 3, NOW, "api:loader", 0), (times[3], 1, NOW + timedelta(hours=1), "api:loader", 1),
        (times[4], 1, NOW, "api:loader", 0),
    ]  # fmt: skip
    assert refused.value.status == 404
