"""The portal: pages over the five services, with no data of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI
from starlette.middleware import Middleware

from shared.auth import TokenSource, TokenVerifier, jwks_from
from shared.http import create_app as create_kernel_app
from shared.logging import configure
from web import errors
from web.backends import Backends
from web.frame import FrameCache
from web.pages import ROUTERS
from web.preferences import Preferences
from web.proxy import Proxy
from web.render import build_environment
from web.security import CrossSiteGuard, SecurityHeaders
from web.session import SessionCache
from web.settings import WebSettings
from web.static_files import STATIC, CachedStaticFiles

MAX_BODY = 128 * 1024 * 1024
"""Bytes of one request: a reply's photos and documents together."""


def _own_token(settings: WebSettings, transport: httpx.AsyncBaseTransport | None) -> TokenSource | None:
    """The portal's own token, where it has a client: only with it does identity believe a person's address."""
    if not settings.client_id:
        return None
    return TokenSource(settings.urls["identity"], settings.client_id, settings.client_secret, transport)


def create_app(settings: WebSettings | None = None, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """The portal's app; `transport` lets tests reach services in the same process."""
    settings = settings or WebSettings.from_env()
    configure("web", settings.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        backends = Backends.connect(settings.urls, transport, _own_token(settings, transport))
        verifier = TokenVerifier(jwks_from(settings.urls["identity"], transport))
        app.state.backends = backends
        app.state.sessions = SessionCache(backends, verifier)
        app.state.frames = FrameCache()
        app.state.proxy = Proxy(settings.urls, transport)
        yield
        await app.state.proxy.close()
        await backends.close()

    app = create_kernel_app("Sanse portal", lifespan=lifespan, routers=ROUTERS, checks={}, max_body=MAX_BODY)
    app.state.settings = settings
    app.state.templates = build_environment()
    app.mount("/static", CachedStaticFiles(directory=STATIC), name="static")
    errors.install(app)
    # From the outside in: headers, then the kernel's request context, then these.
    app.user_middleware.extend(
        [
            Middleware(Preferences, secure=settings.secure),
            Middleware(errors.LastResort),
            Middleware(CrossSiteGuard),
        ]
    )
    app.add_middleware(SecurityHeaders, secure=settings.secure)
    return app
