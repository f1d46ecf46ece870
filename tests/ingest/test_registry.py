from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import (
    DeviceIn,
    EnterpriseIn,
    EnterpriseOut,
    LimitIn,
    Medium,
    OutletFactor,
    OutletIn,
    OutletOut,
    ReadingKind,
    enterprise_uuid,
    outlet_uuid,
)
from shared.db import plain_dsn
from tests.ingest.conftest import NOW, Ingest

DAY = timedelta(days=1)


async def feed_of(ingest: Ingest) -> list[tuple[str, dict[str, Any]]]:
    answer = await ingest.http.get("/v1/feed", headers=ingest.tokens.headers(Role.SERVICE))
    return [(event["type"], event["data"]) for event in answer.json()]


async def audit_of(ingest: Ingest) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(plain_dsn(ingest.url))
    try:
        return [
            orjson.loads(row["payload"])
            for row in await connection.fetch("select payload from audit_entry order by id")
        ]
    finally:
        await connection.close()


async def test_an_enterprise_is_known_by_its_code_and_versioned(ingest: Ingest) -> None:
    given = EnterpriseIn(code="E-7", name_zh="清源污水厂", name_en="Clear Spring", trade="sewage", toxic=True)
    first = await ingest.client.add_enterprise(given)
    same = await ingest.client.add_enterprise(given)
    ingest.clock.advance(DAY)
    changed = await ingest.client.add_enterprise(given.model_copy(update={"near_homes": True}))

    assert first == EnterpriseOut(**given.model_dump(), id=enterprise_uuid("E-7"), version=1, changed_at=NOW)
    assert same == first
    assert (changed.version, changed.near_homes, changed.changed_at) == (2, True, NOW + DAY)
    assert await ingest.client.get_enterprise(first.id) == changed
    assert await feed_of(ingest) == [
        ("ingest.enterprise.changed.v1", item.model_dump(mode="json")) for item in (first, changed)
    ]
    entries = await audit_of(ingest)
    assert [(entry["action"], entry["actor_name"], entry["subject"]) for entry in entries] == [
        ("enterprise.added", "loader", f"enterprise:{first.id}"),
        ("enterprise.changed", "loader", f"enterprise:{first.id}"),
    ]
    assert (entries[1]["before"]["near_homes"], entries[1]["after"]["near_homes"]) == (False, True)


async def test_an_outlet_carries_factors_and_limits_in_answer_and_feed(ingest: Ingest) -> None:
    enterprise_id = await ingest.enterprise("E-7")
    given = OutletIn(
        enterprise_id=enterprise_id, code="DW001", name_zh="总排口", medium=Medium.WATER, minute_interval=5,
        factors=[OutletFactor(factor="w01018", unit="mg/L", span_low=0, span_high=200, resolution=0.1)],
    )  # fmt: skip
    outlet = await ingest.client.add_outlet(given)
    limit = await ingest.client.add_limit(LimitIn(outlet_id=outlet.id, factor="w01018", upper=50.0, valid_from=NOW))
    after = await ingest.client.get_outlet(outlet.id)
    renamed = await ingest.client.add_outlet(given.model_copy(update={"name_en": "Main"}))

    assert outlet == OutletOut(
        **given.model_dump(), id=outlet_uuid("E-7", "DW001"), version=1, changed_at=NOW, limits=[]
    )
    assert (after.limits, after.version) == ([limit], 2)
    assert (renamed.limits, renamed.version, renamed.name_en) == ([limit], 3, "Main")
    assert (await ingest.client.list_outlets(enterprise_id=enterprise_id)).items == [renamed]
    assert [data for name, data in await feed_of(ingest) if name == "ingest.outlet.changed.v1"] == [
        item.model_dump(mode="json") for item in (outlet, after, renamed)
    ]


async def test_a_new_limit_ends_the_one_before(ingest: Ingest) -> None:
    outlet = await ingest.outlet()

    async def put(upper: float, day: int, **fields: Any) -> UUID:
        given = LimitIn(outlet_id=outlet, factor="w01018", upper=upper, valid_from=NOW + day * DAY, **fields)
        return (await ingest.client.add_limit(given)).id

    await put(60.0, 0)
    await put(40.0, 20)
    middle = await put(50.0, 10)
    await put(150.0, 5, averaging=ReadingKind.DAY)
    replaced = await put(45.0, 10)
    limits = [item for item in await ingest.client.list_limits(outlet_id=outlet) if item.averaging is ReadingKind.HOUR]

    assert [(item.upper, item.valid_from, item.valid_to) for item in limits] == [
        (60.0, NOW, NOW + 10 * DAY), (45.0, NOW + 10 * DAY, NOW + 20 * DAY), (40.0, NOW + 20 * DAY, None),
    ]  # fmt: skip
    assert replaced == middle


async def test_a_device_is_known_by_its_mn_and_its_password_is_never_told(ingest: Ingest) -> None:
    one, two = await ingest.outlet("A"), await ingest.outlet("B")
    first = await ingest.client.add_device(DeviceIn(outlet_id=one, mn="MN/1", password="hunter", edition="2005"))
    moved = await ingest.client.add_device(DeviceIn(outlet_id=two, mn="MN/1", password="hunter", edition="2005"))
    answer = await ingest.http.get("/v1/devices", headers=ingest.tokens.headers(Role.ADMIN))

    assert (first.id, first.outlet_id, moved.outlet_id, first.has_password) == (moved.id, one, two, True)
    assert [item["mn"] for item in answer.json()["items"]] == ["MN/1"]
    assert "hunter" not in answer.text
    assert "hunter" not in repr(await audit_of(ingest)) + repr(await feed_of(ingest))


async def test_a_password_left_out_stays_and_null_removes_it(ingest: Ingest) -> None:
    one = await ingest.outlet("A")
    add = ingest.client.add_device
    await add(DeviceIn(outlet_id=one, mn="MN/1", password="hunter"))
    kept = await add(DeviceIn(outlet_id=one, mn="MN/1", edition="2005"))
    gone = await add(DeviceIn(outlet_id=one, mn="MN/1", edition="2005", password=None))

    assert (kept.has_password, kept.edition, gone.has_password) == (True, "2005", False)


async def test_factors_have_names_units_and_hazard(ingest: Ingest) -> None:
    factors = {factor.code: factor for factor in await ingest.client.list_factors()}

    assert (factors["w01018"].name_zh, factors["w01018"].unit, factors["w01018"].medium) == (
        "化学需氧量",
        "mg/L",
        "water",
    )
    assert (factors["a21026"].medium, factors["Leq"].medium) == (Medium.GAS, None)
    hazardous = {code for code, factor in factors.items() if factor.hazardous}
    assert {"w20111", "w20117", "a20057"} <= hazardous
    assert {"w01018", "w21003", "a21026", "w20122"}.isdisjoint(hazardous)


async def test_every_hazardous_code_is_a_code_of_the_tables() -> None:
    from services.ingest.domain.factors import catalogue, hazardous_codes

    assert hazardous_codes() - catalogue().keys() == set()


async def test_lists_page_to_the_end(ingest: Ingest) -> None:
    for number in range(5):
        await ingest.outlet("same", enterprise=f"E{number}", mn=f"MN{number}")

    async def pages(path: str) -> list[list[str]]:
        found, url = [], f"{path}?limit=2"
        while url:
            answer = await ingest.http.get(url, headers=ingest.tokens.headers(Role.ADMIN))
            found.append([item.get("mn", item["id"]) for item in answer.json()["items"]])
            url = str(answer.links["next"]["url"]) if "next" in answer.links else ""
            assert bool(url) == (answer.json()["next"] is not None)
        return found

    enterprises, outlets, devices = [await pages(f"/v1/{name}") for name in ("enterprises", "outlets", "devices")]

    assert [item for page in enterprises for item in page] == [
        str(enterprise_uuid(f"E{number}")) for number in range(5)
    ]
    assert [len(page) for page in outlets] == [2, 2, 1]
    assert {item for page in outlets for item in page} == {
        str(outlet_uuid(f"E{number}", "same")) for number in range(5)
    }
    assert [item for page in devices for item in page] == [f"MN{number}" for number in range(5)]


async def test_enterprises_are_found_by_part_of_a_name(ingest: Ingest) -> None:
    await ingest.client.add_enterprise(
        EnterpriseIn(code="A", name_zh="北岸热电", name_en="North Bank Power", trade="power")
    )
    await ingest.client.add_enterprise(EnterpriseIn(code="B_2", name_zh="南岸纸业", trade="paper"))

    found = {
        q: [item.code for item in (await ingest.client.list_enterprises(q=q)).items] for q in ("岸", "bank", "_", "x")
    }

    assert found == {"岸": ["A", "B_2"], "bank": ["A"], "_": ["B_2"], "x": []}


FACTOR = {"factor": "w01018"}
OUTLET = {"code": "X", "name_zh": "x", "medium": "water"}
REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("/v1/enterprises", {"code": "a b", "name_zh": "x", "trade": "y"}, 422, "body.code"),
    ("/v1/enterprises", {"code": "a", "name_zh": "x", "trade": "y", "colour": 1}, 422, "body.colour"),
    ("/v1/outlets", OUTLET | {"enterprise_id": str(UUID(int=9))}, 404, "no such enterprise"),
    ("/v1/outlets", OUTLET | {"factors": [FACTOR, FACTOR]}, 422, "named twice"),
    ("/v1/outlets", OUTLET | {"factors": [FACTOR | {"span_low": 2, "span_high": 1}]}, 422, "span"),
    ("/v1/devices", {"outlet_id": str(UUID(int=9)), "mn": "MN1"}, 404, "no such outlet"),
    ("/v1/devices", {"outlet_id": str(UUID(int=9)), "mn": "M N"}, 422, "body.mn"),
    ("/v1/limits", FACTOR | {"valid_from": "2026-01-01T00:00:00Z"}, 422, "upper, lower or both"),
    ("/v1/limits", FACTOR | {"upper": 1, "lower": 2, "valid_from": "2026-01-01T00:00:00Z"}, 422, "below upper"),
    ("/v1/limits", FACTOR | {"upper": 1, "averaging": "minute", "valid_from": "2026-01-01T00:00:00Z"}, 422,
     "hour or the day"),
    ("/v1/limits", FACTOR | {"upper": 1, "valid_from": "2026-01-01T00:00:00Z", "valid_to": "2025-01-01T00:00:00Z"}, 422,
     "after valid_from"),
    ("/v1/limits", FACTOR | {"upper": "Infinity", "valid_from": "2026-01-01T00:00:00Z"}, 422, "finite"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status", "says"), REFUSED)
async def test_wrong_entries_are_refused(
    ingest: Ingest, path: str, body: dict[str, Any], status: int, says: str
) -> None:
    outlet = await ingest.outlet()
    known = {"/v1/outlets": {"enterprise_id": str(enterprise_uuid("E1"))}, "/v1/limits": {"outlet_id": str(outlet)}}
    before = len(await feed_of(ingest))
    answer = await ingest.http.post(
        path, json={**known.get(path, {}), **body}, headers=ingest.tokens.headers(Role.SERVICE)
    )

    assert answer.status_code == status
    assert says in answer.json()["detail"]
    assert len(await feed_of(ingest)) == before


T = datetime(2026, 2, 28, tzinfo=UTC)
SPAN = "since=2026-02-28T00:00:00Z&until=2026-03-01T00:00:00Z"


@pytest.mark.parametrize(
    ("path", "own", "foreign"),
    [
        ("/v1/enterprises", 1, None),
        ("/v1/enterprises/{enterprise}", 200, 404),
        ("/v1/outlets", 1, None),
        ("/v1/outlets?enterprise_id={enterprise}", 1, 404),
        ("/v1/outlets/{outlet}", 200, 404),
        ("/v1/devices", 1, None),
        ("/v1/devices?outlet_id={outlet}", 1, 0),
        ("/v1/limits", 1, None),
        ("/v1/limits?outlet_id={outlet}", 1, 0),
        (f"/v1/readings?outlet_id={{outlet}}&kind=hour&{SPAN}", 1, 404),
        (f"/v1/outlets/{{outlet}}/series?factor=w01018&kind=hour&{SPAN}", 200, 404),
        (f"/v1/completeness?{SPAN}", 1, None),
        (f"/v1/completeness?outlet_id={{outlet}}&{SPAN}", 1, 0),
        (f"/v1/completeness?enterprise_id={{enterprise}}&{SPAN}", 1, 404),
        ("/v1/freshness", 200, None),
        ("/v1/packets", 403, None),
        ("/v1/feed", 403, None),
    ],
)
async def test_an_enterprise_sees_its_own_only(ingest: Ingest, path: str, own: int, foreign: int | None) -> None:
    for number in (1, 2):
        outlet = await ingest.outlet("W", enterprise=f"E{number}", mn=f"MN{number}")
        await ingest.send(outlet, ReadingKind.HOUR, (T, {"w01018": 1.0}))
        await ingest.client.add_limit(LimitIn(outlet_id=outlet, factor="w01018", upper=9.0, valid_from=T))
    me = ingest.tokens.headers(Role.ENTERPRISE, enterprise_id=enterprise_uuid("E1"))

    async def ask(code: str) -> int:
        url = path.format(enterprise=enterprise_uuid(code), outlet=outlet_uuid(code, "W"))
        answer = await ingest.http.get(url, headers=me)
        data = answer.json()
        things = data.get("items") if isinstance(data, dict) else data
        return len(things) if answer.is_success and things is not None else answer.status_code

    assert await ask("E1") == own
    if foreign is not None:
        assert await ask("E2") == foreign


async def test_freshness_counts_the_callers_own_outlets(ingest: Ingest) -> None:
    for number in (1, 2):
        await ingest.outlet("W", enterprise=f"E{number}")
    mine = ingest.as_(Role.ENTERPRISE, enterprise_id=enterprise_uuid("E1"))

    assert ((await mine.freshness()).outlets, (await ingest.client.freshness()).outlets) == (1, 2)


@pytest.mark.parametrize(
    ("roles", "own", "sees"),
    [
        ((Role.ENTERPRISE,), True, True), ((Role.SUPERVISOR,), False, True), ((Role.OFFICER,), False, True),
        ((Role.ADMIN,), False, True), ((Role.SERVICE,), False, True), ((Role.AUDITOR,), False, False),
    ],
)  # fmt: skip
async def test_who_sees_the_contact(ingest: Ingest, roles: tuple[Role, ...], own: bool, sees: bool) -> None:  # noqa: FBT001
    enterprise = await ingest.enterprise("E1", contact_name="王工", contact_phone="13800000000")
    client = ingest.as_(*roles, enterprise_id=enterprise if own else None)
    one = await client.get_enterprise(enterprise)
    (listed,) = (await client.list_enterprises()).items

    expected = ("王工", "13800000000") if sees else ("", "")
    assert (one.contact_name, one.contact_phone) == (listed.contact_name, listed.contact_phone) == expected


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        (Role.SUPERVISOR, "/v1/enterprises", 403), (Role.ENTERPRISE, "/v1/outlets", 403),
        (Role.AUDITOR, "/v1/devices", 403), (Role.SUPERVISOR, "/v1/limits", 403), (Role.OFFICER, "/v1/readings", 403),
        (Role.ENTERPRISE, "/v1/readings", 403),
    ],
)  # fmt: skip
async def test_who_may_not_write(ingest: Ingest, role: Role, path: str, status: int) -> None:
    answer = await ingest.http.post(path, json={}, headers=ingest.tokens.headers(role, enterprise_id=uuid4()))

    assert answer.status_code in {status, 422}
    assert answer.status_code == status or "body" in answer.json()["detail"]


@pytest.mark.parametrize("header", ["", "Bearer x.y.z", "Basic abc", "expired"])
async def test_a_forged_or_expired_token_is_refused(ingest: Ingest, header: str) -> None:
    expired = ingest.tokens.headers(Role.ADMIN, lifetime=timedelta(minutes=-5))
    answer = await ingest.http.get("/v1/outlets", headers=expired if header == "expired" else {"Authorization": header})

    assert answer.status_code == 401


async def test_an_unknown_enterprise_is_not_found(ingest: Ingest) -> None:
    with pytest.raises(ServiceCallError) as missing:
        await ingest.client.get_enterprise(uuid4())

    assert (missing.value.status, missing.value.code) == (404, "enterprise_not_found")
