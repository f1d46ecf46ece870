"""API clients: made and closed by an administrator, given tokens at `/oauth/token`."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.domain.clients import Client, check_scopes, digest, is_secret_of
from services.identity.domain.keys import signing_key
from services.identity.domain.organisations import check_roles
from services.identity.domain.tokens import OAuthError, claims, grant_to_client, sign
from services.identity.store.clients import ClientStore
from services.identity.store.keys import KeyStore
from services.identity.store.people import PeopleStore
from shared import audit
from shared.auth import Principal
from shared.contracts.identity import AccessToken, ClientChange, ClientIn
from shared.errors import InvalidError
from shared.logging import get_logger

log = get_logger(__name__)
SECRET_BYTES = 32


@dataclass(frozen=True)
class TokenRequest:
    """What came to `/oauth/token`, from the form and the Basic header together."""

    grant_type: str
    client_id: str
    client_secret: str
    scope: str


class ClientService:
    """Makes, changes and lists API clients, and answers their requests for tokens."""

    def __init__(self, session: AsyncSession, now: Callable[[], datetime]) -> None:
        self._session = session
        self._clients = ClientStore(session)
        self._people = PeopleStore(session)
        self._keys = KeyStore(session)
        self._now = now

    async def list_clients(self, after: str, limit: int) -> list[Client]:
        """Clients by id."""
        return await self._clients.list_clients(after, limit)

    async def add_client(self, client: ClientIn, caller: Principal) -> tuple[Client, str]:
        """Make a client; the secret is in this answer and nowhere else."""
        organisation = await self._people.find_organisation(client.organisation_id)
        if organisation is None:
            raise InvalidError(f"no organisation {client.organisation_id}", field="organisation_id")
        check_roles(client.roles, organisation.kind)
        roles = frozenset(client.roles)
        check_scopes(client.scopes, roles)
        secret = secrets.token_urlsafe(SECRET_BYTES)
        made = Client(
            client_id=f"client-{secrets.token_hex(8)}", secret_sha256=digest(secret), name=client.name, roles=roles,
            scopes=None if client.scopes is None else frozenset(client.scopes), organisation=organisation,
            active=True, created_at=self._now(),
        )  # fmt: skip
        await self._clients.add(made)
        await self._record(caller, "client.add", made, after=shown(made))
        log.info("client_added", client=made.client_id, by=caller.subject)
        return made, secret

    async def change_client(self, client_id: str, change: ClientChange, caller: Principal) -> Client:
        """Open or close a client."""
        client = await self._clients.get(client_id)
        changed = replace(client, active=change.active)
        await self._clients.save(changed)
        await self._record(caller, "client.change", changed, before=shown(client), after=shown(changed))
        log.info("client_changed", client=client_id, active=changed.active, by=caller.subject)
        return changed

    async def token(self, request: TokenRequest) -> AccessToken:
        """An access token for a client that shows its secret; `OAuthError` says what is wrong."""
        _check_form(request)
        client = await self._clients.find(request.client_id)
        if client is None or not is_secret_of(client, request.client_secret):
            log.warning("client_refused", client=client.client_id if client else None)
            raise OAuthError("invalid_client", "client_id or client_secret is wrong")
        grant = grant_to_client(client, request.scope)
        now = self._now()
        key = signing_key(await self._keys.list_keys(), now)
        await self._clients.mark_used(client.client_id, now)
        log.info("client_token", client=client.client_id)
        return AccessToken(
            access_token=sign(claims(grant, now, uuid4().hex), key),
            expires_in=int(grant.life.total_seconds()),
            scope=grant.scope,
        )

    async def _record(self, caller: Principal, action: str, client: Client, **change: Any) -> None:
        subject = f"client:{client.client_id}"
        await audit.record(self._session, audit.Actor.of(caller), action, subject, at=self._now(), **change)


def _check_form(request: TokenRequest) -> None:
    if not request.grant_type:
        raise OAuthError("invalid_request", "grant_type is missing; send a form with grant_type=client_credentials")
    if request.grant_type != "client_credentials":
        raise OAuthError("unsupported_grant_type", "only client_credentials; people log in through the portal")
    if not request.client_id or not request.client_secret:
        raise OAuthError("invalid_client", "client_id and client_secret are needed, in the form or as Basic")
    if "\x00" in request.client_id:
        raise OAuthError("invalid_client", "client_id or client_secret is wrong")


def shown(client: Client) -> dict[str, Any]:
    """A client as the audit trail keeps it: no hash."""
    return {
        "name": client.name, "roles": sorted(client.roles), "organisation": str(client.organisation.id),
        "scopes": None if client.scopes is None else sorted(client.scopes), "active": client.active,
    }  # fmt: skip
