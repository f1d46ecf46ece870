"""Accounts 账号: people who log in."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.identity.domain.organisations import Organisation
from shared.contracts.identity import Role
from shared.errors import ConflictError, NotFoundError, UnauthenticatedError

USERNAME_FORM = re.compile(r"[a-z0-9._-]{2,60}")


class AccountNotFoundError(NotFoundError):
    """No such account."""

    code = "account_not_found"


class UsernameTakenError(ConflictError):
    """Somebody else has this username."""

    code = "username_taken"


class LoginFailedError(UnauthenticatedError):
    """Name or password is wrong, or the account is closed: never said which."""

    code = "login_failed"


@dataclass(frozen=True)
class Account:
    """A person with roles in one organisation."""

    id: UUID
    username: str
    password_hash: str = field(repr=False)
    name_zh: str
    name_en: str
    roles: frozenset[Role]
    organisation: Organisation
    active: bool
    created_at: datetime


def normal_username(typed: str) -> str | None:
    """A username as stored, from what somebody typed; None where no account can have it."""
    name = typed.strip().lower()
    return name if USERNAME_FORM.fullmatch(name) else None
