"""Security headers on every answer, and the refusal of requests that another site made a browser send."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import ForbiddenError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
TRUSTED_SITES = frozenset({"same-origin", "none"})
CSP = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'"
)
DOCS_CSP = CSP.replace("default-src 'self'", "default-src 'self' 'unsafe-inline'")
"""Swagger and ReDoc start from an inline script; their pages show no data of anybody."""
DOCS_PATHS = frozenset({"/docs", "/redoc", "/docs/oauth2-redirect"})
HSTS = b"max-age=31536000"


class CrossSiteError(ForbiddenError):
    """A form of another site, or a client that does not say where it comes from."""

    code = "cross_site"


def check_same_site(method: str, path: str, headers: Mapping[bytes, str]) -> None:
    """Refuse an unsafe request unless the browser says that our own page sent it.

    `Sec-Fetch-Site` decides where the browser sends it (TLS or localhost); otherwise `Origin` must name the
    host of the request, which also covers plain-HTTP intranets. `/api/` takes bearer tokens only and no
    cookies, so nothing can be forged there.
    """
    if method in SAFE_METHODS or path.startswith("/api/"):
        return
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        if site not in TRUSTED_SITES:
            raise CrossSiteError("this form came from another site", sec_fetch_site=site)
        return
    origin = headers.get(b"origin", "")
    if not origin or urlsplit(origin).netloc.lower() != headers.get(b"host", "").lower():
        raise CrossSiteError("send this form from the portal itself: Origin does not name this host", origin=origin)


class CrossSiteGuard:
    """Pure ASGI: `check_same_site` before anything reads the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or raise."""
        if scope["type"] == "http":
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            check_same_site(scope["method"], scope["path"], headers)
        await self._app(scope, receive, send)


class SecurityHeaders:
    """Pure ASGI: strict headers on every answer; an answer that set one itself keeps its own."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = {
            b"x-content-type-options": b"nosniff",
            # `no-referrer` would turn Origin into `null` and break the check above on plain HTTP.
            b"referrer-policy": b"same-origin",
            b"x-frame-options": b"DENY",
            b"cross-origin-opener-policy": b"same-origin",
            b"cross-origin-resource-policy": b"same-origin",
            b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=()",
        }
        if secure:
            self._headers[b"strict-transport-security"] = HSTS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        policy = DOCS_CSP if scope["path"] in DOCS_PATHS else CSP
        wanted = {**self._headers, b"content-security-policy": policy.encode()}

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message.get("headers", [])}
                added = [(name, value) for name, value in wanted.items() if name not in given]
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        await self._app(scope, receive, with_headers)
