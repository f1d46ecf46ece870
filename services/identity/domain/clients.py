"""API clients 接口客户端: external systems and our own processes."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.identity.domain.organisations import Organisation, scopes_of
from shared.contracts.identity import Role
from shared.errors import InvalidError, NotFoundError


class ClientNotFoundError(NotFoundError):
    """No such API client."""

    code = "client_not_found"


@dataclass(frozen=True)
class Client:
    """A program with roles in one organisation; `scopes` narrows what the roles bring, None takes all."""

    client_id: str
    secret_sha256: bytes = field(repr=False)
    name: str
    roles: frozenset[Role]
    scopes: frozenset[str] | None
    organisation: Organisation
    active: bool
    created_at: datetime
    last_used_at: datetime | None = None

    @property
    def allowed(self) -> frozenset[str]:
        """Scopes it may ask for."""
        of_roles = scopes_of(self.roles)
        return of_roles if self.scopes is None else of_roles & self.scopes


def digest(secret: str) -> bytes:
    """SHA-256 of a random secret or token. Never of a password that a person chose."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def is_secret_of(client: Client | None, secret: str) -> bool:
    """Whether this is the secret of an active client; takes as long for one that does not exist."""
    stored = client.secret_sha256 if client is not None else bytes(32)
    same = hmac.compare_digest(stored, digest(secret))
    return same and client is not None and client.active


def check_scopes(scopes: Sequence[str] | None, roles: frozenset[Role]) -> None:
    """Raise `InvalidError` where a scope is asked for that the roles do not bring."""
    beyond = sorted(set(scopes or ()) - scopes_of(roles))
    if beyond:
        raise InvalidError(f"the roles do not bring the scopes {', '.join(beyond)}", field="scopes")
