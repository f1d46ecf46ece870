from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.ingest import enterprise_uuid
from shared.http import encode_cursor
from tests.identity.conftest import World, organisation_id

ADMIN_ENDPOINTS: list[tuple[str, str, Any]] = [
    ("GET", "/v1/accounts", None),
    ("POST", "/v1/accounts", {}),
    ("PATCH", f"/v1/accounts/{uuid4()}", {"active": False}),
    ("GET", "/v1/organisations", None),
    ("POST", "/v1/organisations", {}),
    ("GET", "/v1/clients", None),
    ("POST", "/v1/clients", {}),
    ("PATCH", "/v1/clients/plant", {"active": False}),
    ("POST", "/v1/keys", None),
]
OPEN = {
    "/healthz", "/readyz", "/.well-known/jwks.json", "/oauth/token", "/v1/sessions", "/v1/sessions/token",
    "/v1/sessions/end",
}  # fmt: skip


async def statuses(
    world: World, endpoints: list[tuple[str, str, Any]], headers: dict[str, str]
) -> list[tuple[str, str, int, str]]:
    answers = [
        (method, path, await world.http.request(method, path, json=body, headers=headers))
        for method, path, body in endpoints
    ]
    return [(method, path, answer.status_code, answer.json().get("code")) for method, path, answer in answers]


def account(**change: Any) -> dict[str, Any]:
    return {
        "username": "carol", "password": "long-enough", "name_zh": "卡罗", "roles": ["enterprise"],
        "organisation_id": organisation_id("beta"),
    } | change  # fmt: skip


@pytest.mark.parametrize("who", ["alice", "zhou", "wang"])
async def test_only_administrators(world: World, who: str) -> None:
    headers = await world.headers(who)

    assert await statuses(world, ADMIN_ENDPOINTS, headers) == [(*row[:2], 403, "forbidden") for row in ADMIN_ENDPOINTS]


async def test_nothing_without_a_token(world: World) -> None:
    endpoints = [*ADMIN_ENDPOINTS, ("GET", "/v1/accounts/me", None)]

    assert await statuses(world, endpoints, {}) == [(*row[:2], 401, "unauthenticated") for row in endpoints]


def test_every_endpoint_is_open_on_purpose_or_in_a_table() -> None:
    from services.identity.main import create_app
    from tests.identity.conftest import make_settings

    paths = create_app(make_settings("postgresql+asyncpg://x@localhost/x")).openapi()["paths"]
    named = {path.replace("plant", "{client_id}") if "clients/" in path else path for _, path, _ in ADMIN_ENDPOINTS}
    named = {"/v1/accounts/{account_id}" if path.startswith("/v1/accounts/") else path for path in named}
    assert set(paths) == OPEN | named | {"/v1/accounts/me"}


async def test_made_account_logs_in(world: World) -> None:
    admin = await world.headers("admin")

    made = await world.http.post("/v1/accounts", json=account(), headers=admin)
    assert made.status_code == 201
    assert made.json()["enterprise_id"] == str(enterprise_uuid("E-002"))
    assert "password" not in made.text
    assert "long-enough" not in made.text
    assert (await world.log_in("carol", "long-enough")).status_code == 201
    stored = (await world.rows("select password_hash from accounts where username = 'carol'"))[0][0]
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "long-enough" not in repr(await world.rows("select payload from audit_entry"))


IMPOSSIBLE: list[tuple[dict[str, Any], int, str]] = [
    ({"username": "alice"}, 409, "username_taken"),
    ({"username": "Carol"}, 422, "invalid"),
    ({"username": "c"}, 422, "invalid"),
    ({"password": "short"}, 422, "invalid"),
    ({"name_zh": ""}, 422, "invalid"),
    ({"name_zh": "a\u0000b"}, 422, "invalid"),
    ({"roles": []}, 422, "invalid"),
    ({"roles": ["king"]}, 422, "invalid"),
    ({"roles": ["officer"]}, 422, "invalid"),
    ({"roles": ["enterprise", "officer"]}, 422, "invalid"),
    ({"organisation_id": str(uuid4())}, 422, "invalid"),
    ({"organisation_id": organisation_id("bureau")}, 422, "invalid"),
    ({"organisation_id": organisation_id("bureau"), "roles": ["service"]}, 422, "invalid"),
    ({"is_admin": True}, 422, "invalid"),
]


async def test_accounts_that_cannot_be(world: World) -> None:
    headers = await world.headers("admin")

    for change, status, code in IMPOSSIBLE:
        answer = await world.http.post("/v1/accounts", json=account(**change), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code), change
        assert "long-enough" not in answer.text
    assert await world.rows("select count(*) from accounts") == [(5,)]


async def test_refused_password_is_not_repeated(world: World) -> None:
    answer = await world.http.post(
        "/v1/accounts", json=account(password="geheim"), headers=await world.headers("admin")
    )

    assert answer.status_code == 422
    assert "geheim" not in answer.text


async def test_roles_can_change_within_the_organisation_only(world: World) -> None:
    admin = await world.headers("admin")
    accounts = (await world.http.get("/v1/accounts", headers=admin)).json()["items"]
    wang = next(item["id"] for item in accounts if item["username"] == "wang")

    changed = await world.http.patch(f"/v1/accounts/{wang}", json={"roles": ["section_head"]}, headers=admin)
    assert changed.json()["roles"] == ["section_head"]
    refused = await world.http.patch(f"/v1/accounts/{wang}", json={"roles": ["enterprise"]}, headers=admin)
    assert refused.status_code == 422
    missing = await world.http.patch(f"/v1/accounts/{uuid4()}", json={"active": True}, headers=admin)
    assert (missing.status_code, missing.json()["code"]) == (404, "account_not_found")


async def test_changes_are_in_the_audit_trail(world: World) -> None:
    from shared.audit import entries, verify

    admin = await world.headers("admin")
    made = (await world.http.post("/v1/accounts", json=account(), headers=admin)).json()
    await world.http.patch(
        f"/v1/accounts/{made['id']}", json={"name_zh": "卡萝", "password": "another-one"}, headers=admin
    )

    async with world.app.state.db.transaction() as session:
        newest, first = (await entries(session, subject=f"account:{made['id']}"))[:2]
        verdict = await verify(session)
    assert (first.payload["action"], first.payload["actor_name"]) == ("account.add", "admin氏")
    assert newest.payload["before"]["name_zh"] == "卡罗"
    assert (newest.payload["after"]["name_zh"], newest.payload["after"]["password"]) == ("卡萝", "changed")
    assert "another-one" not in repr(newest)
    assert verdict.broken_at is None


async def test_accounts_come_in_pages(world: World) -> None:
    admin = await world.headers("admin")
    names: list[str] = []
    path: str | None = "/v1/accounts?limit=2"
    while path:
        answer = await world.http.get(path, headers=admin)
        names += [item["username"] for item in answer.json()["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else None
        assert (answer.json()["next"] is None) == (path is None)

    assert names == ["admin", "alice", "bob", "wang", "zhou"]


async def test_organisations_come_in_pages(world: World) -> None:
    admin = await world.headers("admin")
    first = await world.http.get("/v1/organisations?limit=3", headers=admin)
    rest = await world.http.get(first.links["next"]["url"], headers=admin)

    assert (len(first.json()), len(rest.json()), "next" in rest.links) == (3, 2, False)
    names = {item["name_en"] for item in first.json() + rest.json()}
    assert names == {"Office system", "Office hj", "Office bureau", "Office alpha", "Office beta"}


async def test_rubbish_cursor(world: World) -> None:
    headers = await world.headers("admin")
    rubbish = ["!!!", "ü", encode_cursor(), encode_cursor(1), encode_cursor("a", "b"), encode_cursor("\x00")]

    for path in ("/v1/accounts", "/v1/clients", "/v1/organisations"):
        for cursor in rubbish + [encode_cursor("no id")] * (path == "/v1/organisations"):
            answer = await world.http.get(path, params={"cursor": cursor}, headers=headers)
            assert (answer.status_code, answer.json()["context"]) == (422, {"field": "cursor"}), (path, cursor)


async def test_organisations(world: World) -> None:
    headers = await world.headers("admin")
    table = [
        ({"name_zh": "丙", "kind": "enterprise", "enterprise_id": str(enterprise_uuid("E-003"))}, 201),
        ({"name_zh": "丙", "kind": "enterprise"}, 422),
        ({"name_zh": "丙", "kind": "bureau", "enterprise_id": str(enterprise_uuid("E-003"))}, 422),
        ({"name_zh": "丙", "kind": "enterprise", "enterprise_id": str(enterprise_uuid("E-001"))}, 409),
        ({"name_zh": "丙", "kind": "club"}, 422),
    ]

    for body, status in table:
        answer = await world.http.post("/v1/organisations", json=body, headers=headers)
        assert answer.status_code == status, body


async def test_nobody_administers_beyond_the_body_limit(world: World) -> None:
    answer = await world.http.post("/v1/sessions", content=b"x" * 70_000, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")
