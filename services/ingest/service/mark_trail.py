"""Keeping a changed mark: row, version, audit entry and event in one transaction."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.marks.model import Mark
from services.ingest.store.marks import MarkStore
from shared import audit, feed
from shared.audit import SYSTEM, Actor
from shared.auth import Principal
from shared.contracts.ingest.marks import MARK_CHANGED, MarkChanged, MarkCover


class _News(NamedTuple):
    """What is told when the work is done."""

    before: Mark | None
    after: Mark
    event: str


class MarkTrail:
    """Writes marks of one caller, or of the service itself."""

    def __init__(self, session: AsyncSession, store: MarkStore, caller: Principal | None) -> None:
        self._session = session
        self._store = store
        self._actor = Actor.of(caller) if caller else SYSTEM

    async def add(self, mark: Mark, event: str) -> Mark:
        """A new mark."""
        kept = await self._store.add(mark, by=self._actor.name, event=event)
        await self._record(_News(None, kept, event), kept.reason)
        return kept

    async def save(self, before: Mark, after: Mark, event: str, reason: str) -> Mark:
        """The next version of a mark."""
        await self._store.save(after, by=self._actor.name, event=event)
        await self._record(_News(before, after, event), reason)
        return after

    async def _record(self, news: _News, reason: str) -> None:
        before, after, event = news
        await audit.record(
            self._session, self._actor, f"mark.{event}", f"mark:{after.id}", at=after.changed_at,
            before=before.content() if before else None, after=after.content(), reason=reason,
        )  # fmt: skip
        told = changed(before, after, event).model_dump(mode="json")
        await feed.publish(self._session, MARK_CHANGED, f"mark:{after.id}", told, at=after.changed_at)


def changed(before: Mark | None, after: Mark, event: str) -> MarkChanged:
    """What the feed tells: the span and the factors it spoke of before or speaks of now."""
    old = before or after
    factors = sorted({*old.factors, *after.factors}) if old.factors and after.factors else []
    return MarkChanged(
        mark_id=after.id, no=after.no, version=after.version, event=event, enterprise_id=after.enterprise_id,
        outlet_id=after.outlet_id, kind=after.kind, code=after.code, since=min(old.since, after.since),
        until=_later(old.until, after.until), factors=factors, effect=after.effect, effective=after.effective,
        state=after.state, source=after.source, late=after.is_late(after.changed_at), untrue=after.untrue,
        cover=MarkCover(since=after.since, until=after.until, factors=sorted(after.factors)),
    )  # fmt: skip


def _later(one: datetime | None, two: datetime | None) -> datetime | None:
    return None if one is None or two is None else max(one, two)
