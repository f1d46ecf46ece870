"""The gateway process: `python -m services.ingest.hj212.gateway`, settings from `INGEST_…`.

It writes to the database of ingest itself: a packet is answered once it is committed there.
"""

import asyncio
import gc
import sys
from contextlib import suppress
from dataclasses import fields
from typing import Any

import uvloop

from services.ingest.domain.links import link_rules
from services.ingest.domain.strangers import Strangers
from services.ingest.hj212.gateway import Server, serve
from services.ingest.hj212.gateway.desk import Desk
from services.ingest.hj212.gateway.stats import Stats
from services.ingest.service.command_desk import CommandDesk
from services.ingest.service.intake import Intake
from services.ingest.service.uploads import UploadSink
from services.ingest.service.watch import LinkWatch
from services.ingest.settings import Settings
from shared.db import Database, is_at_head
from shared.logging import configure, get_logger
from shared.settings import SettingsError

log = get_logger(__name__)

REPORT_SECONDS = 60.0
GARBAGE_THRESHOLDS = (100_000, 50, 100)
"""Objects before a collection. A batch makes a hundred thousand that die by themselves; looking for cycles among
them at the default of 700 cost a fifth of the processor's time."""
POOL = 5
"""Connections: one writes batches, one looks devices up, one is the command desk's, the rest make partitions."""


def _counters(stats: Stats) -> dict[str, Any]:
    """Counters for a log line: names of reasons as plain text, empty ones left out."""
    return {
        name: {str(reason): number for reason, number in value.items()} if isinstance(value, dict) else value
        for name, value in ((field.name, getattr(stats, field.name)) for field in fields(stats))
        if value
    }


async def _report(server: Server) -> None:
    """Log the counters each minute."""
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        log.info("gateway", **_counters(server.stats))


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what is held is stored and answered before the end."""
    if not await is_at_head("ingest", settings.database_url):
        raise SettingsError("the database of ingest has not the schema this program needs; run sanse migrate")
    db = Database(settings.database_url, application="hj212-gateway", pool_size=POOL)
    try:
        strangers = Strangers(link_rules().strangers)
        sink = UploadSink(db, Intake(db), strangers)
        server = await serve(settings.gateway_host, settings.gateway_port, sink, now=settings.clock.now)
        log.info("gateway_listens", host=settings.gateway_host, port=server.port)
        watch = LinkWatch(db, server.sessions, strangers, settings.clock.now)
        server.sessions.observer = watch
        desk = Desk(CommandDesk(db, settings.clock, changed=sink.forget), server.sessions, settings.database_url)
        tasks = [
            asyncio.create_task(_report(server), name="hj212-report"),
            asyncio.create_task(watch.run(), name="hj212-links"),
            asyncio.create_task(desk.run(), name="hj212-desk"),
        ]
        try:
            await server.run_until_signal()
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await watch.finish()
        log.info("gateway_stopped", **_counters(server.stats))
    finally:
        await db.close()


def main() -> None:
    """Entry point; a wrong setting ends the process with its reason."""
    try:
        settings = Settings.from_env()
        configure("gateway", settings.log_level)
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings))
    except SettingsError as error:
        sys.exit(f"gateway: {error}")


if __name__ == "__main__":
    main()
