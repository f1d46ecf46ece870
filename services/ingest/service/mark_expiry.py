"""Marks whose proof did not come in time lose their effect: done once, audited and told."""

from services.ingest.domain.marks.moves import expire, is_expired
from services.ingest.domain.marks.rules import catalogue
from services.ingest.service.mark_trail import MarkTrail
from services.ingest.store.marks import MarkStore
from shared.clock import Clock
from shared.contracts.ingest.marks import MarkEvent
from shared.db import Database

AT_ONCE = 200


async def expire_marks(db: Database, clock: Clock) -> int:
    """Expire what is due; how many. Row locks keep two workers from the same mark."""
    done = 0
    while True:
        async with db.transaction() as session:
            store, now = MarkStore(session), clock.now()
            trail = MarkTrail(session, store, None)
            found = await store.list_overdue(now, limit=AT_ONCE)
            for mark in found:
                code = catalogue().codes[mark.code]
                if is_expired(mark, code, now):
                    await trail.save(mark, expire(mark, code, now), MarkEvent.EXPIRE.value, "")
                    done += 1
        if len(found) < AT_ONCE:
            return done
