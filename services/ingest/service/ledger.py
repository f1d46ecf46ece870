"""Where a use case leaves its audit rows and events: at once, at the end of a long transaction, or nowhere.

An audit row locks the head of the chain until its transaction ends. An import of thousands of rows leaves them
to the end, so that others wait for its last moment only; a check, which is rolled back, leaves none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared import audit, feed
from shared.audit import Actor


class Ledger:
    """Writes at once, or keeps until `flush()`."""

    def __init__(self, session: AsyncSession, *, waits: bool = False) -> None:
        self._session = session
        self._waits = waits
        self._records: list[dict[str, Any]] = []
        self._events: list[tuple[str, str, Mapping[str, Any], datetime]] = []

    async def record(  # noqa: PLR0913 - as the audit trail takes it
        self, actor: Actor, action: str, subject: str, *, at: datetime, before: Any = None, after: Any = None,
        reason: str = "",
    ) -> None:  # fmt: skip
        """An audit row."""
        entry = {
            "actor": actor, "action": action, "subject": subject, "at": at, "before": before, "after": after,
            "reason": reason,
        }  # fmt: skip
        if self._waits:
            self._records.append(entry)
        else:
            await audit.record(self._session, **entry)

    async def publish(self, kind: str, subject: str, data: Mapping[str, Any], *, at: datetime) -> None:
        """An event of the feed."""
        if self._waits:
            self._events.append((kind, subject, data, at))
        else:
            await feed.publish(self._session, kind, subject, dict(data), at=at)

    @property
    def last_action(self) -> tuple[int, str]:
        """How many rows wait, and the act of the last one."""
        return len(self._records), str(self._records[-1]["action"]) if self._records else ""

    async def flush(self) -> None:
        """Write what was kept; the last act of the transaction."""
        for entry in self._records:
            await audit.record(self._session, **entry)
        for kind, subject, data, at in self._events:
            await feed.publish(self._session, kind, subject, dict(data), at=at)
        self._records, self._events = [], []
