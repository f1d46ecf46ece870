"""Errors become RFC 9457 problem details here, and nowhere else."""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from shared.errors import AppError, TooLargeError
from shared.logging import get_logger, request_id

log = get_logger(__name__)

PROBLEM_TYPE = "application/problem+json"

TITLES: dict[int, tuple[str, str]] = {
    400: ("请求有误", "Bad request"), 401: ("未登录或令牌无效", "Not authenticated"), 403: ("没有权限", "Not allowed"),
    404: ("没有找到", "Not found"), 405: ("方法不允许", "Method not allowed"), 409: ("当前状态不允许", "Conflict"),
    410: ("已失效", "Gone"), 412: ("内容已被他人修改", "Changed in the meantime"), 413: ("内容过大", "Too large"),
    415: ("类型不支持", "Unsupported type"), 422: ("内容不正确", "Invalid content"),
    428: ("需要版本号", "Version required"), 429: ("请求过于频繁", "Too many requests"),
    500: ("服务内部错误", "Internal error"), 502: ("上游服务出错", "Upstream error"), 503: ("暂不可用", "Unavailable"),
}  # fmt: skip


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


async def on_app_error(request: Request, error: Exception) -> Response:
    """Handler of our own refusals."""
    if not isinstance(error, AppError):
        raise error
    context = dict(error.context)
    errors = context.pop("errors", None)
    if error.status >= 500:  # noqa: PLR2004
        log.error("app_error", code=error.code, detail=error.message, path=request.url.path)
    elif error.status in {401, 403}:
        log.warning("refused", code=error.code, detail=error.message, path=request.url.path)
    return problem(request, error.status, error.code, error.message, context=context, errors=errors or [])


async def on_validation(request: Request, error: Exception) -> Response:
    """Handler of input that does not have the form of the contract."""
    if not isinstance(error, RequestValidationError):
        raise error
    errors = [
        {"where": ".".join(str(part) for part in item["loc"]), "message": item["msg"], "code": item["type"]}
        for item in error.errors()[:50]
    ]
    first = errors[0] if errors else {"where": "", "message": ""}
    return problem(request, 422, "invalid", f"{first['where']}: {first['message']}", errors=errors)


async def on_http(request: Request, error: Exception) -> Response:
    """Handler of what the framework refuses: unknown addresses, wrong methods, bodies over the limit."""
    if not isinstance(error, HTTPException):
        raise error
    code = TooLargeError.code if error.status_code == TooLargeError.status else f"http_{error.status_code}"
    return problem(request, error.status_code, code, str(error.detail), headers=error.headers)
