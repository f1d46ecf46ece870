"""Work that runs by itself: partitions ahead of their time, old idempotency keys forgotten."""

from datetime import timedelta

from services.ingest.service.archiving import ArchiveService
from services.ingest.service.command_desk import CommandDesk
from services.ingest.service.command_work import correct_clocks
from services.ingest.service.gaps import HistoryFetcher
from services.ingest.service.hook_sender import HookSender
from services.ingest.service.intake import Intake
from services.ingest.service.links import forget_old
from services.ingest.service.mark_jobs import mark_jobs
from services.ingest.service.sealing import SealService
from services.ingest.service.transfers.desk import forget_files
from services.ingest.service.transfers.runner import Runner
from services.ingest.service.watch import expire_links
from services.ingest.settings import Settings
from services.ingest.store.archive_files import ArchiveFiles
from services.ingest.store.idempotency import forget_before
from shared.clock import Clock, wall
from shared.db import Database
from shared.jobs import Job

AHEAD_DAYS = 3
KEYS_KEPT = timedelta(hours=24)


def jobs_of(db: Database, intake: Intake, clock: Clock, transfers: Runner) -> list[Job]:
    """The jobs of this service."""

    async def make_partitions() -> None:
        days = [int((clock.now() + timedelta(days=day)).timestamp()) for day in range(AHEAD_DAYS + 1)]
        for table in ("frame", "reading_value", "derived_value", "outlet_day"):
            await intake.ensure_partitions(table, days)

    async def forget_keys() -> None:
        async with db.transaction() as session:
            await forget_before(session, wall() - KEYS_KEPT)

    async def forget_transfer_files() -> None:
        await forget_files(transfers)

    async def expire() -> None:
        await expire_links(db, clock.now())

    async def forget_link_records() -> None:
        async with db.transaction() as session:
            await forget_old(session, clock.now())

    return [
        *mark_jobs(db, intake.dictionaries, clock),
        Job("ingest.link_records", timedelta(days=1), forget_link_records, least=60.0),
        Job("ingest.links", timedelta(minutes=1), expire, least=2.0),
        *_command_jobs(db, intake, clock),
        Job("ingest.partitions", timedelta(hours=6), make_partitions, least=60.0),
        Job("ingest.idempotency", timedelta(hours=1), forget_keys, least=60.0),
        Job("ingest.transfers", timedelta(hours=1), forget_transfer_files, least=60.0),
    ]


def _command_jobs(db: Database, intake: Intake, clock: Clock) -> list[Job]:
    history = HistoryFetcher(db, intake, clock)
    desk = CommandDesk(db, clock)

    async def mind_commands() -> None:
        """Expires what no gateway looks at; gateways do the same while they run."""
        await desk.mind_time()

    async def set_clocks() -> None:
        async with db.transaction() as session:
            await correct_clocks(session, clock.now())

    return [
        Job("ingest.history", timedelta(minutes=5), history.run, least=20.0),
        Job("ingest.clocks", timedelta(minutes=5), set_clocks, least=20.0),
        Job("ingest.commands", timedelta(minutes=1), mind_commands, least=15.0),
    ]


def hook_jobs(sender: HookSender) -> list[Job]:
    """Webhooks: sending by real time, because receivers live in it."""
    return [
        Job("ingest.hooks", timedelta(seconds=2), sender.step, least=2.0),
        Job("ingest.hooks.tidy", timedelta(hours=1), sender.tidy, least=600.0),
    ]


def archive_jobs(db: Database, intake: Intake, clock: Clock, settings: Settings) -> list[Job]:
    """The jobs that close days and months, and look after the files."""
    dictionaries = intake.dictionaries
    sealer = SealService(db, dictionaries, clock, settings.seal_after)
    files = dictionaries.archive or ArchiveFiles(settings.archive_dir)
    archive = ArchiveService(
        db, dictionaries, files, clock, after=settings.archive_after, keep=settings.keep_sealed_months
    )  # fmt: skip

    async def seal() -> None:
        await sealer.run()

    async def write_months() -> None:
        await archive.run()

    async def check_files() -> None:
        await archive.check()

    return [
        Job("ingest.seal", timedelta(hours=1), seal, least=60.0),
        Job("ingest.archive", timedelta(days=1), write_months, least=600.0),
        Job("ingest.archive_check", timedelta(days=7), check_files, least=3600.0),
    ]
