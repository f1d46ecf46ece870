"""`/api/<service>/v1/…`: the services' interfaces under the portal's address, so that systems need one.

Bearer tokens only: cookies are never passed on, so a page of another site cannot act through a session.
Bodies are streamed both ways; `X-Request-ID` travels with the call.
"""

from collections.abc import AsyncIterator, Mapping

import httpx
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from shared.errors import NotFoundError, TooLargeError, UnauthenticatedError, UnavailableError
from shared.logging import REQUEST_ID_HEADER, request_id
from shared.settings import SERVICES

router = APIRouter(include_in_schema=False)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
MAX_BODY = 64 * 1024 * 1024
PASSED_ON = (
    "accept", "accept-language", "authorization", "content-type", "idempotency-key", "if-match", "if-none-match",
    "prefer", "range",
)  # fmt: skip
PASSED_BACK = (
    "cache-control", "content-disposition", "content-range", "content-type", "etag", "last-modified", "link",
    "location", "retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "www-authenticate",
)  # fmt: skip
ADDRESSES = frozenset({"link", "location"})
"""Headers with addresses: the services know their own, callers need the portal's."""
OPEN_PATHS = {"identity": ("oauth/token", ".well-known/jwks.json"), "grading": ("v1/lists/",)}
"""What needs no token: getting one, the keys, and the published lists."""
ONE_MINUTE = 60.0


class Proxy:
    """One streaming HTTP client for all services."""

    def __init__(
        self, urls: Mapping[str, str], transport: httpx.AsyncBaseTransport | None = None, max_body: int = MAX_BODY
    ) -> None:
        self._urls = urls
        self._max_body = max_body
        self._http = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(ONE_MINUTE, connect=3.0),
            limits=httpx.Limits(max_connections=50, max_keepalive_connections=10),
            follow_redirects=False,
        )

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def forward(
        self, service: str, path: str, request: Request, *, extra: Mapping[str, str] | None = None
    ) -> Response:
        """Pass a call on and its answer back; `extra` headers are the portal's own."""
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers} | dict(extra or {})
        headers["accept-encoding"] = "identity"  # the answer is passed on byte by byte
        headers[REQUEST_ID_HEADER] = request_id.get()
        self._check(int(request.headers.get("content-length") or 0))
        body = self._limited(request) if request.method not in {"GET", "HEAD"} else None
        call = self._http.build_request(
            request.method, f"{self._urls[service]}/{path}", params=request.url.query, headers=headers,
            content=body,
        )  # fmt: skip
        try:
            answer = await self._http.send(call, stream=True)
        except httpx.HTTPError as error:
            raise UnavailableError(f"{service} does not answer: {type(error).__name__}") from error
        kept = {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}
        for name in ADDRESSES & kept.keys():
            kept[name] = kept[name].replace(self._urls[service], f"/api/{service}")
        return StreamingResponse(_body(answer), answer.status_code, kept)

    async def _limited(self, request: Request) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            self._check(size)
            yield chunk

    def _check(self, size: int) -> None:
        if size > self._max_body:
            raise TooLargeError(f"the body is larger than {self._max_body} bytes", limit=self._max_body)


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()


def check_path(service: str, path: str) -> None:
    """Only the interfaces of the five services, and nothing that climbs out of them."""
    open_paths = OPEN_PATHS.get(service, ())
    inside = path.startswith("v1/") or path in open_paths or path in {"openapi.json", "oauth/token"}
    if service not in SERVICES or not inside or ".." in path.split("/"):
        raise NotFoundError("no such interface; see /api", service=service, path=path)


@router.api_route("/api/{service}/{path:path}", methods=METHODS)
async def call_service(request: Request, service: str, path: str) -> Response:
    """Pass a call on to a service."""
    check_path(service, path)
    is_open = path == "openapi.json" or any(path.startswith(start) for start in OPEN_PATHS.get(service, ()))
    if not is_open and not request.headers.get("authorization", "").lower().startswith("bearer "):
        raise UnauthenticatedError("send a token: Authorization: Bearer …")
    proxy: Proxy = request.app.state.proxy
    return await proxy.forward(service, path, request)


@router.get("/sta/v1.1")
@router.get("/sta/v1.1/{path:path}")
async def sensorthings(request: Request, path: str = "") -> Response:
    """OGC SensorThings under the portal's address; its links lead here too."""
    scheme = request.headers.get("authorization", "").partition(" ")[0].lower()
    if scheme not in {"bearer", "basic"}:
        raise UnauthenticatedError("send a token (Authorization: Bearer …), or id and secret of an API client (Basic)")
    if ".." in path.split("/"):
        raise NotFoundError("no such interface; see /api", service="ingest", path=path)
    proxy: Proxy = request.app.state.proxy
    told = {"X-Forwarded-Host": request.url.netloc, "X-Forwarded-Proto": request.url.scheme}
    return await proxy.forward("ingest", f"sta/v1.1/{path}".rstrip("/"), request, extra=told)
