"""What can run as a job. A kind is one `Kind` in the list of its module; `registered.py` names the modules.

A handler (`run`) acts for the caller who asked and is given a `Work`. It may be run again from the start
after a crash, so it must do the same thing twice without harm. It calls `progress()` every now and then: that
is where a cancelled job ends. One that writes rows calls `seal(session)` last in its transaction: after
that the job can no longer be cancelled, and a job that was cancelled before does not commit.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.transfers import MOST_ATTEMPTS
from services.ingest.service.intake import Intake
from shared.auth import Principal, Role
from shared.clock import Clock
from shared.contracts.ingest.transfers import RowError, TransferDirection
from shared.db import Database
from shared.errors import AppError, ForbiddenError, NotFoundError

__all__ = ["MOST_ATTEMPTS", "Kind", "Kinds", "Outcome", "UnknownKindError", "Work"]


class UnknownKindError(NotFoundError):
    """No kind of this name."""

    code = "transfer_kind_unknown"


class RefusedFileError(AppError):
    """The file as a whole cannot be used."""

    code = "file_refused"
    status = 422


@dataclass(frozen=True)
class Work:
    """A job in the hands of its handler. `source` is the file to import; write an export to `target`."""

    id: UUID
    caller: Principal
    parameters: Mapping[str, Any]
    source: Path | None
    target: Path
    file_name: str
    db: Database
    intake: Intake
    clock: Clock
    progress: Callable[[int, int], Awaitable[None]]
    seal: Callable[[AsyncSession], Awaitable[None]]


@dataclass(frozen=True)
class Outcome:
    """What came of it. `file_name` is what an export's file is called when it is saved."""

    result: dict[str, Any] = field(default_factory=dict)
    errors: list[RowError] = field(default_factory=list)
    error_count: int = 0
    file_name: str = ""


def _as_given(parameters: dict[str, Any]) -> dict[str, Any]:
    return parameters


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of job. `check` reads the parameters (raise `InvalidError`); `scope` is what the caller needs."""

    name: str
    direction: TransferDirection
    formats: tuple[str, ...]
    scope: str
    run: Callable[[Work], Awaitable[Outcome]]
    check: Callable[[dict[str, Any]], dict[str, Any]] = _as_given


class Kinds:
    """All kinds by name."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}

    def get(self, name: str) -> Kind:
        """One kind."""
        if name not in self._kinds:
            raise UnknownKindError(f"no kind of job is called {name}", kind=name)
        return self._kinds[name]

    def find(self, name: str) -> Kind | None:
        """One kind or None (a job of an older release)."""
        return self._kinds.get(name)

    def for_caller(self, caller: Principal) -> list[Kind]:
        """Kinds this caller may start."""
        return [kind for kind in self._kinds.values() if kind.scope in caller.scopes]

    def check_may_start(self, name: str, direction: TransferDirection, caller: Principal) -> Kind:
        """The kind, for who may start it."""
        kind = self.get(name)
        if kind.direction is not direction:
            raise UnknownKindError(f"{name} is not an {direction.value}", kind=name)
        if kind.scope not in caller.scopes:
            raise ForbiddenError(f"this needs the scope {kind.scope}", scope=kind.scope)
        return kind


def caller_record(caller: Principal) -> dict[str, Any]:
    """Who asked, as the job's row keeps it."""
    return {
        "subject": caller.subject, "name": caller.name, "roles": sorted(role.value for role in caller.roles),
        "scopes": sorted(caller.scopes), "organisation_id": _text(caller.organisation_id),
        "organisation_name": caller.organisation_name, "organisation_kind": caller.organisation_kind,
        "enterprise_id": _text(caller.enterprise_id), "name_en": caller.name_en,
        "organisation_name_en": caller.organisation_name_en,
    }  # fmt: skip


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def caller_from(record: Mapping[str, Any]) -> Principal:
    """Who asked, from the job's row."""
    known = {role.value for role in Role}
    return Principal(
        subject=record["subject"], name=record["name"],
        roles=frozenset(Role(role) for role in record["roles"] if role in known), scopes=frozenset(record["scopes"]),
        organisation_id=UUID(record["organisation_id"]) if record["organisation_id"] else None,
        organisation_name=record["organisation_name"], organisation_kind=record["organisation_kind"],
        enterprise_id=UUID(record["enterprise_id"]) if record["enterprise_id"] else None,
        name_en=record["name_en"], organisation_name_en=record["organisation_name_en"],
    )  # fmt: skip
