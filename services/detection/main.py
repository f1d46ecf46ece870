"""The detection service 识别: readings in, anomalies out."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from fastapi import FastAPI

from services.detection.gateways import Readings
from services.detection.jobs import build_case_consumer, build_consumer, build_jobs
from services.detection.routes import ROUTERS
from services.detection.service import load_rulebook
from services.detection.service.backtest_runs import process_pool
from services.detection.service.mining import Miner
from services.detection.settings import Settings
from shared.auth import TokenSource, TokenVerifier, jwks_from
from shared.clients.casework import CaseworkClient
from shared.clients.ingest import IngestClient
from shared.db import Database, schema_check
from shared.feed import FeedReader, feed_router, feeds_check, following, released_on_signal
from shared.http import Check
from shared.http import create_app as create_kernel_app
from shared.jobs import leading
from shared.logging import configure


def create_app(settings: Settings | None = None, *, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """Detection's app; `transport` carries its calls to other services (tests)."""
    settings = settings or Settings.from_env()
    configure(Settings.service, settings.log_level)
    load_rulebook()
    db = Database(settings.database_url, application="sanse-detection")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(db.close)
            stack.enter_context(released_on_signal(app.state.feed))
            token = TokenSource(settings.url_of("identity"), settings.client_id, settings.client_secret, transport)
            asks = settings.jobs or "ingest" in settings.urls
            client = IngestClient(settings.url_of("ingest"), token, transport=transport) if asks else None
            app.state.miner = Miner(Readings(client) if client else None)
            stack.callback(app.state.miner.close)
            if client is not None:
                await stack.enter_async_context(client)
            if client is not None and settings.jobs:
                cases = CaseworkClient(settings.url_of("casework"), token, transport=transport)
                await stack.enter_async_context(cases)
                app.state.consumers = [build_consumer(app, client), build_case_consumer(app, cases)]
                await stack.enter_async_context(following(*app.state.consumers))
                jobs = build_jobs(app, client)
                await stack.enter_async_context(leading(settings.database_url, "detection", jobs, app.state.clock))
            yield

    checks: dict[str, Check] = {"database": db.ping, "schema": schema_check(Settings.service, settings.database_url)}
    routers = [*ROUTERS, feed_router()]
    app = create_kernel_app("Sanse detection", lifespan=lifespan, routers=routers, checks=checks)
    checks["feeds"] = feeds_check(app)
    app.state.settings = settings
    app.state.db = db
    app.state.clock = settings.clock
    app.state.backtest_pool = process_pool
    app.state.verifier = TokenVerifier(jwks_from(settings.url_of("identity"), transport))
    app.state.feed = FeedReader(db, "/detection")
    return app
