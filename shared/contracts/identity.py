"""The wire of identity: tokens, sessions of people, accounts, organisations, API clients."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field, SecretStr

from shared.contracts.ingest import Wire

ISSUER = "sanse"
ALGORITHM = "Ed25519"


class Role(StrEnum):
    """What somebody is (product E11; further roles come with the features that need them)."""

    ENTERPRISE = "enterprise"
    SUPERVISOR = "supervisor"
    SUPERVISOR_LEAD = "supervisor_lead"
    OFFICER = "officer"
    SECTION_HEAD = "section_head"
    ADMIN = "admin"
    AUDITOR = "auditor"
    SERVICE = "service"


_READ = frozenset({"registry:read", "readings:read", "anomalies:read", "cases:read", "grades:read"})
ROLE_SCOPES: dict[Role, frozenset[str]] = {
    Role.ENTERPRISE: _READ | {"cases:act", "marks:write", "qa:write"},
    Role.SUPERVISOR: _READ | {"cases:act", "packets:read", "drafts:read", "marks:review", "suppressions:write",
                              "thresholds:write", "backtests:write"},
    Role.SUPERVISOR_LEAD: _READ | {"cases:act", "packets:read", "drafts:read", "audit:read", "marks:review",
                                   "devices:command", "packets:retry", "suppressions:write", "thresholds:write",
                                   "backtests:write"},
    Role.OFFICER: _READ | {"cases:act", "packets:read", "drafts:read", "grades:write", "grades:publish", "audit:read",
                           "registry:write", "marks:review", "qa:write", "devices:command", "packets:retry",
                           "suppressions:write", "thresholds:write", "backtests:write"},
    Role.SECTION_HEAD: _READ | {"cases:act", "packets:read", "drafts:read", "grades:write", "grades:publish",
                                "audit:read", "marks:review", "suppressions:write", "thresholds:write",
                                "backtests:write"},
    Role.ADMIN: _READ | {"packets:read", "drafts:read", "audit:read", "registry:write", "accounts:admin",
                         "readings:write", "devices:command", "packets:retry", "hooks:admin", "backtests:write"},
    Role.AUDITOR: _READ | {"packets:read", "drafts:read", "audit:read"},
    Role.SERVICE: _READ | {"feed:read", "packets:read", "drafts:read", "readings:write", "registry:write",
                           "marks:write", "qa:write", "devices:command"},
}  # fmt: skip
"""Scopes a role brings. `cases:act` opens the door to acts; the state table says who may do which."""


Username = Annotated[str, Field(min_length=2, max_length=60, pattern=r"^[a-z0-9._-]+$")]


class OrganisationKind(StrEnum):
    """What an organisation is."""

    ENTERPRISE = "enterprise"
    SUPERVISOR = "supervisor"
    BUREAU = "bureau"
    SYSTEM = "system"


class OrganisationIn(Wire):
    """An organisation; an enterprise's names the enterprise of the registry."""

    name_zh: Annotated[str, Field(min_length=1, max_length=120)]
    name_en: str = Field("", max_length=200)
    kind: OrganisationKind
    enterprise_id: UUID | None = None


class OrganisationOut(OrganisationIn):
    """An organisation as stored."""

    id: UUID


class AccountIn(Wire):
    """A person's account."""

    username: Username
    password: Annotated[SecretStr, Field(min_length=8, max_length=200)]
    name_zh: Annotated[str, Field(min_length=1, max_length=60)]
    name_en: str = Field("", max_length=60)
    roles: Annotated[list[Role], Field(min_length=1, max_length=8)]
    organisation_id: UUID


class AccountOut(Wire):
    """An account as shown; never the password."""

    id: UUID
    username: str
    name_zh: str
    name_en: str
    roles: list[Role]
    organisation_id: UUID
    organisation_name_zh: str
    organisation_name_en: str
    organisation_kind: OrganisationKind
    enterprise_id: UUID | None = None
    active: bool = True


class AccountChange(Wire):
    """What an administrator changes of an account; what is absent stays."""

    password: Annotated[SecretStr, Field(min_length=8, max_length=200)] | None = None
    name_zh: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    name_en: str | None = Field(None, max_length=60)
    roles: Annotated[list[Role], Field(min_length=1, max_length=8)] | None = None
    active: bool | None = None


class Login(Wire):
    """Name and password, over the portal only."""

    username: str = Field(max_length=60)
    password: SecretStr = Field(max_length=200)


class SessionOut(Wire):
    """A new session. The token is opaque; identity stores only its hash."""

    session_token: str
    expires_at: AwareDatetime
    account: AccountOut


class SessionToken(Wire):
    """A session's token, to be exchanged for an access token or ended."""

    session_token: str = Field(max_length=200)


class AccessToken(Wire):
    """An access token (JWT, Ed25519), as RFC 6749 answers."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a type
    expires_in: int
    scope: str = ""


class ClientIn(Wire):
    """An external system."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    roles: Annotated[list[Role], Field(min_length=1, max_length=8)]
    organisation_id: UUID
    scopes: list[str] | None = Field(None, max_length=50)
    """Narrower than the roles give; None takes all of them."""


class ClientOut(Wire):
    """An API client; the secret comes once, when it is made."""

    client_id: str
    name: str
    roles: list[Role]
    scopes: list[str]
    organisation_id: UUID
    active: bool = True
    client_secret: str | None = None
    last_used_at: AwareDatetime | None = None


class ClientChange(Wire):
    """Opens or closes an API client."""

    active: bool


class KeyOut(Wire):
    """A signing key, without its private half. It starts to sign some minutes after it was made."""

    kid: str
    created_at: AwareDatetime
