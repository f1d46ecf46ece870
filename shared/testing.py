"""What tests share: tokens signed by a throw-away key, a network of in-process apps, databases from a template."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

import asyncpg
import httpx
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from shared.auth import ALGORITHM, ISSUER, ROLE_SCOPES, Role, TokenVerifier
from shared.clock import wall
from shared.db import plain_dsn, upgrade


@dataclass
class TokenMaker:
    """Plays identity: signs tokens that a `TokenVerifier` made by `verifier()` accepts."""

    key: OKPKey = field(default_factory=lambda: OKPKey.generate_key("Ed25519", auto_kid=True))

    def token(
        self,
        *roles: Role,
        name: str = "",
        enterprise_id: UUID | None = None,
        organisation: str = "",
        lifetime: timedelta = timedelta(minutes=5),
        issuer: str = ISSUER,
    ) -> str:
        """A token for somebody with these roles."""
        who = name or "-".join(roles) or "nobody"
        kind = "enterprise" if Role.ENTERPRISE in roles else ("bureau" if Role.OFFICER in roles else "supervisor")
        claims: dict[str, Any] = {
            "iss": issuer,
            "sub": str(uuid5(NAMESPACE_DNS, who)),
            "name": who,
            "roles": [role.value for role in roles],
            "scope": " ".join(sorted(set().union(*(ROLE_SCOPES[role] for role in roles)))) if roles else "",
            "org": str(uuid5(NAMESPACE_DNS, organisation or kind)),
            "org_name": organisation or kind,
            "org_kind": kind,
            "iat": int(wall().timestamp()),
            "exp": int((wall() + lifetime).timestamp()),
        }
        if enterprise_id is not None:
            claims["enterprise_id"] = str(enterprise_id)
        return jwt.encode({"alg": ALGORITHM, "kid": self.key.kid}, claims, self.key, algorithms=[ALGORITHM])

    def headers(self, *roles: Role, **options: Any) -> dict[str, str]:
        """The `Authorization` header with such a token."""
        return {"Authorization": f"Bearer {self.token(*roles, **options)}"}

    async def jwks(self) -> dict[str, Any]:
        """The published keys."""
        return dict(KeySet([self.key]).as_dict(private=False))

    def verifier(self) -> TokenVerifier:
        """A verifier that trusts this maker."""
        return TokenVerifier(self.jwks)


class Network(httpx.AsyncBaseTransport):
    """Routes each request to the in-process app that bears its host name: real clients, no socket."""

    def __init__(self) -> None:
        self.apps: dict[str, FastAPI] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer from the app, or as an unreachable host would."""
        app = self.apps.get(request.url.host)
        if app is None:
            raise httpx.ConnectError(f"no app plays {request.url.host}", request=request)
        return await httpx.ASGITransport(app).handle_async_request(request)


@asynccontextmanager
async def running(app: FastAPI, host: str = "service", **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """An app with its lifespan, and a client of it (`ASGITransport` runs no lifespan by itself)."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{host}", **options)
        yield await stack.enter_async_context(client)


@dataclass
class Databases:
    """Makes migrated databases fast: one template a service, a copy a test."""

    url: Callable[[str], str]
    """Address of a database of the server by its name."""
    prefix: str
    _templates: set[str] = field(default_factory=set)
    _count: int = 0

    async def make(self, service: str) -> str:
        """A new database with the newest schema of `service`; its address."""
        template = f"{self.prefix}_{service}_template"
        if template not in self._templates:
            await self._create(template)
            await upgrade(service, self.url(template))
            self._templates.add(template)
        self._count += 1
        name = f"{self.prefix}_{service}_{self._count}"
        await self._create(name, template)
        return self.url(name)

    async def empty(self) -> str:
        """A new empty database; its address."""
        self._count += 1
        name = f"{self.prefix}_empty_{self._count}"
        await self._create(name)
        return self.url(name)

    async def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        await self._run(f'drop database if exists "{url.split("?", maxsplit=1)[0].rsplit("/", 1)[1]}" with (force)')

    async def _create(self, name: str, template: str = "template0") -> None:
        await self._run(f'create database "{name}" template "{template}" strategy wal_log')

    async def _run(self, statement: str) -> None:
        connection: asyncpg.Connection = await asyncpg.connect(plain_dsn(self.url("postgres")), timeout=10)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
