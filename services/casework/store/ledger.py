"""The trail of a transaction: audit rows and feed events, written at its end.

Both take locks that every writer of the service needs (the heads of chain and outbox), so they come after
the locks of cases: two transactions then never wait for each other in a circle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.casework.domain.machine import Actor
from shared import audit, feed
from shared.audit import AuditEntry

LONGEST_TRAIL = 1000


@dataclass(frozen=True)
class Note:
    """An audit row to be: who did what to which thing."""

    actor: Actor
    action: str
    subject: str
    at: datetime
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    reason: str = ""


@dataclass(frozen=True)
class News:
    """A feed event to be."""

    type: str
    subject: str
    at: datetime
    data: BaseModel


class Ledger:
    """Collects notes and news; `flush` writes them in the order they came, notes first."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._notes: list[Note] = []
        self._news: list[News] = []

    def note(self, note: Note) -> None:
        """Add an audit row."""
        self._notes.append(note)

    def tell(self, news: News) -> None:
        """Add a feed event."""
        self._news.append(news)

    async def flush(self) -> None:
        """Write what was collected."""
        for note in self._notes:
            who = audit.Actor(note.actor.subject, note.actor.name, note.actor.organisation)
            await audit.record(
                self._session, who, note.action, note.subject,
                at=note.at, before=note.before, after=note.after, reason=note.reason,
            )  # fmt: skip
        for news in self._news:
            data = news.data.model_dump(mode="json")
            await feed.publish(self._session, news.type, news.subject, data, at=news.at)
        self._notes, self._news = [], []

    async def trail(self, subjects: Sequence[str]) -> list[AuditEntry]:
        """Rows of these subjects, oldest first; the newest ones where there are very many."""
        rows = await self._session.execute(
            text(
                "select id, payload, hash from audit_entry where subject = any(cast(:subjects as text[]))"
                " order by id desc limit :limit"
            ),
            {"subjects": list(subjects), "limit": LONGEST_TRAIL},
        )
        found = [AuditEntry(row.id, orjson.loads(row.payload), row.hash.hex()) for row in rows]
        return found[::-1]

    async def entries(self, subject: str | None, before_id: int | None, limit: int) -> list[AuditEntry]:
        """Rows of the whole service, newest first."""
        return await audit.entries(self._session, subject=subject, before_id=before_id, limit=limit)

    async def verify(self) -> audit.Verdict:
        """Walk the chain."""
        return await audit.verify(self._session)
