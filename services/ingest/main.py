"""The ingest service 接入."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from fastapi import FastAPI

from services.ingest.gateways import ClientLogins
from services.ingest.jobs import archive_jobs, hook_jobs, jobs_of
from services.ingest.routes import ROUTERS
from services.ingest.service.hook_sender import HookSender
from services.ingest.service.intake import Intake
from services.ingest.service.journal_jobs import journal_jobs
from services.ingest.service.mean_work import MeanWork, mean_jobs
from services.ingest.service.transfers.registered import kinds
from services.ingest.service.transfers.runner import Runner
from services.ingest.settings import Settings
from services.ingest.store.archive_files import ArchiveFiles
from services.ingest.store.shelf import Shelf
from shared import http, logging
from shared.auth import TokenVerifier, jwks_from
from shared.db import Database, schema_check
from shared.feed import FeedReader, feed_router, released_on_signal
from shared.jobs import leading


def create_app(settings: Settings | None = None, *, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """The app; `transport` lets tests route the calls to other services."""
    settings = settings or Settings.from_env()
    logging.configure(settings.service, settings.log_level)
    db = Database(settings.database_url, application="ingest")

    app = http.create_app(
        "Sanse ingest",
        lifespan=_lifespan,
        routers=[*ROUTERS, feed_router()],
        checks={"database": db.ping, "schema": schema_check(settings.service, settings.database_url)},
    )
    app.state.settings = settings
    app.state.db = db
    app.state.clock = settings.clock
    app.state.intake = Intake(db, ArchiveFiles(settings.archive_dir))
    app.state.transfers = Runner(db, app.state.intake, settings.clock, Shelf(settings.transfers_dir), kinds())
    app.state.feed = FeedReader(db, "/ingest")
    app.state.hooks = HookSender(db, settings.clock, settings.hook_networks)
    app.state.client_logins = ClientLogins(settings.url_of("identity"), transport)
    app.state.verifier = TokenVerifier(jwks_from(settings.url_of("identity"), transport))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    async with AsyncExitStack() as stack:
        stack.push_async_callback(state.db.close)
        stack.enter_context(released_on_signal(state.feed))
        state.means = MeanWork(state.db, state.intake, state.clock, state.settings.mean_rules)
        if state.settings.jobs:
            await stack.enter_async_context(state.transfers.running())
            jobs = [*jobs_of(state.db, state.intake, state.clock, state.transfers), *hook_jobs(state.hooks)]
            jobs += mean_jobs(state.means)
            jobs += archive_jobs(state.db, state.intake, state.clock, state.settings)
            jobs += journal_jobs(state.db, state.clock, state.settings)
            await stack.enter_async_context(leading(state.settings.database_url, "ingest", jobs, state.clock))
        yield
