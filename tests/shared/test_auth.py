import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Response

from shared.auth import ROLE_SCOPES, Principal, Role, TokenSource, TokenVerifier, jwks_from, principal_from_claims
from shared.errors import NotFoundError, UnauthenticatedError, UnavailableError
from shared.testing import Network, TokenMaker

OURS, THEIRS = UUID(int=1), UUID(int=2)


def person(*roles: Role, kind: str = "bureau", enterprise: UUID | None = None) -> Principal:
    return Principal("x", "x", frozenset(roles), frozenset(), None, "", kind, enterprise)


@pytest.mark.parametrize(
    ("principal", "tenant"),
    [
        (person(Role.OFFICER), None),
        (person(Role.ENTERPRISE, kind="enterprise", enterprise=OURS), OURS),
        (person(Role.ENTERPRISE, kind="enterprise"), UUID(int=0)),  # sees nothing rather than all
        (person(Role.ENTERPRISE, enterprise=OURS), OURS),
        (person(Role.OFFICER, kind="enterprise", enterprise=OURS), OURS),
    ],
)
def test_tenant(principal: Principal, tenant: UUID | None) -> None:
    assert principal.tenant == tenant


def test_foreign_objects_do_not_exist() -> None:
    ours = person(Role.ENTERPRISE, kind="enterprise", enterprise=OURS)

    ours.check_may_see(OURS)
    with pytest.raises(NotFoundError):
        ours.check_may_see(THEIRS)
    person(Role.OFFICER).check_may_see(THEIRS)


def test_unknown_roles_give_nothing() -> None:
    assert principal_from_claims({"sub": "x", "roles": ["king", "auditor"]}).roles == {Role.AUDITOR}


def test_every_role_has_scopes_and_only_some_are_strong() -> None:
    def with_scope(scope: str) -> set[Role]:
        return {role for role, scopes in ROLE_SCOPES.items() if scope in scopes}

    assert set(ROLE_SCOPES) == set(Role)
    assert with_scope("accounts:admin") == {Role.ADMIN}
    assert with_scope("feed:read") == {Role.SERVICE}
    assert with_scope("grades:publish") == {Role.OFFICER, Role.SECTION_HEAD}
    assert "packets:read" not in ROLE_SCOPES[Role.ENTERPRISE]
    assert "drafts:read" not in ROLE_SCOPES[Role.ENTERPRISE]


class Source:
    """Publishes a maker's keys, counts how often it was asked, and may be away."""

    def __init__(self, maker: TokenMaker) -> None:
        self.maker, self.asked, self.away = maker, 0, False

    async def __call__(self) -> dict[str, Any]:
        self.asked += 1
        if self.away:
            raise httpx.ConnectError("away")
        return await self.maker.jwks()


async def test_keys_are_kept(tokens: TokenMaker) -> None:
    source = Source(tokens)
    verifier = TokenVerifier(source)

    await asyncio.gather(*(verifier.verify(tokens.token(Role.OFFICER)) for _ in range(20)))
    assert source.asked == 1


async def test_new_key_is_found_when_a_token_needs_it(tokens: TokenMaker) -> None:
    source = Source(tokens)
    verifier = TokenVerifier(source, least_pause=0)
    await verifier.verify(tokens.token(Role.OFFICER))

    source.maker = TokenMaker()
    await asyncio.sleep(0.01)
    await verifier.verify(source.maker.token(Role.OFFICER))
    assert source.asked == 2
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(tokens.token(Role.OFFICER))


async def test_rubbish_does_not_make_identity_busy(tokens: TokenMaker) -> None:
    source = Source(tokens)
    verifier = TokenVerifier(source)
    await verifier.verify(tokens.token(Role.OFFICER))

    for _ in range(50):
        with pytest.raises(UnauthenticatedError):
            await verifier.verify("a.b.c")
    assert source.asked == 1


async def test_old_keys_serve_while_identity_is_away(tokens: TokenMaker) -> None:
    source = Source(tokens)
    verifier = TokenVerifier(source, refresh_after=0)
    await verifier.verify(tokens.token(Role.OFFICER))
    source.away = True

    for _ in range(10):
        await verifier.verify(tokens.token(Role.OFFICER))
    assert source.asked == 1  # nobody waits for it within the pause
    verifier.least_pause = 0
    for _ in range(3):
        await asyncio.sleep(0.002)
        await verifier.verify(tokens.token(Role.OFFICER))
    assert source.asked > 1


async def test_without_any_key_it_is_unavailable_and_recovers(tokens: TokenMaker) -> None:
    source = Source(tokens)
    source.away = True
    verifier = TokenVerifier(source, first_pause=0.05)

    for _ in range(10):
        with pytest.raises(UnavailableError):
            await verifier.verify(tokens.token(Role.OFFICER))
    assert source.asked == 1
    source.away = False
    await asyncio.sleep(0.06)
    assert (await verifier.verify(tokens.token(Role.OFFICER))).has(Role.OFFICER)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lifetime": timedelta(seconds=-30)}, "expired"),
        ({"issuer": "other"}, "iss"),
    ],
)
async def test_wrong_claims(tokens: TokenMaker, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UnauthenticatedError, match=message):
        await tokens.verifier().verify(tokens.token(Role.OFFICER, **options))


async def test_small_clock_differences_are_forgiven(tokens: TokenMaker) -> None:
    await tokens.verifier().verify(tokens.token(Role.OFFICER, lifetime=timedelta(seconds=-2)))


class Identity:
    """Gives tokens that live as long as told; may refuse."""

    def __init__(self) -> None:
        self.app, self.given, self.status, self.life = FastAPI(), 0, 200, 600.0
        self.network = Network()
        self.network.apps["identity"] = self.app

        @self.app.post("/oauth/token")
        async def token(response: Response) -> dict[str, Any]:
            self.given += 1
            response.status_code = self.status
            return {"access_token": f"token-{self.given}", "expires_in": self.life}

    def source(self) -> TokenSource:
        return TokenSource("http://identity", "x", "y", self.network)


async def test_own_token_is_asked_once_and_renewed_in_time() -> None:
    identity = Identity()
    source = identity.source()

    assert set(await asyncio.gather(*(source() for _ in range(20)))) == {"token-1"}
    source.forget()
    assert await source() == "token-2"
    identity.life = 0.5
    source.forget()
    assert [await source(), await source()] == ["token-3", "token-3"]
    await asyncio.sleep(1.1)
    assert await source() == "token-4"


async def test_own_token_refused_or_identity_away() -> None:
    identity = Identity()
    identity.status = 401
    with pytest.raises(UnavailableError, match="401"):
        await identity.source()()
    identity.network.apps.clear()
    with pytest.raises(UnavailableError, match="ConnectError"):
        await identity.source()()


async def test_keys_over_http_must_be_keys() -> None:
    network, app = Network(), FastAPI()
    network.apps["identity"] = app
    verifier = TokenVerifier(jwks_from("http://identity", network))  # 404: no such path

    with pytest.raises(UnavailableError):
        await verifier.verify("a.b.c")
