from datetime import timedelta
from uuid import UUID

from services.identity.domain.sessions import ABSOLUTE, IDLE
from shared.auth import ROLE_SCOPES, Role
from shared.clients.identity import IdentityClient
from shared.contracts.identity import Login, SessionToken
from shared.contracts.ingest import enterprise_uuid
from shared.testing import Network
from tests.identity.conftest import MakeWorld, World, organisation_id

SECOND = timedelta(seconds=1)


async def test_log_in_answers_with_session_and_account(world: World) -> None:
    answer = await world.log_in("alice")

    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["account"] == {
        "id": body["account"]["id"], "username": "alice", "name_zh": "alice氏", "name_en": "Alice",
        "roles": ["enterprise"], "organisation_id": organisation_id("alpha"), "organisation_name_zh": "alpha单位",
        "organisation_name_en": "Office alpha", "organisation_kind": "enterprise",
        "enterprise_id": str(enterprise_uuid("E-001")), "active": True,
    }  # fmt: skip
    assert len(body["session_token"]) == 43  # 256 random bits
    assert body["expires_at"] == (world.clock.now() + ABSOLUTE).isoformat().replace("+00:00", "Z")


async def test_token_says_who_it_is(world: World) -> None:
    principal = await world.app.state.verifier.verify(await world.access_token("alice"))

    assert principal.name == "alice氏"
    assert principal.roles == {Role.ENTERPRISE}
    assert principal.scopes == ROLE_SCOPES[Role.ENTERPRISE]
    assert principal.organisation_id == UUID(organisation_id("alpha"))
    assert (principal.organisation_name, principal.organisation_kind) == ("alpha单位", "enterprise")
    assert principal.tenant == enterprise_uuid("E-001")


async def test_token_of_staff_has_no_tenant(world: World) -> None:
    principal = await world.app.state.verifier.verify(await world.access_token("wang"))

    assert principal.tenant is None
    assert principal.scopes == ROLE_SCOPES[Role.OFFICER]


async def test_token_lives_five_minutes(world: World) -> None:
    answer = await world.exchange(await world.session("zhou"))

    assert answer.json()["expires_in"] == 300
    assert answer.json()["token_type"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_wrong_log_ins_get_one_answer(world: World) -> None:
    tries = [
        ("alice", "pass-bob"), ("nobody", "pass-alice"), ("", ""),
        ("alice' or 1=1 --", "x"), ("张三", "pass-alice"),
    ]  # fmt: skip

    for username, password in tries:
        answer = await world.http.post("/v1/sessions", json={"username": username, "password": password})
        assert (answer.status_code, answer.json()["code"]) == (401, "login_failed"), username
        assert answer.json()["detail"] == "username or password is wrong"


async def test_username_is_taken_as_people_type_it(world: World) -> None:
    for typed in ("Alice", " alice ", "ALICE"):
        assert (await world.log_in(typed, "pass-alice")).status_code == 201


async def test_each_log_in_has_its_own_token(world: World) -> None:
    first, second = await world.session("alice"), await world.session("alice")

    assert first != second
    await world.http.post("/v1/sessions/end", json={"session_token": first})
    assert (await world.exchange(first)).status_code == 401
    assert (await world.exchange(second)).status_code == 200


async def test_only_the_hash_is_stored(world: World) -> None:
    token = await world.session("alice")

    stored = await world.rows("select * from sessions") + await world.rows("select * from audit_entry")
    assert len(stored) > 1
    assert token not in repr(stored)
    assert token.encode().hex() not in repr(stored)


async def test_session_ends_once_and_log_out_tells_nothing(world: World) -> None:
    token = await world.session("alice")

    answers = [await world.http.post("/v1/sessions/end", json={"session_token": t}) for t in (token, token, "x")]
    assert [(a.status_code, a.content) for a in answers] == [(204, b"")] * 3
    assert (await world.exchange(token)).json()["code"] == "session_ended"
    actions = await world.rows("select action from audit_entry where action like 'session.%' order by id")
    assert actions == [("session.open",), ("session.end",)]


async def test_idle_session_ends(world: World) -> None:
    token = await world.session("alice")

    world.advance(IDLE - SECOND)
    assert (await world.exchange(token)).status_code == 200
    world.advance(IDLE - SECOND)
    assert (await world.exchange(token)).status_code == 200  # use began the idle time anew
    world.advance(IDLE)
    assert (await world.exchange(token)).status_code == 401


async def test_used_session_ends_after_a_day(world: World) -> None:
    token = await world.session("alice")
    for _ in range(3):
        world.advance(IDLE - SECOND)
        assert (await world.exchange(token)).status_code == 200

    world.advance(4 * SECOND)
    assert (await world.exchange(token)).status_code == 401


async def test_closed_account_is_out_at_the_next_exchange(world: World) -> None:
    token = await world.session("alice")
    account = (await world.log_in("alice")).json()["account"]["id"]
    admin = await world.headers("admin")

    closed = await world.http.patch(f"/v1/accounts/{account}", json={"active": False}, headers=admin)
    assert closed.json()["active"] is False
    assert (await world.exchange(token)).status_code == 401
    assert (await world.log_in("alice")).status_code == 401
    await world.http.patch(f"/v1/accounts/{account}", json={"active": True}, headers=admin)
    assert (await world.exchange(token)).status_code == 401  # the session stays ended
    assert (await world.log_in("alice")).status_code == 201


async def test_new_password_ends_sessions(world: World) -> None:
    token = await world.session("bob")
    account = (await world.log_in("bob")).json()["account"]["id"]

    await world.http.patch(
        f"/v1/accounts/{account}", json={"password": "new-password"}, headers=await world.headers("admin")
    )
    assert (await world.exchange(token)).status_code == 401
    assert (await world.log_in("bob")).status_code == 401
    assert (await world.log_in("bob", "new-password")).status_code == 201


async def test_old_sessions_are_purged(world: World) -> None:
    from services.identity.jobs import build_jobs

    await world.session("alice")
    purge = next(job for job in build_jobs(world.app) if job.name == "purge_sessions")

    world.advance(timedelta(days=7))
    await purge.run()
    assert await world.rows("select count(*) from sessions") == [(1,)]
    world.advance(timedelta(days=2))
    await purge.run()
    assert await world.rows("select count(*) from sessions") == [(0,)]


async def test_client_speaks_the_contract(make_world: MakeWorld) -> None:
    world: World = await make_world()
    network = Network()
    network.apps["identity"] = world.app
    async with IdentityClient("http://identity", transport=network) as client:
        opened = await client.log_in(Login(username="zhou", password="pass-zhou"))
        session = SessionToken(session_token=opened.session_token)
        user = client.as_user((await client.access_token(session)).access_token)
        assert await user.me() == opened.account
        await client.log_out(session)
    assert (await world.exchange(opened.session_token)).status_code == 401
