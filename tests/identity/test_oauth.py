import base64
from datetime import datetime, timedelta

from shared.auth import ROLE_SCOPES, Role, TokenSource
from shared.contracts.ingest import enterprise_uuid
from shared.testing import Network
from tests.identity.conftest import SECRET, World


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


GRANT = {"grant_type": "client_credentials"}
RIGHT = {"client_id": "plant", "client_secret": f"plant-{SECRET}"}


async def test_client_gets_a_token_of_ten_minutes(world: World) -> None:
    answer = await world.client_token("plant")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 600)
    assert set(body["scope"].split()) == ROLE_SCOPES[Role.ENTERPRISE]
    principal = await world.app.state.verifier.verify(body["access_token"])
    assert (principal.subject, principal.name, principal.roles) == ("plant", "Program plant", {Role.ENTERPRISE})
    assert principal.tenant == enterprise_uuid("E-001")


async def test_basic_credentials(world: World) -> None:
    for secret in (f"plant-{SECRET}", "".join(f"%{byte:02x}" for byte in f"plant-{SECRET}".encode())):
        answer = await world.http.post("/oauth/token", data=GRANT, headers=basic("plant", secret))
        assert answer.status_code == 200


async def test_scope_is_narrowed(world: World) -> None:
    answer = await world.client_token("plant", scope="readings:read registry:read")

    assert answer.json()["scope"] == "readings:read registry:read"
    principal = await world.app.state.verifier.verify(answer.json()["access_token"])
    assert principal.scopes == {"readings:read", "registry:read"}


REFUSALS: list[tuple[dict[str, str], dict[str, str], int, str]] = [
    ({}, {}, 400, "invalid_request"),
    (RIGHT, {}, 400, "invalid_request"),
    ({"grant_type": "password", "username": "alice", "password": "pass-alice"}, {}, 400, "unsupported_grant_type"),
    ({"grant_type": "password", **RIGHT}, {}, 400, "unsupported_grant_type"),
    (GRANT, {}, 401, "invalid_client"),
    (GRANT | RIGHT | {"client_secret": "wrong"}, {}, 401, "invalid_client"),
    (GRANT | RIGHT | {"client_id": "nobody"}, {}, 401, "invalid_client"),
    (GRANT | RIGHT | {"client_id": "pla\x00nt"}, {}, 401, "invalid_client"),
    (GRANT | RIGHT, basic("plant", f"plant-{SECRET}"), 400, "invalid_request"),
    (GRANT | {"client_id": "root"}, basic("plant", f"plant-{SECRET}"), 400, "invalid_request"),
    (GRANT, basic("plant", "wrong"), 401, "invalid_client"),
    (GRANT, {"Authorization": "Basic %%%"}, 401, "invalid_client"),
    (GRANT, {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()}, 401, "invalid_client"),
    (GRANT | RIGHT | {"scope": "accounts:admin"}, {}, 400, "invalid_scope"),
    (GRANT | RIGHT | {"scope": "readings:read feed:read"}, {}, 400, "invalid_scope"),
]


async def test_refusals_are_those_of_the_standard(world: World) -> None:
    for form, headers, status, error in REFUSALS:
        answer = await world.http.post("/oauth/token", data=form, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (status, error), (form, headers)
        assert set(answer.json()) == {"error", "error_description"}
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers.get("WWW-Authenticate") == ('Basic realm="sanse"' if status == 401 else None)


async def test_json_instead_of_a_form(world: World) -> None:
    answer = await world.http.post("/oauth/token", json=GRANT | RIGHT)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_services_own_token_source(world: World) -> None:
    network = Network()
    network.apps["identity"] = world.app
    source = TokenSource("http://identity", "portal", f"portal-{SECRET}", network)

    principal = await world.app.state.verifier.verify(await source())
    assert principal.has(Role.SERVICE)
    assert "feed:read" in principal.scopes


async def test_made_client_works_until_it_is_closed(world: World) -> None:
    admin = await world.headers("admin")
    organisation = (await world.http.get("/v1/accounts/me", headers=admin)).json()["organisation_id"]
    body = {"name": "Grafana", "roles": ["auditor"], "organisation_id": organisation, "scopes": ["readings:read"]}

    made = await world.http.post("/v1/clients", json=body, headers=admin)
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    client = made.json()
    assert client["scopes"] == ["readings:read"]
    form = GRANT | {"client_id": client["client_id"], "client_secret": client["client_secret"]}
    token = await world.http.post("/oauth/token", data=form)
    assert token.json()["scope"] == "readings:read"

    world.advance(timedelta(minutes=1))
    listed = (await world.http.get("/v1/clients", headers=admin)).json()["items"]
    shown = next(item for item in listed if item["client_id"] == client["client_id"])
    assert shown["client_secret"] is None
    used = datetime.fromisoformat(shown["last_used_at"])
    assert used == world.clock.now() - timedelta(minutes=1)
    closed = await world.http.patch(f"/v1/clients/{client['client_id']}", json={"active": False}, headers=admin)
    assert closed.json()["active"] is False
    assert (await world.http.post("/oauth/token", data=form)).json()["error"] == "invalid_client"
    assert client["client_secret"] not in repr(await world.rows("select * from clients"))
    assert client["client_secret"] not in repr(await world.rows("select * from audit_entry"))


async def test_made_client_cannot_have_more_than_its_roles(world: World) -> None:
    admin = await world.headers("admin")
    organisation = (await world.http.get("/v1/accounts/me", headers=admin)).json()["organisation_id"]
    body = {"name": "x", "roles": ["auditor"], "organisation_id": organisation, "scopes": ["accounts:admin"]}

    answer = await world.http.post("/v1/clients", json=body, headers=admin)
    assert (answer.status_code, answer.json()["context"]["field"]) == (422, "scopes")
