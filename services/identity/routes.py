"""HTTP of identity: sessions, accounts, organisations, API clients, tokens, keys."""

import base64
import binascii
from typing import Annotated
from urllib.parse import unquote_plus
from uuid import UUID

from fastapi import APIRouter, Form, Header, Query, Request, Response
from pydantic import BaseModel

from services.identity.deps import Accounts, Address, Admin, Clients, Keys, Sessions
from services.identity.domain.accounts import Account
from services.identity.domain.clients import Client
from services.identity.domain.organisations import Organisation
from services.identity.domain.tokens import OAuthError
from services.identity.service.clients import TokenRequest
from shared.auth import Caller
from shared.contracts.identity import (
    AccessToken,
    AccountChange,
    AccountIn,
    AccountOut,
    ClientChange,
    ClientIn,
    ClientOut,
    KeyOut,
    Login,
    OrganisationIn,
    OrganisationOut,
    SessionOut,
    SessionToken,
)
from shared.errors import InvalidError
from shared.http import MAX_PAGE, Page, decode_cursor, encode_cursor, link_next

router = APIRouter(tags=["identity"])
NO_STORE = "no-store"
KEYS_MAX_AGE = 300
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Cursor = Annotated[str | None, Query(max_length=500)]
Basic = Annotated[str, Header(alias="Authorization")]


class TokenForm(BaseModel):
    """The form of `/oauth/token`. Nothing is required here: its errors have a form of their own."""

    grant_type: str = ""
    client_id: str = ""
    client_secret: str = ""
    scope: str = ""


@router.get("/.well-known/jwks.json")
async def jwks(keys: Keys, response: Response) -> dict[str, list[dict[str, str]]]:
    """Public keys of the tokens (RFC 7517)."""
    response.headers["Cache-Control"] = f"public, max-age={KEYS_MAX_AGE}"
    return await keys.jwks()


@router.post("/v1/keys", status_code=201)
async def rotate_key(keys: Keys, caller: Admin) -> KeyOut:
    """Make a new signing key; the old one stays published until its tokens have ended."""
    key = await keys.rotate_key(caller)
    return KeyOut(kid=key.kid, created_at=key.created_at)


@router.post("/oauth/token")
async def token(
    clients: Clients, form: Annotated[TokenForm, Form()], response: Response, authorization: Basic = ""
) -> AccessToken:
    """OAuth 2.0 token endpoint (RFC 6749), `client_credentials` only; credentials in the form or as Basic."""
    response.headers["Cache-Control"] = NO_STORE
    client_id, client_secret = _credentials(form, authorization)
    return await clients.token(TokenRequest(form.grant_type, client_id, client_secret, form.scope))


@router.post("/v1/sessions", status_code=201)
async def log_in(login: Login, sessions: Sessions, address: Address, response: Response) -> SessionOut:
    """Open a session of a person; the portal calls this."""
    response.headers["Cache-Control"] = NO_STORE
    opened = await sessions.log_in(login, address)
    return SessionOut(
        session_token=opened.token, expires_at=opened.session.expires_at, account=_account(opened.account)
    )


@router.post("/v1/sessions/token")
async def access_token(session: SessionToken, sessions: Sessions, response: Response) -> AccessToken:
    """Exchange a session for a short-lived access token."""
    response.headers["Cache-Control"] = NO_STORE
    return await sessions.access_token(session.session_token)


@router.post("/v1/sessions/end", status_code=204)
async def log_out(session: SessionToken, sessions: Sessions) -> None:
    """End a session."""
    await sessions.log_out(session.session_token)


@router.get("/v1/accounts/me")
async def me(accounts: Accounts, caller: Caller) -> AccountOut:
    """The account of the token."""
    return _account(await accounts.me(caller))


@router.get("/v1/accounts")
async def list_accounts(
    accounts: Accounts, _caller: Admin, request: Request, response: Response,
    cursor: Cursor = None, limit: Limit = 100,
) -> Page[AccountOut]:  # fmt: skip
    """Accounts by username."""
    found = await accounts.list_accounts(_after(cursor), limit + 1)
    following = encode_cursor(found[limit - 1].username) if len(found) > limit else None
    link_next(request, response, following)
    return Page(items=[_account(account) for account in found[:limit]], next=following)


@router.post("/v1/accounts", status_code=201)
async def add_account(account: AccountIn, accounts: Accounts, caller: Admin) -> AccountOut:
    """Make an account."""
    return _account(await accounts.add_account(account, caller))


@router.patch("/v1/accounts/{account_id}")
async def change_account(account_id: UUID, change: AccountChange, accounts: Accounts, caller: Admin) -> AccountOut:
    """Change what is given; closing the account or a new password ends its sessions."""
    return _account(await accounts.change_account(account_id, change, caller))


@router.get("/v1/organisations")
async def list_organisations(
    accounts: Accounts, _caller: Admin, request: Request, response: Response,
    cursor: Cursor = None, limit: Limit = MAX_PAGE,
) -> list[OrganisationOut]:  # fmt: skip
    """Organisations by id; `Link: rel="next"` where there are more."""
    found = await accounts.list_organisations(_after_id(cursor), limit + 1)
    link_next(request, response, encode_cursor(found[limit - 1].id) if len(found) > limit else None)
    return [_organisation(organisation) for organisation in found[:limit]]


@router.post("/v1/organisations", status_code=201)
async def add_organisation(organisation: OrganisationIn, accounts: Accounts, caller: Admin) -> OrganisationOut:
    """Make an organisation."""
    return _organisation(await accounts.add_organisation(organisation, caller))


@router.get("/v1/clients")
async def list_clients(
    clients: Clients, _caller: Admin, request: Request, response: Response,
    cursor: Cursor = None, limit: Limit = 100,
) -> Page[ClientOut]:  # fmt: skip
    """API clients by id; never a secret."""
    found = await clients.list_clients(_after(cursor), limit + 1)
    following = encode_cursor(found[limit - 1].client_id) if len(found) > limit else None
    link_next(request, response, following)
    return Page(items=[_client(client) for client in found[:limit]], next=following)


@router.post("/v1/clients", status_code=201)
async def add_client(client: ClientIn, clients: Clients, caller: Admin, response: Response) -> ClientOut:
    """Make an API client; its secret is in this answer only."""
    response.headers["Cache-Control"] = NO_STORE
    made, secret = await clients.add_client(client, caller)
    return _client(made, secret)


@router.patch("/v1/clients/{client_id}")
async def change_client(client_id: str, change: ClientChange, clients: Clients, caller: Admin) -> ClientOut:
    """Open or close an API client."""
    return _client(await clients.change_client(client_id, change, caller))


def _credentials(form: TokenForm, authorization: str) -> tuple[str, str]:
    scheme, _, content = authorization.partition(" ")
    if not authorization:
        return form.client_id, form.client_secret
    if scheme.lower() != "basic" or form.client_secret:
        raise OAuthError("invalid_request", "send the credentials once: in the form or as Basic")
    try:
        name, mark, secret = base64.b64decode(content, validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        mark = ""
    if not mark:
        raise OAuthError("invalid_client", "the Basic credentials cannot be read")
    name, secret = unquote_plus(name), unquote_plus(secret)  # RFC 6749 part 2.3.1
    if form.client_id not in {"", name}:
        raise OAuthError("invalid_request", "the form and Basic name different clients")
    return name, secret


def _after(cursor: str | None) -> str:
    keys = decode_cursor(cursor) if cursor else [""]
    if len(keys) != 1 or not isinstance(keys[0], str) or "\x00" in keys[0]:
        raise InvalidError("the cursor is not valid; start again without it", field="cursor")
    return keys[0]


def _after_id(cursor: str | None) -> UUID | None:
    text = _after(cursor)
    try:
        return UUID(text) if text else None
    except ValueError:
        raise InvalidError("the cursor is not valid; start again without it", field="cursor") from None


def _organisation(organisation: Organisation) -> OrganisationOut:
    return OrganisationOut(
        id=organisation.id, name_zh=organisation.name_zh, name_en=organisation.name_en, kind=organisation.kind,
        enterprise_id=organisation.enterprise_id,
    )  # fmt: skip


def _account(account: Account) -> AccountOut:
    organisation = account.organisation
    return AccountOut(
        id=account.id, username=account.username, name_zh=account.name_zh, name_en=account.name_en,
        roles=sorted(account.roles), organisation_id=organisation.id, organisation_name_zh=organisation.name_zh,
        organisation_name_en=organisation.name_en, organisation_kind=organisation.kind,
        enterprise_id=organisation.enterprise_id, active=account.active,
    )  # fmt: skip


def _client(client: Client, secret: str | None = None) -> ClientOut:
    return ClientOut(
        client_id=client.client_id, name=client.name, roles=sorted(client.roles), scopes=sorted(client.allowed),
        organisation_id=client.organisation.id, active=client.active, client_secret=secret,
        last_used_at=client.last_used_at,
    )  # fmt: skip
