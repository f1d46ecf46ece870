"""The audit trail on the wire."""

from typing import Any

from pydantic import AwareDatetime

from shared.contracts.ingest import Wire


class AuditEntryOut(Wire):
    """One row of the audit chain."""

    id: int
    at: AwareDatetime
    actor: str
    actor_name: str
    organisation: str
    action: str
    subject: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    reason: str = ""
    hash: str


class AuditVerdict(Wire):
    """Outcome of a check of the chain."""

    entries: int
    intact: bool
    broken_at: int | None = None
    head: str
