"""The journal in time: packets that are too old to keep go."""

from datetime import timedelta

from services.ingest.service.packets import forget_packets
from services.ingest.settings import Settings
from shared.clock import Clock
from shared.db import Database
from shared.jobs import Job


def journal_jobs(db: Database, clock: Clock, settings: Settings) -> list[Job]:
    """Forgetting packets, by the days of the settings."""

    async def forget() -> None:
        await forget_packets(
            db, clock.now(), plain_days=settings.journal_days, refused_days=settings.quarantine_days
        )  # fmt: skip

    return [Job("ingest.journal", timedelta(hours=6), forget, least=60.0)]
