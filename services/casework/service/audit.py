"""Use cases of the audit chain."""

from services.casework.service import views
from services.casework.service.desk import Desk
from shared.contracts.casework import AuditEntryOut, AuditVerdict
from shared.errors import InvalidError
from shared.http import Page, decode_cursor, encode_cursor


class AuditService:
    """The chain, to read and to prove."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_audit(self, subject: str | None, cursor: str | None, limit: int) -> Page[AuditEntryOut]:
        """One page, newest first."""
        before = _position(cursor) if cursor else None
        rows = await self._desk.ledger.entries(subject, before, limit + 1)
        more = encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
        return Page[AuditEntryOut](items=[views.audit_entry(row) for row in rows[:limit]], next=more)

    async def verify_audit(self) -> AuditVerdict:
        """Walk the chain."""
        verdict = await self._desk.ledger.verify()
        return AuditVerdict(
            entries=verdict.entries, intact=verdict.broken_at is None, broken_at=verdict.broken_at, head=verdict.head
        )


def _position(cursor: str) -> int:
    keys = decode_cursor(cursor)
    if len(keys) != 1 or not isinstance(keys[0], int):
        raise InvalidError("the cursor is not valid; start again without it", field="cursor")
    return keys[0]
