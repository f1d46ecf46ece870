"""The app factory every service and the portal start from: errors, health, metrics, request ids, limits."""

import asyncio
import base64
import binascii
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.clock import monotonic
from shared.errors import AppError, InvalidError, StaleVersionError, TooLargeError, VersionRequiredError
from shared.logging import REQUEST_ID_HEADER, get_logger, request_id

log = get_logger(__name__)
access = get_logger("access")

PROBLEM_TYPE = "application/problem+json"
MAX_BODY = 16 * 1024 * 1024
MAX_PAGE = 1000
READY_TIMEOUT = 2.0
REQUEST_ID_FORM = re.compile("[A-Za-z0-9-]{1,64}")
QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS = Counter("sanse_http_requests_total", "Requests", ["method", "route", "status"])
SECONDS = Histogram(
    "sanse_http_seconds", "Time to answer", ["route"], buckets=(0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10, 30)
)

TITLES: dict[int, tuple[str, str]] = {
    400: ("请求有误", "Bad request"), 401: ("未登录或令牌无效", "Not authenticated"), 403: ("没有权限", "Not allowed"),
    404: ("没有找到", "Not found"), 405: ("方法不允许", "Method not allowed"), 409: ("当前状态不允许", "Conflict"),
    410: ("已失效", "Gone"), 412: ("内容已被他人修改", "Changed in the meantime"), 413: ("内容过大", "Too large"),
    415: ("类型不支持", "Unsupported type"), 422: ("内容不正确", "Invalid content"),
    428: ("需要版本号", "Version required"), 429: ("请求过于频繁", "Too many requests"),
    500: ("服务内部错误", "Internal error"), 502: ("上游服务出错", "Upstream error"), 503: ("暂不可用", "Unavailable"),
}  # fmt: skip

Check = Callable[[], Awaitable[None]]
Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """One page of a list. `next` is the opaque cursor of the following page, absent on the last."""

    items: list[Item]
    next: str | None = None


def encode_cursor(*keys: Any) -> str:
    """An opaque cursor from the sort keys of the last row."""
    return base64.urlsafe_b64encode(orjson.dumps(keys, default=str)).decode().rstrip("=")


def decode_cursor(cursor: str) -> list[Any]:
    """Sort keys from a cursor; `InvalidError` where it is not one of ours."""
    try:
        keys = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise InvalidError("the cursor is not valid; start again without it", field="cursor") from error
    if not isinstance(keys, list):
        raise InvalidError("the cursor is not valid; start again without it", field="cursor")
    return keys


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Set `Link: <…>; rel="next"` (RFC 8288)."""
    if cursor is not None:
        response.headers["Link"] = f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'


def etag_of(version: int) -> str:
    """Entity tag of a version number."""
    return f'"{version}"'


def version_from(if_match: str | None) -> int:
    """The version an `If-Match` header names; a decision without one is refused with 428."""
    if if_match is None:
        raise VersionRequiredError('send If-Match with the version you saw, as in If-Match: "3"')
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isdigit():
        raise InvalidError("If-Match must hold a version number in quotes", field="If-Match")
    return int(text)


def check_version(current: int, given: int) -> None:
    """Raise `StaleVersionError` (412) unless the caller saw the current version."""
    if current != given:
        raise StaleVersionError("somebody changed this in the meantime; look again", current=current, given=given)


def problem(
    request: Request, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any
) -> Response:
    """An RFC 9457 answer; the title follows Accept-Language."""
    chinese, english = TITLES.get(status, ("出错", "Error"))
    wants_english = request.headers.get("Accept-Language", "").lower().startswith("en")
    body = {
        "type": f"urn:sanse:problem:{code}", "title": english if wants_english else chinese, "status": status,
        "detail": detail, "instance": request.url.path, "code": code, "trace_id": request_id.get(), **extra,
    }  # fmt: skip
    fields = dict(headers or {})
    if status == 401:  # noqa: PLR2004
        fields["WWW-Authenticate"] = "Bearer"
    if "retry_after" in (extra.get("context") or {}):
        fields["Retry-After"] = str(extra["context"]["retry_after"])
    return Response(orjson.dumps(body, default=str), status, fields, PROBLEM_TYPE)


async def _on_app_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, AppError):
        raise error
    context = dict(error.context)
    errors = context.pop("errors", None)
    if error.status >= 500:  # noqa: PLR2004
        log.error("app_error", code=error.code, detail=error.message, path=request.url.path)
    elif error.status in {401, 403}:
        log.warning("refused", code=error.code, detail=error.message, path=request.url.path)
    return problem(request, error.status, error.code, error.message, context=context, errors=errors or [])


async def _on_validation(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    errors = [
        {"where": ".".join(str(part) for part in item["loc"]), "message": item["msg"], "code": item["type"]}
        for item in error.errors()[:50]
    ]
    first = errors[0] if errors else {"where": "", "message": ""}
    return problem(request, 422, "invalid", f"{first['where']}: {first['message']}", errors=errors)


async def _on_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = TooLargeError.code if error.status_code == TooLargeError.status else f"http_{error.status_code}"
    return problem(request, error.status_code, code, str(error.detail), headers=error.headers)


class BodyLimit:
    """Pure ASGI: a body over the limit, announced or not, is refused while it is read.

    The framework's own limit answers an announced one in plain text, past every error handler.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        announced = dict(scope.get("headers", ())).get(b"content-length", b"")
        total = int(announced) if announced.isdigit() else 0
        over, seen = total > self._limit, 0

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


def _operation_id(route: APIRoute) -> str:
    return route.name


def _health_routes(checks: Mapping[str, Check]) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process is alive."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz(response: Response) -> dict[str, Any]:
        """The process can do its work: database, schema, and what else it needs."""
        results: dict[str, str] = {}
        for name, check in checks.items():
            try:
                await asyncio.wait_for(check(), READY_TIMEOUT)
                results[name] = "ok"
            except Exception as error:  # noqa: BLE001 - every failure means not ready, and says why
                results[name] = f"{type(error).__name__}: {error}"
        ready = all(result == "ok" for result in results.values())
        response.status_code = 200 if ready else 503
        return {"status": "ready" if ready else "not ready", "checks": results}

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        """Prometheus text format."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


def create_app(
    title: str,
    *,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    routers: Sequence[APIRouter],
    checks: Mapping[str, Check] | None = None,
    max_body: int = MAX_BODY,
    docs: bool = True,
) -> FastAPI:
    """An app with everything the kernel gives; `checks` are what `/readyz` asks."""
    options: dict[str, Any] = {
        "title": title, "version": "0.1.0", "lifespan": lifespan, "generate_unique_id_function": _operation_id,
    }  # fmt: skip
    app: FastAPI = FastAPIOffline(**options) if docs else FastAPI(**options, docs_url=None, redoc_url=None)
    app.include_router(_health_routes(checks or {}))
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(AppError, _on_app_error)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_middleware(BodyLimit, limit=max_body)
    app.add_middleware(RequestContext)
    return app
