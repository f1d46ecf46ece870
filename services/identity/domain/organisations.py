"""Organisations 单位 and which roles their people and programs may have."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.contracts.identity import ROLE_SCOPES, OrganisationKind, Role
from shared.errors import InvalidError


@dataclass(frozen=True)
class Organisation:
    """An enterprise 企业, a supervising body 监理单位, the bureau 生态环境局, or the platform itself."""

    id: UUID
    kind: OrganisationKind
    name_zh: str
    name_en: str
    enterprise_id: UUID | None
    created_at: datetime


def check_organisation(kind: OrganisationKind, enterprise_id: UUID | None) -> None:
    """Raise `InvalidError` unless an enterprise, and nobody else, names an enterprise of the registry."""
    if kind is OrganisationKind.ENTERPRISE and enterprise_id is None:
        raise InvalidError("an organisation of kind enterprise needs its enterprise_id", field="enterprise_id")
    if kind is not OrganisationKind.ENTERPRISE and enterprise_id is not None:
        raise InvalidError(f"an organisation of kind {kind} has no enterprise_id", field="enterprise_id")


def check_roles(roles: Iterable[Role], kind: OrganisationKind) -> None:
    """Raise `InvalidError` where these roles do not fit an organisation of this kind.

    The role `enterprise` and enterprises belong together, so that nobody of an enterprise ever sees more
    than that enterprise; the role `service` is for programs of the platform.
    """
    given = frozenset(roles)
    if (Role.ENTERPRISE in given) != (kind is OrganisationKind.ENTERPRISE):
        raise InvalidError(f"the role enterprise and organisations of kind enterprise belong together, not {kind}",
                           field="roles")  # fmt: skip
    if kind is OrganisationKind.ENTERPRISE and given != {Role.ENTERPRISE}:
        raise InvalidError("an organisation of kind enterprise gives no role but enterprise", field="roles")
    if Role.SERVICE in given and kind is not OrganisationKind.SYSTEM:
        raise InvalidError("the role service is for organisations of kind system", field="roles")


def scopes_of(roles: Iterable[Role]) -> frozenset[str]:
    """All scopes these roles bring."""
    return frozenset().union(*(ROLE_SCOPES[role] for role in roles))
