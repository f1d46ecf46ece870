"""What all typed clients share: time-outs, retries with back-off, one error, the request id that travels."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import BaseModel

from shared.errors import AppError
from shared.logging import REQUEST_ID_HEADER, request_id

Token = Callable[[], Awaitable[str]]
RETRY_STATUS = frozenset({502, 503, 504})
SAFE_METHODS = frozenset({"GET", "HEAD"})


class ServiceCallError(AppError):
    """Another service refused or did not answer. Carries its status and code on."""

    code = "upstream_error"
    status = 502

    def __init__(self, service: str, status: int, code: str, message: str, **context: Any) -> None:
        super().__init__(message, **context)
        self.service = service
        self.status = status  # type: ignore[misc]
        self.code = code  # type: ignore[misc]


def _error_of(service: str, response: httpx.Response) -> ServiceCallError:
    try:
        problem = response.json()
        code, detail = str(problem["code"]), str(problem["detail"])
        context = dict(problem.get("context") or {})
        if problem.get("errors"):
            context["errors"] = problem["errors"]
    except (ValueError, KeyError, TypeError):
        code, detail, context = "upstream_error", f"{service} answered {response.status_code}", {}
    return ServiceCallError(service, response.status_code, code, detail, **context)


class ServiceClient:
    """An HTTP client of one service. `token` is asked before each call (a service's own or the user's)."""

    service = "service"

    def __init__(
        self,
        base_url: str,
        token: Token | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = 15.0,
        attempts: int = 3,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=base_url,
            transport=transport,
            timeout=httpx.Timeout(timeout, connect=3.0),
            limits=httpx.Limits(max_connections=50, max_keepalive_connections=20),
        )
        self._token = token
        self._attempts = attempts

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    def as_user(self, token: str) -> Self:
        """The same client, same connections, speaking with a user's token."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)

        async def give() -> str:
            return token

        twin._token = give
        return twin

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        retry: bool | None = None,
        **options: Any,
    ) -> httpx.Response:
        """One call; retried on connection faults and 502–504 where it is safe (GET, or `retry=True`).

        Raises `ServiceCallError` for every answer from 400 up and when no answer comes.
        """
        may_retry = method in SAFE_METHODS if retry is None else retry
        failure: ServiceCallError | None = None
        for attempt in range(self._attempts if may_retry else 1):
            if attempt:
                await asyncio.sleep(0.1 * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            try:
                response = await self._send(method, path, headers, options)
            except httpx.HTTPError as error:
                failure = ServiceCallError(
                    self.service,
                    503,
                    "upstream_unreachable",
                    f"{self.service} does not answer: {type(error).__name__}",
                )
                failure.__cause__ = error
                continue
            if response.status_code < httpx.codes.BAD_REQUEST:
                return response
            failure = _error_of(self.service, response)
            if response.status_code not in RETRY_STATUS:
                break
        if failure is None:
            raise RuntimeError("a request without attempts")
        raise failure

    async def _send(
        self, method: str, path: str, headers: dict[str, str] | None, options: dict[str, Any]
    ) -> httpx.Response:
        """One exchange; a second one where the service's own token was refused and a new one can be had."""
        response = await self._http.request(method, path, headers=await self._headers(headers), **options)
        forget = getattr(self._token, "forget", None)
        if response.status_code == httpx.codes.UNAUTHORIZED and forget is not None:
            forget()
            response = await self._http.request(method, path, headers=await self._headers(headers), **options)
        return response

    async def _headers(self, extra: dict[str, str] | None) -> dict[str, str]:
        headers = dict(extra or {})
        if self._token is not None and "Authorization" not in headers:
            headers["Authorization"] = f"Bearer {await self._token()}"
        if current := request_id.get():
            headers.setdefault(REQUEST_ID_HEADER, current)
        return headers

    async def get_json(self, path: str, **params: Any) -> Any:
        """GET; parameters that are None are left out."""
        return (await self.request("GET", path, params=_clean(params))).json()

    async def post_json(
        self, path: str, body: BaseModel | dict[str, Any] | None = None, *, headers: dict[str, str] | None = None,
        method: str = "POST",
    ) -> Any:  # fmt: skip
        """POST (or PUT, PATCH) a model; the answer's JSON, or None where it has no content."""
        content = body.model_dump(mode="json") if isinstance(body, BaseModel) else body
        response = await self.request(method, path, json=content, headers=headers)
        return response.json() if response.content else None


def _clean(params: dict[str, Any]) -> dict[str, Any]:
    def text(value: Any) -> Any:
        return value.isoformat() if hasattr(value, "isoformat") else str(value)

    return {
        key.rstrip("_"): [text(item) for item in value]
        if isinstance(value, list | tuple | set | frozenset)
        else text(value)
        for key, value in params.items()
        if value is not None
    }
