"""The casework service: inquiries, visits, findings, evidence, and the audit chain."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from services.casework.consumers import Consumers
from services.casework.deps import LARGEST_UPLOAD
from services.casework.gateways.vault import Vault
from services.casework.jobs import build_jobs
from services.casework.routes import ROUTERS
from services.casework.settings import Settings
from shared.auth import TokenSource, TokenVerifier, jwks_from
from shared.clients.detection import DetectionClient
from shared.clients.grading import GradingClient
from shared.clients.ingest import IngestClient
from shared.db import Database, schema_check
from shared.feed import FeedReader, feed_router, feeds_check, following, released_on_signal
from shared.http import BodyLimit, Check
from shared.http import create_app as create_kernel_app
from shared.jobs import leading
from shared.logging import configure

MAX_JSON = 1024 * 1024


def create_app(settings: Settings | None = None, *, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """Casework's app; `transport` lets tests route its calls to other services in-process."""
    settings = settings or Settings.from_env()
    configure(Settings.service, settings.log_level)
    db = Database(settings.database_url, application="sanse-casework")
    vault = Vault(settings.evidence_dir)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(db.close)
            stack.enter_context(released_on_signal(app.state.feed))
            vault.prepare()
            vault.sweep()
            if settings.jobs:
                await _start_work(app, settings, transport, stack)
            yield

    checks: dict[str, Check] = {"database": db.ping, "schema": schema_check(Settings.service, settings.database_url)}
    app = create_kernel_app(
        "Sanse casework",
        lifespan=lifespan,
        routers=[*ROUTERS, feed_router()],
        checks=checks,
        max_body=LARGEST_UPLOAD,
    )
    app.add_middleware(JsonLimit)
    checks["feeds"] = feeds_check(app)
    app.state.settings = settings
    app.state.db = db
    app.state.vault = vault
    app.state.clock = settings.clock
    app.state.verifier = TokenVerifier(jwks_from(settings.urls.get("identity", ""), transport))
    app.state.feed = FeedReader(db, "/casework")
    return app


class JsonLimit:
    """Pure ASGI: only evidence may be large; every other body is small."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limited = BodyLimit(app, MAX_JSON)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_upload = scope["type"] == "http" and scope["path"] == "/v1/evidence"
        await (self._app if is_upload else self._limited)(scope, receive, send)


async def _start_work(
    app: FastAPI, settings: Settings, transport: httpx.AsyncBaseTransport | None, stack: AsyncExitStack
) -> None:
    token = TokenSource(settings.url_of("identity"), settings.client_id, settings.client_secret, transport)
    ingest = await stack.enter_async_context(IngestClient(settings.url_of("ingest"), token, transport=transport))
    detection = await stack.enter_async_context(
        DetectionClient(settings.url_of("detection"), token, transport=transport)
    )
    grading = await stack.enter_async_context(GradingClient(settings.url_of("grading"), token, transport=transport))
    consumers = Consumers(app, ingest, detection, grading)
    app.state.consumers = [consumers.ingest, consumers.detection, consumers.grading]
    await stack.enter_async_context(following(*app.state.consumers))
    await stack.enter_async_context(leading(settings.database_url, "casework", build_jobs(app), app.state.clock))
