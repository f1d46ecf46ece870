"""Pure ASGI around every app: request id, access line, metrics, the limit of a body, the last resort."""

import re
import uuid

from fastapi import Request
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.clock import monotonic
from shared.errors import TooLargeError
from shared.http.problems import problem
from shared.logging import REQUEST_ID_HEADER, get_logger, request_id

log = get_logger(__name__)
access = get_logger("access")

MOST_DIGITS = 18
REQUEST_ID_FORM = re.compile("[A-Za-z0-9-]{1,64}")
QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS = Counter("sanse_http_requests_total", "Requests", ["method", "route", "status"])
SECONDS = Histogram(
    "sanse_http_seconds", "Time to answer", ["route"], buckets=(0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10, 30)
)


class BodyLimit:
    """Pure ASGI: a body over the limit, announced or not, is refused while it is read.

    The framework's own limit answers an announced one in plain text, past every error handler.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        announced = dict(scope.get("headers", ())).get(b"content-length", b"")[:MOST_DIGITS]
        over, seen = announced.isdigit() and int(announced) > self._limit, 0

        async def counted() -> Message:
            nonlocal over, seen
            message = {} if over else await receive()
            seen += len(message.get("body", b""))
            over = over or seen > self._limit
            if over:
                raise HTTPException(TooLargeError.status, f"the body is larger than {self._limit} bytes")
            return message

        await self._app(scope, counted if scope["type"] == "http" else receive, send)


class RequestContext:
    """Pure ASGI: request id in and out, one access line, metrics by route template, 500 for what nobody caught."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(REQUEST_ID_HEADER.lower().encode(), b"").decode("latin-1")
        current = given if REQUEST_ID_FORM.fullmatch(given) else uuid.uuid4().hex
        mark = request_id.set(current)
        began, status = monotonic(), 500

        async def tagged(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", []),
                    (REQUEST_ID_HEADER.lower().encode(), current.encode()),
                ]
            await send(message)

        try:
            await self._serve(scope, receive, tagged)
        finally:
            self._note(scope, status, monotonic() - began)
            request_id.reset(mark)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            if b"%00" in scope["query_string"] or "\0" in scope["path"]:
                answer = problem(Request(scope), 400, "nul_character", "the address holds the character NUL")
                await answer(scope, receive, send)
            else:
                await self._app(scope, receive, watched)
        except Exception:
            # Here and not in the outermost handler, where the request id is gone already.
            log.exception("unhandled", path=scope["path"])
            if started:
                raise
            detail = "an unexpected error; it was logged under the trace id"
            answer = problem(Request(scope), 500, "internal_error", detail)
            await answer(scope, receive, send)

    @staticmethod
    def _note(scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("route")
        template = getattr(route, "path", "unmatched")
        method = scope["method"] if scope["method"] in METHODS else "other"
        REQUESTS.labels(method, template, status).inc()
        SECONDS.labels(template).observe(seconds)
        if scope["path"] not in QUIET_PATHS:
            access.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                ms=round(seconds * 1000, 1),
            )
