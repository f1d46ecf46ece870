"""Tokens and scopes. Services decide who may; the portal only hides what would be refused.

A token is a short-lived JWT signed with Ed25519 by identity; every service checks it itself against the
published keys (JWKS). Claims: `sub`, `name`, `roles`, `scope`, `org`, `org_name`, `org_kind`, and
`enterprise_id` for people of an enterprise, who see that enterprise only.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

import httpx
from fastapi import Depends, Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.clock import monotonic, wall
from shared.contracts.identity import ALGORITHM, ISSUER, ROLE_SCOPES, Role
from shared.errors import ForbiddenError, NotFoundError, UnauthenticatedError, UnavailableError
from shared.logging import get_logger

log = get_logger(__name__)

__all__ = [
    "ALGORITHM",
    "ISSUER",
    "ROLE_SCOPES",
    "Principal",
    "Role",
    "TokenSource",
    "TokenVerifier",
    "current_principal",
    "jwks_from",
    "require",
]
LEEWAY = 5


@dataclass(frozen=True)
class Principal:
    """Who calls."""

    subject: str
    name: str
    roles: frozenset[Role]
    scopes: frozenset[str]
    organisation_id: UUID | None = None
    organisation_name: str = ""
    organisation_kind: str = ""
    enterprise_id: UUID | None = None
    name_en: str = ""
    organisation_name_en: str = ""

    def has(self, *roles: Role) -> bool:
        """Whether the caller has one of these roles."""
        return not self.roles.isdisjoint(roles)

    @property
    def tenant(self) -> UUID | None:
        """The one enterprise an enterprise user sees; None for everybody who sees all.

        An enterprise user whose organisation has no enterprise sees nothing: the nil UUID.
        """
        if self.organisation_kind == "enterprise" or self.roles == {Role.ENTERPRISE}:
            return self.enterprise_id or UUID(int=0)
        return None

    def check_may_see(self, enterprise_id: UUID) -> None:
        """Raise `NotFoundError` for a foreign enterprise's object: its existence is not told either."""
        if self.tenant is not None and self.tenant != enterprise_id:
            raise NotFoundError("no such object")


def principal_from_claims(claims: dict[str, Any]) -> Principal:
    """Read a verified token's claims; unknown roles are ignored."""
    known = {role.value for role in Role}
    return Principal(
        subject=str(claims["sub"]),
        name=str(claims.get("name", claims["sub"])),
        roles=frozenset(Role(role) for role in claims.get("roles", ()) if role in known),
        scopes=frozenset(str(claims.get("scope", "")).split()),
        organisation_id=UUID(claims["org"]) if claims.get("org") else None,
        organisation_name=str(claims.get("org_name", "")),
        organisation_kind=str(claims.get("org_kind", "")),
        name_en=str(claims.get("name_en", "")),
        organisation_name_en=str(claims.get("org_name_en", "")),
        enterprise_id=UUID(claims["enterprise_id"]) if claims.get("enterprise_id") else None,
    )


KeySource = Callable[[], Awaitable[dict[str, Any]]]


def jwks_from(identity_url: str, transport: httpx.AsyncBaseTransport | None = None) -> KeySource:
    """A source that reads identity's `/.well-known/jwks.json`."""

    async def fetch() -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=identity_url, timeout=5.0, transport=transport) as client:
            response = await client.get("/.well-known/jwks.json")
            response.raise_for_status()
            keys: dict[str, Any] = response.json()
            return keys

    return fetch


@dataclass
class TokenVerifier:
    """Checks tokens; keys are cached and read again for an unknown key, at most every few seconds."""

    source: KeySource
    issuer: str = ISSUER
    refresh_after: float = 300.0
    least_pause: float = 5.0
    first_pause: float = 0.5
    _keys: KeySet | None = field(default=None, repr=False)
    _read_at: float = field(default=float("-inf"), repr=False)
    _tried_at: float = field(default=float("-inf"), repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def verify(self, token: str) -> Principal:
        """The caller a token names; `UnauthenticatedError` says what is wrong with it."""
        keys = await self._current(self.refresh_after)
        try:
            decoded = jwt.decode(token, keys, algorithms=[ALGORITHM])
        except (JoseError, ValueError):
            keys = await self._current(self.least_pause)  # perhaps signed with a new key
            try:
                decoded = jwt.decode(token, keys, algorithms=[ALGORITHM])
            except (JoseError, ValueError) as error:
                raise UnauthenticatedError("the token is not valid: signature, key or form") from error
        rules = jwt.JWTClaimsRegistry(
            now=lambda: int(wall().timestamp()), leeway=LEEWAY,
            iss={"essential": True, "value": self.issuer}, exp={"essential": True}, sub={"essential": True},
        )  # fmt: skip
        try:
            rules.validate(decoded.claims)
            return principal_from_claims(decoded.claims)
        except (JoseError, ValueError, KeyError) as error:
            raise UnauthenticatedError(f"the token is not valid: {error}") from error

    async def _current(self, max_age: float) -> KeySet:
        async with self._lock:
            pause = self.first_pause if self._keys is None else self.least_pause
            if monotonic() - self._read_at > max_age and monotonic() - self._tried_at > pause:
                await self._read()
            if self._keys is None:
                raise UnavailableError("identity's keys cannot be read for now", retry_after=1)
            return self._keys

    async def _read(self) -> None:
        """Read the keys; where that fails the old ones stay, and nobody waits for the next try for a while."""
        try:
            self._keys = KeySet.import_key_set(await self.source())  # type: ignore[arg-type]
            self._read_at = monotonic()
        except (httpx.HTTPError, JoseError, ValueError, UnavailableError) as error:
            log.warning("keys_not_read", error=repr(error))
        self._tried_at = monotonic()


async def current_principal(request: Request) -> Principal:
    """FastAPI dependency: the caller, from the `Authorization: Bearer` header."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError("send a token: Authorization: Bearer …")
    verifier: TokenVerifier = request.app.state.verifier
    return await verifier.verify(token.strip())


Caller = Annotated[Principal, Depends(current_principal)]


def require(scope: str) -> Callable[[Principal], Awaitable[Principal]]:
    """FastAPI dependency: the caller, who must have this scope."""

    async def check(principal: Caller) -> Principal:
        if scope not in principal.scopes:
            raise ForbiddenError(f"this needs the scope {scope}", scope=scope)
        return principal

    return check


class TokenSource:
    """A service's own token by client credentials, renewed before it ends."""

    def __init__(
        self,
        identity_url: str,
        client_id: str,
        client_secret: str,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = identity_url
        self._credentials = {
            "grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret
        }  # fmt: skip
        self._transport = transport
        self._token = ""
        self._renew_at = float("-inf")
        self._lock = asyncio.Lock()

    async def __call__(self) -> str:
        """A token that is good for at least some seconds."""
        async with self._lock:
            if monotonic() >= self._renew_at:
                response = await self._ask()
                if response.status_code != httpx.codes.OK:
                    raise UnavailableError(f"identity gives no token: {response.status_code}")
                answer = response.json()
                self._token = answer["access_token"]
                self._renew_at = monotonic() + max(1.0, float(answer["expires_in"]) * 0.7)
            return self._token

    async def _ask(self) -> httpx.Response:
        try:
            async with httpx.AsyncClient(base_url=self._url, timeout=5.0, transport=self._transport) as client:
                return await client.post("/oauth/token", data=self._credentials)
        except httpx.HTTPError as error:
            raise UnavailableError(f"identity gives no token: {type(error).__name__}", retry_after=1) from error

    def forget(self) -> None:
        """Ask for a new token next time (after a 401)."""
        self._renew_at = float("-inf")
