import asyncio
from typing import Any

import pytest

from services.identity.settings import Settings
from shared.settings import SettingsError
from tests.identity.conftest import MakeWorld, World

TIGHT = {"IDENTITY_FAILURES_A_USERNAME": "3/2seconds", "IDENTITY_FAILURES_AN_ADDRESS": "100/minute"}


@pytest.fixture
async def tight(make_world: MakeWorld) -> World:
    made: World = await make_world(**TIGHT)
    return made


async def test_guessing_is_stopped_and_recovers(tight: World) -> None:
    tries = [(await tight.log_in("alice", f"guess-{n}")).status_code for n in range(5)]
    assert tries == [401, 401, 401, 429, 429]

    blocked = await tight.log_in("alice")
    assert (blocked.status_code, blocked.json()["code"]) == (429, "too_many_requests")
    wait = int(blocked.headers["Retry-After"])
    assert 1 <= wait <= 3
    assert (await tight.log_in("bob")).status_code == 201  # others are not shut out

    await asyncio.sleep(wait)
    assert (await tight.log_in("alice")).status_code == 201


async def test_unknown_names_are_counted_too(tight: World) -> None:
    tries = [(await tight.log_in("nobody", "x")).status_code for _ in range(4)]

    assert tries == [401, 401, 401, 429]


async def test_success_is_not_counted(tight: World) -> None:
    assert [(await tight.log_in("alice")).status_code for _ in range(6)] == [201] * 6


async def test_tries_at_once_are_counted_too(tight: World) -> None:
    answers = await asyncio.gather(*(tight.log_in("alice", f"guess-{n}") for n in range(20)))

    refused = [answer.status_code for answer in answers]
    assert refused.count(401) <= 4  # the limit, and one that was being checked beside it
    assert refused.count(401) + refused.count(429) == 20


async def test_address_is_counted_over_all_names(make_world: MakeWorld) -> None:
    world: World = await make_world(IDENTITY_FAILURES_AN_ADDRESS="3/minute")

    tries = [(await world.log_in(f"name{n}", "x")).status_code for n in range(4)]
    assert tries == [401, 401, 401, 429]


async def forwarded(world: World, address: str, token: str | None) -> int:
    headers: dict[str, Any] = {"X-Forwarded-For": address}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return (await world.log_in("nobody", "x", **headers)).status_code


@pytest.mark.parametrize(
    ("client", "last"), [("portal", 401), ("plant", 429), (None, 429)], ids=["portal", "other client", "nobody"]
)
async def test_only_the_portal_is_believed_about_addresses(
    make_world: MakeWorld, client: str | None, last: int
) -> None:
    world: World = await make_world(IDENTITY_FAILURES_AN_ADDRESS="3/minute")
    token = (await world.client_token(client)).json()["access_token"] if client else None

    tries = [await forwarded(world, f"192.0.2.{n}", token) for n in range(4)]
    assert tries == [401, 401, 401, last]


@pytest.mark.parametrize(
    ("addresses", "last"),
    [
        (["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"], 429),  # one /64
        (["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1", "2001:db8:0:4::1"], 401),
        (["::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"], 429),
        (["spoofed, 192.0.2.1", "other, 192.0.2.1", "192.0.2.1", "192.0.2.1"], 429),
        (["rubbish", "x" * 500, "%%%", "'"], 429),
    ],
)
async def test_what_counts_as_one_address(make_world: MakeWorld, addresses: list[str], last: int) -> None:
    world: World = await make_world(IDENTITY_FAILURES_AN_ADDRESS="3/minute")
    token = (await world.client_token("portal")).json()["access_token"]

    assert [await forwarded(world, address, token) for address in addresses] == [401, 401, 401, last]


async def test_forged_portal_token_is_refused(world: World) -> None:
    assert await forwarded(world, "192.0.2.1", "x.y.z") == 401


async def test_unknown_name_takes_as_long_as_a_wrong_password(world: World) -> None:
    from shared.clock import monotonic

    async def fastest(username: str) -> float:
        spans = []
        for _ in range(7):
            began = monotonic()
            assert (await world.log_in(username, "wrong-password")).status_code == 401
            spans.append(monotonic() - began)
        return min(spans)

    known, unknown = await fastest("alice"), await fastest("nobody")
    assert 0.4 < known / unknown < 2.5


@pytest.mark.parametrize("text", ["many", "8", "8/parsec"])
def test_limit_that_cannot_be_read_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="IDENTITY_FAILURES_A_USERNAME must read like 8/5minutes"):
        Settings.from_env({"IDENTITY_DATABASE_URL": "x", "IDENTITY_FAILURES_A_USERNAME": text})
