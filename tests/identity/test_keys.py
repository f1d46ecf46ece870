import asyncio
from datetime import UTC, datetime, timedelta

from services.identity.domain.keys import AFTER, AHEAD, MAX_AGE, SigningKey, is_due, published, signing_key
from services.identity.domain.tokens import FOR_CLIENTS, FOR_PEOPLE
from services.identity.jobs import build_jobs
from shared.auth import LEEWAY, TokenVerifier
from tests.conftest import MakeDatabase
from tests.identity.conftest import MakeWorld, World
from tests.identity.test_tokens import unpack

T0 = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW, NEWEST = (
    SigningKey(kid, "{}", at) for kid, at in (("a", T0), ("b", T0 + AHEAD * 100), ("c", T0 + AHEAD * 200))
)
MINUTE = timedelta(minutes=1)


def kids(keys: list[SigningKey]) -> str:
    return "".join(sorted(key.kid for key in keys))


def test_new_key_is_published_before_it_signs_and_old_one_after() -> None:
    keys = [NEW, OLD]

    assert signing_key([OLD], T0) == OLD  # the first signs at once
    table = [
        (NEW.created_at, "a", "ab"),
        (NEW.created_at + AHEAD - MINUTE, "a", "ab"),
        (NEW.created_at + AHEAD, "b", "ab"),
        (NEW.created_at + AHEAD + AFTER - MINUTE, "b", "ab"),
        (NEW.created_at + AHEAD + AFTER, "b", "b"),
    ]
    assert [(at, signing_key(keys, at).kid, kids(published(keys, at))) for at, _, _ in table] == table


def test_signing_key_is_always_published() -> None:
    keys = [NEW, NEWEST, OLD]
    for minutes in range(2300):
        at = T0 + MINUTE * minutes
        known = [key for key in keys if key.created_at <= at]
        assert signing_key(known, at) in published(known, at)


def test_spans_fit_the_life_of_tokens_and_caches() -> None:
    assert timedelta(seconds=TokenVerifier.refresh_after) + MINUTE <= AHEAD
    assert max(FOR_PEOPLE, FOR_CLIENTS) + timedelta(seconds=LEEWAY) < AFTER


def test_key_is_due_by_age() -> None:
    assert not is_due([OLD], T0 + MAX_AGE - MINUTE)
    assert is_due([OLD], T0 + MAX_AGE)
    assert not is_due([OLD, NEW], T0 + MAX_AGE)


async def test_published_keys(world: World) -> None:
    answer = await world.http.get("/.well-known/jwks.json")

    assert answer.headers["Cache-Control"] == "public, max-age=300"
    (key,) = answer.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}  # and never `d`
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("OKP", "Ed25519", "sig", "Ed25519")


async def test_replicas_that_start_together_agree(make_database: MakeDatabase, make_world: MakeWorld) -> None:
    url = await make_database("identity")

    worlds: list[World] = await asyncio.gather(*(make_world(url=url) for _ in range(3)))
    published_sets = [(await world.http.get("/.well-known/jwks.json")).json() for world in worlds]
    assert published_sets[0] == published_sets[1] == published_sets[2]
    assert len(published_sets[0]["keys"]) == 1
    token = await worlds[0].access_token("zhou")
    assert (await worlds[1].app.state.verifier.verify(token)).name == "zhou氏"
    assert await worlds[0].rows("select count(*) from accounts") == [(5,)]
    bootstrapped = "select count(*) from audit_entry where action = 'account.bootstrap'"
    assert await worlds[0].rows(bootstrapped) == [(5,)]


async def test_restart_keeps_the_key(make_database: MakeDatabase, make_world: MakeWorld) -> None:
    url = await make_database("identity")
    first: World = await make_world(url=url)
    token = await first.access_token("zhou")

    second: World = await make_world(url=url)
    assert (await second.app.state.verifier.verify(token)).name == "zhou氏"


async def test_rotation_never_breaks_a_token(make_world: MakeWorld) -> None:
    world: World = await make_world()
    before = await world.access_token("zhou")

    admin = await world.headers("admin")
    world.advance(MINUTE)
    answer = await world.http.post("/v1/keys", headers=admin)
    assert answer.status_code == 201
    new = answer.json()["kid"]
    keys = (await world.http.get("/.well-known/jwks.json")).json()["keys"]
    assert {key["kid"] for key in keys} == {unpack(before)[0]["kid"], new}
    assert unpack(await world.access_token("zhou"))[0]["kid"] != new  # verifiers must have read it first

    world.advance(AHEAD)
    after = await world.access_token("zhou")
    assert unpack(after)[0]["kid"] == new
    assert len((await world.http.get("/.well-known/jwks.json")).json()["keys"]) == 2

    world.advance(AFTER)
    care = next(job for job in build_jobs(world.app) if job.name == "care_for_keys")
    await care.run()
    assert [row[0] for row in await world.rows("select kid from signing_keys")] == [new]
    assert [key["kid"] for key in (await world.http.get("/.well-known/jwks.json")).json()["keys"]] == [new]


async def test_key_is_renewed_by_age(world: World) -> None:
    care = next(job for job in build_jobs(world.app) if job.name == "care_for_keys")

    await care.run()
    assert await world.rows("select count(*) from signing_keys") == [(1,)]
    world.advance(MAX_AGE)
    await care.run()
    await care.run()
    assert await world.rows("select count(*) from signing_keys") == [(2,)]
