"""The grading service: the three-colour list of a quarter and the colour in force."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from fastapi import FastAPI

from services.grading.gateways import IngestGateway
from services.grading.jobs import build_consumers, build_jobs
from services.grading.routes import router
from services.grading.rules import rule_versions
from services.grading.settings import Settings
from shared.auth import TokenSource, TokenVerifier, jwks_from
from shared.clients.casework import CaseworkClient
from shared.clients.detection import DetectionClient
from shared.clients.ingest import IngestClient
from shared.db import Database, schema_check
from shared.feed import FeedReader, feed_router, feeds_check, following, released_on_signal
from shared.http import Check
from shared.http import create_app as create_kernel_app
from shared.jobs import leading
from shared.logging import configure


def create_app(settings: Settings | None = None, *, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """Grading's app; `transport` lets tests route its calls to apps in the same process."""
    settings = settings or Settings.from_env()
    configure(Settings.service, settings.log_level)
    rule_versions()  # a wrong rule file stops the start, not the first draft
    db = Database(settings.database_url, application="sanse-grading")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(db.close)
            stack.enter_context(released_on_signal(app.state.feed))
            for client in app.state.clients:
                await stack.enter_async_context(client)
            if settings.jobs:
                app.state.consumers = build_consumers(app)
                await stack.enter_async_context(following(*app.state.consumers))
                jobs = build_jobs(app)
                await stack.enter_async_context(leading(settings.database_url, "grading", jobs, app.state.clock))
            yield

    checks: dict[str, Check] = {"database": db.ping, "schema": schema_check(Settings.service, settings.database_url)}
    app = create_kernel_app("Sanse grading", lifespan=lifespan, routers=[router, feed_router()], checks=checks)
    checks["feeds"] = feeds_check(app)
    app.state.settings = settings
    app.state.db = db
    app.state.clock = settings.clock
    app.state.verifier = TokenVerifier(jwks_from(settings.url_of("identity"), transport))
    app.state.feed = FeedReader(db, "/grading")
    _connect(app, settings, transport)
    return app


def _connect(app: FastAPI, settings: Settings, transport: httpx.AsyncBaseTransport | None) -> None:
    """Clients of the services to the left, with grading's own token."""
    token = TokenSource(settings.url_of("identity"), settings.client_id, settings.client_secret, transport)
    ingest = IngestClient(settings.url_of("ingest"), token, transport=transport)
    detection = DetectionClient(settings.url_of("detection"), token, transport=transport)
    casework = CaseworkClient(settings.url_of("casework"), token, transport=transport)
    app.state.clients = (ingest, detection, casework)
    app.state.ingest = IngestGateway(ingest)
