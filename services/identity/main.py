"""The identity service: who people and programs are, and the tokens that say so."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import orjson
from fastapi import FastAPI, Request, Response

from services.identity.bootstrap import Applier, read_bootstrap
from services.identity.domain.tokens import OAuthError
from services.identity.jobs import build_jobs
from services.identity.passwords import LoginGuard, Passwords
from services.identity.routes import router
from services.identity.service import KeyService
from services.identity.settings import Settings
from shared import clock
from shared.auth import TokenVerifier
from shared.db import Database, schema_check
from shared.http import create_app as create_kernel_app
from shared.jobs import leading
from shared.logging import configure, get_logger

log = get_logger(__name__)
MAX_BODY = 64 * 1024


def create_app(settings: Settings | None = None, *, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """Identity's app. It calls no other service, so that `transport` has no use here."""
    del transport
    settings = settings or Settings.from_env()
    configure(Settings.service, settings.log_level)
    db = Database(settings.database_url, application="sanse-identity")

    async def own_keys() -> dict[str, Any]:
        async with db.transaction() as session:
            return await KeyService(session, app.state.wall).jwks()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(db.close)
            await _start(app, settings)
            if settings.jobs:
                jobs = build_jobs(app)
                await stack.enter_async_context(leading(settings.database_url, "identity", jobs, app.state.clock))
            yield

    checks = {"database": db.ping, "schema": schema_check(Settings.service, settings.database_url)}
    app = create_kernel_app("Sanse identity", lifespan=lifespan, routers=[router], checks=checks, max_body=MAX_BODY)
    app.add_exception_handler(OAuthError, _on_oauth_error)
    app.state.settings = settings
    app.state.db = db
    app.state.clock = settings.clock
    app.state.wall = clock.wall
    app.state.verifier = TokenVerifier(own_keys)
    app.state.passwords = Passwords()
    app.state.guard = LoginGuard(settings.failures_a_username, settings.failures_an_address)
    return app


async def _start(app: FastAPI, settings: Settings) -> None:
    bootstrap = read_bootstrap(settings.bootstrap_file) if settings.bootstrap_file else None
    began = clock.monotonic()
    async with app.state.db.transaction() as session:
        await KeyService(session, app.state.wall).ensure_key()  # holds the start lock until the commit
        if bootstrap is not None:
            changed = await Applier(session, app.state.passwords, app.state.wall()).apply(bootstrap)
            log.info("bootstrap", changed=changed, seconds=round(clock.monotonic() - began, 3))


async def _on_oauth_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, OAuthError):
        raise error
    body = orjson.dumps({"error": error.code, "error_description": error.message})
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if error.status == 401:  # noqa: PLR2004
        headers["WWW-Authenticate"] = 'Basic realm="sanse"'
    return Response(body, error.status, headers, "application/json")
