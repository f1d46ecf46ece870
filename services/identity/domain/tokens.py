"""Access tokens: their claims, their lives, and what `/oauth/token` refuses (RFC 6749)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from joserfc import jwt

from services.identity.domain.accounts import Account
from services.identity.domain.clients import Client
from services.identity.domain.keys import SigningKey
from services.identity.domain.organisations import Organisation, scopes_of
from shared.contracts.identity import ALGORITHM, ISSUER, Role
from shared.errors import AppError

FOR_PEOPLE = timedelta(minutes=5)
FOR_CLIENTS = timedelta(minutes=10)

OAuthCode = Literal["invalid_request", "invalid_client", "invalid_scope", "unsupported_grant_type"]


class OAuthError(AppError):
    """A refusal of `/oauth/token`, in the words of RFC 6749 part 5.2."""

    def __init__(self, code: OAuthCode, description: str) -> None:
        super().__init__(description)
        self.code = code  # type: ignore[misc]
        self.status = 401 if code == "invalid_client" else 400  # type: ignore[misc]


@dataclass(frozen=True)
class Grant:
    """What a token says of its bearer."""

    subject: str
    name: str
    roles: frozenset[Role]
    scopes: frozenset[str]
    organisation: Organisation
    life: timedelta
    name_en: str = ""

    @property
    def scope(self) -> str:
        """Scopes as RFC 6749 writes them."""
        return " ".join(sorted(self.scopes))


def grant_to_person(account: Account) -> Grant:
    """A person gets all scopes of their roles."""
    return Grant(
        str(account.id), account.name_zh, account.roles, scopes_of(account.roles), account.organisation, FOR_PEOPLE,
        account.name_en,
    )  # fmt: skip


def grant_to_client(client: Client, asked: str) -> Grant:
    """A client gets the scopes it asks for, all that are allowed when it asks for none."""
    wanted = frozenset(asked.split())
    if not wanted <= client.allowed:
        raise OAuthError("invalid_scope", "this client may not have all of these scopes")
    scopes = wanted or client.allowed
    return Grant(client.client_id, client.name, client.roles, scopes, client.organisation, FOR_CLIENTS)


def claims(grant: Grant, now: datetime, token_id: str) -> dict[str, Any]:
    """The claims `shared.auth` reads; times in whole seconds since 1970 (RFC 7519)."""
    organisation = grant.organisation
    result: dict[str, Any] = {
        "iss": ISSUER,
        "sub": grant.subject,
        "jti": token_id,
        "iat": int(now.timestamp()),
        "exp": int((now + grant.life).timestamp()),
        "name": grant.name,
        "name_en": grant.name_en,
        "roles": sorted(role.value for role in grant.roles),
        "scope": grant.scope,
        "org": str(organisation.id),
        "org_name": organisation.name_zh,
        "org_name_en": organisation.name_en,
        "org_kind": organisation.kind.value,
    }
    if organisation.enterprise_id is not None:
        result["enterprise_id"] = str(organisation.enterprise_id)
    return result


def sign(content: dict[str, Any], key: SigningKey) -> str:
    """A JWT signed with Ed25519 (RFC 9864 names the algorithm so)."""
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": "at+jwt"}
    return jwt.encode(header, content, key.pair, algorithms=[ALGORITHM])
