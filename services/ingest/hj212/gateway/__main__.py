"""The gateway process: `python -m services.ingest.hj212.gateway`, settings from `INGEST_…`.

It writes to the database of ingest itself: a packet is answered once it is committed there.
"""

import asyncio
import gc
import ssl
import sys
from contextlib import suppress
from dataclasses import fields
from typing import Any

import uvloop

from services.ingest.domain.links import link_rules
from services.ingest.domain.strangers import Strangers
from services.ingest.hj212.gateway import Limits, Server, serve
from services.ingest.hj212.gateway.desk import Desk
from services.ingest.hj212.gateway.metrics import exposition, serve_metrics
from services.ingest.hj212.gateway.stats import Stats
from services.ingest.service.command_desk import CommandDesk
from services.ingest.service.intake import Intake
from services.ingest.service.uploads import UploadSink
from services.ingest.service.watch import LinkWatch
from services.ingest.settings import Settings
from services.ingest.store.archive_files import ArchiveFiles
from shared.db import Database, is_at_head
from shared.logging import configure, get_logger
from shared.settings import SettingsError

log = get_logger(__name__)

REPORT_SECONDS = 60.0
GARBAGE_THRESHOLDS = (100_000, 10, 10)
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


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """TLS 1.2 or later with the certificate of the settings, if there is one."""
    if not settings.gateway_tls_cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.gateway_tls_cert, settings.gateway_tls_key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"INGEST_GATEWAY_TLS_CERT or …_KEY cannot be used: {error}") from error
    return context


async def _listen(settings: Settings, sink: UploadSink) -> Server:
    """The gateway on its port, and with a certificate on the port for TLS or on the one port in TLS only."""
    limits = Limits(allowed=settings.gateway_allowed, max_per_address=settings.gateway_per_address)
    tls, port = _tls(settings), settings.gateway_tls_port
    host = settings.gateway_host
    server = await serve(
        host, settings.gateway_port, sink, now=settings.clock.now, limits=limits, tls=None if port else tls
    )
    second = await server.listen(host, port, tls) if tls is not None and port else None
    log.info("gateway_listens", host=host, port=server.port, tls=tls is not None, tls_port=second)
    return server


async def _metrics(settings: Settings, server: Server, strangers: Strangers) -> asyncio.Server | None:
    if not settings.gateway_metrics_port:
        return None

    def text() -> str:
        return exposition(server.stats, sessions=len(server.sessions), unjournalled=strangers.unjournalled)

    return await serve_metrics(settings.gateway_metrics_host, settings.gateway_metrics_port, text)


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what is held is stored and answered before the end."""
    if not await is_at_head("ingest", settings.database_url):
        raise SettingsError("the database of ingest has not the schema this program needs; run sanse migrate")
    db = Database(settings.database_url, application="hj212-gateway", pool_size=POOL)
    try:
        strangers = Strangers(link_rules().strangers)
        sink = UploadSink(db, Intake(db, ArchiveFiles(settings.archive_dir)), strangers)
        server = await _listen(settings, sink)
        watch = LinkWatch(db, server.sessions, strangers, settings.clock.now)
        server.sessions.observer = watch
        desk = Desk(CommandDesk(db, settings.clock, changed=sink.forget), server.sessions, settings.database_url)
        tasks = [
            asyncio.create_task(_report(server), name="hj212-report"),
            asyncio.create_task(watch.run(), name="hj212-links"),
            asyncio.create_task(desk.run(), name="hj212-desk"),
        ]
        metrics = await _metrics(settings, server, strangers)
        try:
            await server.run_until_signal()
        finally:
            if metrics is not None:
                metrics.close()
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
        gc.freeze()  # what was imported stays: the full collections that bound cycles need not look through it
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings))
    except SettingsError as error:
        sys.exit(f"gateway: {error}")


if __name__ == "__main__":
    main()
