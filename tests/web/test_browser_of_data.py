"""The outlet's data browser over the real ingest service."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from services.ingest.main import create_app as create_ingest
from services.ingest.settings import Settings
from shared.auth import Role
from shared.clients.ingest import IngestClient
from shared.clock import FixedClock
from shared.contracts.ingest import (
    EnterpriseIn,
    LimitIn,
    Medium,
    OutletFactor,
    OutletIn,
    ReadingKind,
    ReadingRow,
    ReadingsIn,
    Series,
    SeriesLimit,
)
from shared.testing import running
from tests.conftest import MakeDatabase
from tests.web.conftest import make_settings
from tests.web.makers import NOW
from tests.web.park import PASSWORD, Park
from web.browse import Gap, columns_of, gaps_of, read_window, rows_of, summary_of
from web.main import create_app

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def _series(*values: float | None, flags: dict[int, str] | None = None, agg: str = "raw") -> Series:
    limit = SeriesLimit(
        upper=5.0, lower=None, averaging=ReadingKind.HOUR, valid_from=T0, valid_to=T0 + timedelta(hours=3)
    )
    return Series(
        outlet_id=UUID(int=1), factor="w01018", kind=ReadingKind.HOUR, unit="mg/L", t0=int(T0.timestamp()), step=3600,
        v=list(values), flags=flags or {}, agg=agg, limits=[limit],
    )  # fmt: skip


def test_gaps_end_now_and_an_envelope_has_none() -> None:
    series = _series(None, 1.0, None, None, 2.0, None, None, None)
    now = T0 + timedelta(hours=7)
    hour = timedelta(hours=1)

    assert gaps_of(series, now) == [
        Gap(T0, T0 + hour, 1),
        Gap(T0 + 2 * hour, T0 + 4 * hour, 2),
        Gap(T0 + 5 * hour, T0 + 7 * hour, 2),
    ]
    assert gaps_of(_series(None, None, agg="minmax"), now) == []


def test_summary_counts_what_is_valid_and_over_the_limit_in_force() -> None:
    series = _series(4.0, 6.0, None, 9.0, 5.0, flags={4: "M"})

    summary = summary_of(series, T0 + timedelta(hours=5))

    assert (summary.least, summary.mean, summary.greatest) == (4.0, 6.0, 9.0)
    assert (summary.present, summary.valid) == (0.8, pytest.approx(0.6))
    assert summary.over == 1  # the fourth is over 5 too, but the limit ended before it


def test_rows_hold_all_factors_and_leave_empty_times_out() -> None:
    rows = rows_of([_series(1.0, None, None), _series(None, 2.0, None, flags={1: "D"})])
    assert rows == [
        (T0 + timedelta(hours=1), [(None, ""), (2.0, "D")]),
        (T0, [(1.0, "N"), (None, "")]),
    ]
    table = {
        "factor": ["b", "a", "a", "x"],
        "at": [T0, T0, NOW, NOW],
        "value": [1.0, 2.0, None, 0.0],
        "flag": list("NMDN"),
    }
    assert columns_of(table, ["a", "b"]) == [(T0, [(2.0, "M"), (1.0, "N")]), (NOW, [(None, "D"), (None, "")])]


@pytest.mark.parametrize(
    ("since", "until", "understood"),
    [
        ("2026-03-01T08:00", "2026-03-01T20:00", True),
        ("2026-03-01T20:00", "2026-03-01T08:00", False),
        ("2020-01-01T00:00", "2026-03-01T08:00", False),
        ("yesterday", "2026-03-01T08:00", False),
        ("2026-03-01T08:00", "", False),
    ],
)
def test_spans_that_are_not_understood_show_the_usual_one(since: str, until: str, *, understood: bool) -> None:
    window, _, known = read_window(since, until, "", NOW)
    assert known is understood
    expected = T0 if understood else NOW - timedelta(days=1)
    assert window.since == expected


@pytest.fixture
async def portal(park: Park, make_database: MakeDatabase) -> AsyncIterator[tuple[httpx.AsyncClient, IngestClient]]:
    url = await make_database("ingest")
    ingest: FastAPI = create_ingest(Settings(database_url=url, jobs=False, urls={"identity": "http://identity"}))
    ingest.state.verifier, ingest.state.clock = park.tokens.verifier(), FixedClock(NOW)
    network = park.network()
    network.apps["ingest"] = ingest
    async with running(ingest), running(create_app(make_settings(), network), "portal") as browser:
        browser.headers["Origin"] = "http://portal"
        async with IngestClient("http://ingest", transport=httpx.ASGITransport(ingest), attempts=1) as client:
            yield browser, client.as_user(park.tokens.token(Role.SERVICE))


async def _outlet(client: IngestClient) -> UUID:
    firm = await client.add_enterprise(EnterpriseIn(code="E1", name_zh="某企业", trade="sewage"))
    factors = [OutletFactor(factor=code, unit="mg/L") for code in ("w01018", "w21003")]
    given = OutletIn(enterprise_id=firm.id, code="W1", name_zh="总排口", medium=Medium.WATER, factors=factors)
    outlet = (await client.add_outlet(given)).id
    start = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(hours=20)
    await client.add_limit(LimitIn(outlet_id=outlet, factor="w01018", upper=50.0, unit="mg/L", valid_from=start))
    rows = [
        ReadingRow(at=start + timedelta(hours=hour), values={"w01018": 40.0 + hour, "w21003": 2.5})
        for hour in range(20)
        if hour not in (5, 6)
    ]
    await client.post_readings(ReadingsIn(outlet_id=outlet, kind=ReadingKind.HOUR, rows=rows))
    return outlet


async def test_curves_numbers_gaps_table_and_csv(portal: tuple[httpx.AsyncClient, IngestClient]) -> None:
    browser, client = portal
    outlet = await _outlet(client)
    await browser.post("/login", data={"username": "wang", "password": PASSWORD})
    query = "factor=w01018&factor=w21003&kind=hour&range=24h"

    shown = (await browser.get(f"/outlets/{outlet}/data?{query}")).text
    assert shown.count('class="plot') == 2
    assert "化学需氧量" in shown
    assert 'aria-label="化学需氧量' in shown
    assert "59" in shown
    assert "2 · 2 小时" in shown
    assert f"/commands/new?outlet={outlet}&amp;code=fetch_hours&amp;since=" in shown
    table = (await browser.get(f"/outlets/{outlet}/data/table?{query}")).text
    assert table.count("<tr>") == 1 + 18
    csv = (await browser.get(f"/outlets/{outlet}/data.csv?{query}")).text.splitlines()
    assert csv[0].endswith("time,w01018 (mg/L),w01018 flag,w21003 (mg/L),w21003 flag")
    assert len(csv) == 1 + 18
    assert csv[1].split(",")[1:] == ["40.0", "N", "2.5", "N"]
    part = await browser.get(f"/outlets/{outlet}/data?{query}", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    wrong = (await browser.get(f"/outlets/{outlet}/data?since=x&until=y", headers={"Accept-Language": "en"})).text
    assert "From and to must be times" in wrong


async def test_a_foreign_enterprise_finds_nothing(portal: tuple[httpx.AsyncClient, IngestClient]) -> None:
    browser, client = portal
    outlet = await _outlet(client)
    await browser.post("/login", data={"username": "hengze", "password": PASSWORD})
    for path in ("data", "data/table", "data.csv"):
        assert (await browser.get(f"/outlets/{outlet}/{path}")).status_code == 404
