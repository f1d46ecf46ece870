"""Scheduled work that runs once, however many replicas there are.

APScheduler runs only in the leader, chosen by a PostgreSQL session advisory lock on a connection of its
own with a heartbeat. A leader that was paused and lost the lock may still finish a job, so each effect is
also unique by (job, slot): `claim_slot()` in the job's own transaction.
"""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock, wall
from shared.db import plain_dsn
from shared.logging import get_logger

log = get_logger(__name__)

JOBS_DDL = (
    """create table job_run(
  job text not null, slot timestamptz not null,
  ran_at timestamptz not null default clock_timestamp(), primary key(job, slot))""",
)
HEARTBEAT = 2.0
FIRST_RUN = 1.0
"""Real seconds after which a new leader runs each job: what fell due while nobody led is made up for."""


@dataclass(frozen=True)
class Job:
    """A job that runs every `every` of simulated time (not more often than `least` real seconds)."""

    name: str
    every: timedelta
    run: Callable[[], Awaitable[None]]
    least: float = 1.0


async def claim_slot(session: AsyncSession, job: str, slot: datetime) -> bool:
    """True for the one transaction that may do the work of this slot."""
    claimed = await session.execute(
        text("insert into job_run(job, slot) values(:job, :slot) on conflict do nothing returning slot"),
        {"job": job, "slot": slot},
    )
    return claimed.first() is not None


async def _quietly(job: Job) -> None:
    try:
        await job.run()
    except Exception:
        log.exception("job_failed", job=job.name)
        raise


def _scheduler(jobs: list[Job], clock: Clock) -> AsyncIOScheduler:
    scheduler = AsyncIOScheduler(timezone="UTC")
    for job in jobs:
        seconds = clock.real_seconds(job.every, least=job.least)
        soon = wall() + timedelta(seconds=min(seconds, FIRST_RUN))
        scheduler.add_job(
            _quietly, "interval", args=[job], seconds=seconds, id=job.name, next_run_time=soon,
            coalesce=True, max_instances=1, misfire_grace_time=max(30, int(seconds)),
        )  # fmt: skip
    return scheduler


async def _lead(dsn: str, key: int, jobs: list[Job], clock: Clock) -> None:
    connection: asyncpg.Connection = await asyncpg.connect(dsn, timeout=10, command_timeout=10)
    try:
        while not await connection.fetchval("select pg_try_advisory_lock($1)", key):
            await asyncio.sleep(HEARTBEAT)
        scheduler = _scheduler(jobs, clock)
        scheduler.start()
        log.info("leader", jobs=[job.name for job in jobs])
        try:
            while True:
                await asyncio.sleep(HEARTBEAT)
                await connection.execute("select 1")
        finally:
            scheduler.shutdown(wait=False)
    finally:
        with contextlib.suppress(Exception):  # the server may be the one that is gone
            await connection.close(timeout=2)


async def _campaign(database_url: str, name: str, jobs: list[Job], clock: Clock) -> None:
    key = zlib.crc32(name.encode())
    while True:
        try:
            await _lead(plain_dsn(database_url), key, jobs, clock)
        except Exception as error:  # noqa: BLE001 - a candidate that gave up would leave the work undone
            log.warning("leadership_lost", service=name, error=repr(error))
            await asyncio.sleep(HEARTBEAT)


@contextlib.asynccontextmanager
async def leading(database_url: str, name: str, jobs: list[Job], clock: Clock) -> AsyncIterator[None]:
    """Stand for election for the time of the block; run `jobs` while elected."""
    task = asyncio.create_task(_campaign(database_url, name, jobs, clock), name=f"leader-{name}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
