"""Work on marks that runs by itself."""

from datetime import timedelta

from services.ingest.service.field import follow_journal
from services.ingest.service.flag_marks import follow_flags
from services.ingest.service.mark_expiry import expire_marks
from services.ingest.store.dictionaries import Dictionaries
from shared.clock import Clock
from shared.db import Database
from shared.jobs import Job


def mark_jobs(db: Database, dictionaries: Dictionaries, clock: Clock) -> list[Job]:
    """Flags become marks, checks records; marks whose proof did not come expire."""

    async def flags_to_marks() -> None:
        await follow_flags(db, dictionaries, clock)

    async def field_to_records() -> None:
        await follow_journal(db, dictionaries, clock)

    async def unproven_marks() -> None:
        await expire_marks(db, clock)

    return [
        Job("ingest.flags", timedelta(minutes=1), flags_to_marks, least=5.0),
        Job("ingest.field", timedelta(minutes=1), field_to_records, least=5.0),
        Job("ingest.marks", timedelta(minutes=10), unproven_marks, least=10.0),
    ]
