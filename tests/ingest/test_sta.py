"""SensorThings 1.1 as the clients of the field ask for it: FROST's Python client, Grafana's and QGIS's requests."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import frost_sta_client as fsc
import httpx
import pytest
import requests
import uvicorn
from fastapi import FastAPI

from shared.auth import Role
from shared.contracts.ingest import LimitIn, ReadingKind, ReadingRow, ReadingsIn
from tests.ingest.conftest import Ingest

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 1_400
STA = "/sta/v1.1"


async def _park(ingest: Ingest) -> tuple[UUID, UUID]:
    """Two enterprises with an outlet each; the first has 1,400 hour means, three of them with a flag or a gap."""
    ours = await ingest.outlet("W1", "E1", latitude=31.3, longitude=120.7)
    theirs = await ingest.outlet("W2", "E2")
    await ingest.client.add_limit(LimitIn(outlet_id=ours, factor="w01018", upper=50.0, unit="mg/L", valid_from=START))
    for start in range(0, HOURS, 700):
        rows = [
            ReadingRow(
                at=START + timedelta(hours=hour),
                values={"w01018": None if hour == 7 else float(hour)},
                flags={"w01018": "D"} if hour in (8, 9) else {},
            )
            for hour in range(start, start + 700)
        ]
        await ingest.client.post_readings(ReadingsIn(outlet_id=ours, kind=ReadingKind.HOUR, rows=rows))
    await ingest.send(theirs, ReadingKind.HOUR, (START, {"w01018": 1.0}))
    return ours, theirs


def _headers(ingest: Ingest, *roles: Role, **options: Any) -> dict[str, str]:
    return ingest.tokens.headers(*(roles or (Role.SERVICE,)), **options)


async def _get(ingest: Ingest, path: str, status: int = 200, **options: Any) -> dict[str, Any]:
    response = await ingest.http.get(f"{STA}{path}", headers=options.pop("headers", _headers(ingest)), **options)
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


@asynccontextmanager
async def _on_a_socket(app: FastAPI) -> AsyncIterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        task = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{STA}"
        server.should_exit = True
        await task


class _Bearer(fsc.AuthHandler):
    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__()
        self.headers = headers

    def add_auth_header(self) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
        def add(request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers.update(self.headers)
            return request

        return add


@pytest.mark.filterwarnings("ignore:furl.pathstr:DeprecationWarning")  # of the client itself
async def test_frost_client_walks_from_thing_to_every_observation(ingest: Ingest) -> None:
    outlet, _ = await _park(ingest)

    def read(url: str) -> tuple[list[str], list[str], list[Any], float]:
        service = fsc.SensorThingsService(url, auth_handler=_Bearer(_headers(ingest)))
        things = [thing.name for thing in service.things().query().orderby("name", "asc").list()]
        thing = service.things().find(str(outlet))
        streams = thing.get_datastreams().query().filter("properties/kind eq 'hour' and properties/factor eq 'w01018'")
        stream = streams.list().get(0)
        observations = list(stream.get_observations().query().orderby("phenomenonTime", "asc").list())
        last = stream.get_observations().query().orderby("phenomenonTime", "desc").top(1).list().get(0)
        return things, [item.name for item in streams.list()], [item.result for item in observations], last.result

    async with _on_a_socket(ingest.app) as url:
        things, streams, results, last = await asyncio.to_thread(read, url)

    assert things == ["企业E1 排口W1", "企业E2 排口W2"]
    assert streams == ["企业E1 排口W1 · 化学需氧量 · hour"]
    assert results == [None if hour == 7 else float(hour) for hour in range(HOURS)]
    assert last == HOURS - 1


async def test_index_names_the_sets_and_what_is_served(ingest: Ingest) -> None:
    index = await _get(ingest, "")
    assert [item["name"] for item in index["value"]] == [
        "Things", "Locations", "HistoricalLocations", "Datastreams", "Sensors", "ObservedProperties", "Observations",
        "FeaturesOfInterest",
    ]  # fmt: skip
    assert index["value"][0]["url"] == "http://ingest/sta/v1.1/Things"
    assert index["serverSettings"]["conformance"]
    behind = await _get(ingest, "", headers={**_headers(ingest), "X-Forwarded-Host": "park.example"})
    assert behind["value"][0]["url"] == "http://park.example/sta/v1.1/Things"


async def test_requests_of_the_grafana_plugin(ingest: Ingest) -> None:
    outlet, _ = await _park(ingest)
    found = await _get(
        ingest, "/Things?$filter=startswith(name,'企业E1') and startswith(name,'企业')&$count=true&$top=10"
    )
    assert (found["@iot.count"], [item["@iot.id"] for item in found["value"]]) == (1, [str(outlet)])
    streams = await _get(ingest, f"/Things('{outlet}')/Datastreams?$count=true&$top=3&$skip=0")
    assert (streams["@iot.count"], len(streams["value"])) == (8, 3)
    assert "@iot.nextLink" not in streams

    stream = f"{outlet}:w01018:hour"
    one = await _get(ingest, f"/Datastreams('{stream}')")
    assert one["unitOfMeasurement"]["symbol"] == "mg/L"
    assert one["properties"]["limits"][0]["upper"] == 50.0
    query = (
        "$orderby=phenomenonTime asc&$filter=phenomenonTime ge 2026-01-01T06:00:00.000Z"
        " and phenomenonTime le 2026-01-01T09:00:00.000Z&$top=1000"
    )
    page = await _get(ingest, f"/Datastreams('{stream}')/Observations?{query}")
    assert [(item["phenomenonTime"], item["result"], item["resultQuality"]) for item in page["value"]] == [
        ("2026-01-01T06:00:00Z", 6.0, "N"),
        ("2026-01-01T07:00:00Z", None, "N"),
        ("2026-01-01T08:00:00Z", 8.0, "D"),
        ("2026-01-01T09:00:00Z", 9.0, "D"),
    ]


async def test_requests_of_qgis(ingest: Ingest) -> None:
    outlet, _ = await _park(ingest)
    assert (await _get(ingest, "/Locations?$top=0&$count=true")) == {"@iot.count": 1, "value": []}
    inside = "POLYGON ((120 31, 121 31, 121 32, 120 32, 120 31))"
    outside = inside.replace("120", "110").replace("121", "111")
    for polygon, ids in ((inside, [str(outlet)]), (outside, [])):
        url = f"/Locations?$top=200&$filter=geo.intersects(location, geography'{polygon}')"
        assert [item["@iot.id"] for item in (await _get(ingest, url))["value"]] == ids
    place = (await _get(ingest, "/Locations"))["value"][0]
    assert place["location"] == {"type": "Point", "coordinates": [120.7, 31.3]}
    expanded = await _get(ingest, "/Things?$expand=Locations($select=location),Datastreams($top=1;$expand=Sensor)")
    first = next(item for item in expanded["value"] if item["@iot.id"] == str(outlet))
    assert first["Locations"][0]["location"]["type"] == "Point"
    assert first["Datastreams"][0]["Sensor"]["name"] == "排口W1 · 化学需氧量"


async def test_observations_page_by_next_link_in_both_orders(ingest: Ingest) -> None:
    outlet, _ = await _park(ingest)
    for order, expected in (("asc", list(range(HOURS))), ("desc", list(range(HOURS))[::-1])):
        url: str | None = (
            f"{STA}/Datastreams('{outlet}:w01018:hour')/Observations?$orderby=phenomenonTime {order}&$count=true"
        )
        results: list[Any] = []
        while url:
            page = (await ingest.http.get(url, headers=_headers(ingest))).json()
            assert page["@iot.count"] == HOURS
            results += [item["result"] for item in page["value"]]
            url = page.get("@iot.nextLink")
        assert results == [None if hour == 7 else float(hour) for hour in expected]


async def test_filters_on_results_and_quality(ingest: Ingest) -> None:
    outlet, _ = await _park(ingest)
    base = f"/Datastreams('{outlet}:w01018:hour')/Observations"
    flagged = await _get(ingest, f"{base}?$filter=resultQuality eq 'D'")
    assert [item["result"] for item in flagged["value"]] == [8.0, 9.0]
    high = await _get(ingest, f"{base}?$filter=result gt 1390 and 1393 ge result&$count=true&$skip=1")
    assert (high["@iot.count"], [item["result"] for item in high["value"]]) == (3, [1392.0, 1393.0])
    one = await _get(ingest, f"/Observations('{flagged['value'][0]['@iot.id']}')")
    assert one["result"] == 8.0
    assert (await _get(ingest, f"/Observations('{one['@iot.id']}')/Datastream"))["@iot.id"] == f"{outlet}:w01018:hour"


WRONG = (
    ("/Things?$filter=name eq", 400, "understood"),
    ("/Things?$filter=nothing eq 'x'", 400, "nothing"),
    ("/Things?$filter=name gt 5", 400, "types"),
    ("/Things?$filter=matchesPattern(name,'(a+)+$')", 400, "matchesPattern"),
    ("/Things?$filter=" + "a" * 5000, 400, "longer"),
    ("/Things?$top=-1", 400, "$top"),
    ("/Things?$skip=1000000", 400, "$skip"),
    ("/Things?$orderby=properties", 400, "order"),
    ("/Things?$expand=Nothing", 400, "Nothing"),
    ("/Things?$batch=1", 400, "$batch"),
    ("/Things?$expand=Datastreams/Thing/Datastreams/Thing", 400, "levels"),
    ("/Locations?$filter=geo.intersects(location, geography'POLYGON ((1 1, 2 2))')", 400, "corners"),
    ("/Things?$filter=geo.intersects(location, geography'POLYGON ((0 0, 1 0, 1 1, 0 0))')", 400, "place"),
    ("/Observations", 400, "one Datastream"),
    ("/Nothing", 404, "set"),
    ("/Things('00000000-0000-0000-0000-000000000000')", 404, "Things"),
    ("/Things(1)/Datastreams", 404, "Things"),
    ("/Datastreams('x:y:z')/Observations", 404, "Datastreams"),
    ("/Observations('nothing@5')", 404, "Observation"),
    ("/Things('a')/b/c", 404, "resource"),
)


async def test_what_is_wrong_is_said(ingest: Ingest) -> None:
    await ingest.outlet()
    for path, status, word in WRONG:
        problem = await _get(ingest, path, status)
        assert word in problem["detail"], path


async def test_an_enterprise_sees_only_its_own(ingest: Ingest) -> None:
    ours, theirs = await _park(ingest)
    own = (await ingest.client.get_outlet(ours)).enterprise_id
    headers = _headers(ingest, Role.ENTERPRISE, enterprise_id=own)
    for name in ("Things", "Datastreams", "Sensors", "Locations", "FeaturesOfInterest"):
        found = await _get(ingest, f"/{name}", headers=headers)
        assert found["value"]
        assert all(str(theirs) not in item["@iot.id"] for item in found["value"])
    for path in (
        f"/Things('{theirs}')", f"/Things('{theirs}')/Datastreams", f"/Datastreams('{theirs}:w01018:hour')",
        f"/Datastreams('{theirs}:w01018:hour')/Observations",
        f"/Observations('{theirs}:w01018:hour@{int(START.timestamp())}')",
    ):  # fmt: skip
        await _get(ingest, path, 404, headers=headers)


async def test_nobody_reads_without_a_token_or_a_client(ingest: Ingest) -> None:
    assert (await ingest.http.get(f"{STA}/Things")).status_code == 401
    bad = base64.b64encode(b"no colon").decode()
    assert (await ingest.http.get(f"{STA}/Things", headers={"Authorization": f"Basic {bad}"})).status_code == 401


async def test_a_tool_may_send_a_clients_id_and_secret(ingest: Ingest) -> None:
    await ingest.outlet()
    asked: list[str] = []

    def identity(request: httpx.Request) -> httpx.Response:
        form = request.read().decode()
        asked.append(form)
        if "client_secret=right" not in form:
            return httpx.Response(401, json={"error": "invalid_client"})
        token = ingest.tokens.token(Role.SERVICE)
        return httpx.Response(200, json={"access_token": token, "token_type": "Bearer", "expires_in": 300})

    ingest.app.state.client_logins._transport = httpx.MockTransport(identity)
    for secret, status in (("right", 200), ("right", 200), ("wrong", 401)):
        basic = base64.b64encode(f"grafana:{secret}".encode()).decode()
        response = await ingest.http.get(f"{STA}/Things", headers={"Authorization": f"Basic {basic}"})
        assert response.status_code == status
    assert len(asked) == 2
