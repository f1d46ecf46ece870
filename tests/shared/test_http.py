"""The app factory on real sockets where the behaviour depends on them."""

import asyncio
import json
import re
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, Body, FastAPI, Form, Query, Request, UploadFile

from shared.contracts.ingest import Wire
from shared.errors import (
    AppError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotFoundError,
    StaleVersionError,
    TooLargeError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedTypeError,
    VersionRequiredError,
)
from shared.http import (
    check_version,
    create_app,
    decode_cursor,
    encode_cursor,
    etag_of,
    version_from,
)
from shared.logging import request_id
from tests.shared.conftest import Serve, no_lifespan

LIMIT = 1000
router = APIRouter()
ERRORS: dict[str, AppError] = {
    type(error).__name__: error
    for error in (
        InvalidError("m"), UnauthenticatedError("m"), ForbiddenError("m"), NotFoundError("m"), ConflictError("m"),
        GoneError("m"), StaleVersionError("m"), TooLargeError("m"), UnsupportedTypeError("m"),
        VersionRequiredError("m"), TooManyRequestsError("m", retry_after=7), UnavailableError("m"),
    )
}  # fmt: skip


class Thing(Wire):
    name: str
    size: int = 0


@router.get("/errors/{name}")
async def fail(name: str) -> None:
    raise ERRORS[name]


@router.get("/things/{thing_id}")
async def get_thing(thing_id: UUID, size: Annotated[int, Query(ge=1)] = 1) -> dict[str, str]:
    return {"id": str(thing_id), "size": str(size), "request_id": request_id.get()}


@router.post("/things")
async def add_thing(thing: Thing) -> Thing:
    return thing


@router.post("/bytes")
async def take_bytes(body: Annotated[bytes, Body()]) -> int:
    return len(body)


@router.post("/forms")
async def take_form(file: UploadFile, name: Annotated[str, Form()] = "") -> str:
    return f"{name}{file.size}"


@router.post("/streams")
async def take_stream(request: Request) -> int:
    return sum([len(chunk) async for chunk in request.stream()])


@router.get("/bugs")
async def meet_bug() -> None:
    raise ZeroDivisionError("secret detail")


def make_app(**options: Any) -> FastAPI:
    return create_app("test", lifespan=no_lifespan, routers=[router], max_body=LIMIT, **options)


@pytest.fixture
async def http(serve: Serve) -> Any:
    async with httpx.AsyncClient(base_url=await serve(make_app())) as client:
        yield client


STATUSES = {
    "InvalidError": (422, "invalid", "内容不正确", "Invalid content"),
    "UnauthenticatedError": (401, "unauthenticated", "未登录或令牌无效", "Not authenticated"),
    "ForbiddenError": (403, "forbidden", "没有权限", "Not allowed"),
    "NotFoundError": (404, "not_found", "没有找到", "Not found"),
    "ConflictError": (409, "conflict", "当前状态不允许", "Conflict"),
    "GoneError": (410, "gone", "已失效", "Gone"),
    "StaleVersionError": (412, "stale_version", "内容已被他人修改", "Changed in the meantime"),
    "TooLargeError": (413, "too_large", "内容过大", "Too large"),
    "UnsupportedTypeError": (415, "unsupported_type", "类型不支持", "Unsupported type"),
    "VersionRequiredError": (428, "version_required", "需要版本号", "Version required"),
    "TooManyRequestsError": (429, "too_many_requests", "请求过于频繁", "Too many requests"),
    "UnavailableError": (503, "unavailable", "暂不可用", "Unavailable"),
}


async def test_problems_in_both_languages(http: httpx.AsyncClient) -> None:
    assert set(STATUSES) == set(ERRORS)
    for name, (status, code, chinese, english) in STATUSES.items():
        for language, title in (("zh-CN,zh;q=0.9", chinese), ("en-GB", english), ("", chinese)):
            answer = await http.get(f"/errors/{name}", headers={"Accept-Language": language, "X-Request-ID": "r-1"})
            assert answer.status_code == status
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json() == {
                "type": f"urn:sanse:problem:{code}", "title": title, "status": status, "detail": "m",
                "instance": f"/errors/{name}", "code": code, "trace_id": "r-1", "errors": [],
                "context": {"retry_after": 7} if status == 429 else {},
            }  # fmt: skip


async def test_headers_of_problems(http: httpx.AsyncClient) -> None:
    assert (await http.get("/errors/TooManyRequestsError")).headers["Retry-After"] == "7"
    assert (await http.get("/errors/UnauthenticatedError")).headers["WWW-Authenticate"] == "Bearer"
    assert (await http.delete("/things")).headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "where"),
    [
        ("GET", "/things/x", None, 422, "path.thing_id"),
        ("GET", f"/things/{UUID(int=1)}?size=0", None, 422, "query.size"),
        ("POST", "/things", b'{"size": 1}', 422, "body.name"),
        ("POST", "/things", b'{"name": "a", "nmae": "b"}', 422, "body.nmae"),
        ("POST", "/things", b'{"name": "a\\u0000b"}', 422, "body.name"),
        ("POST", "/things", b'{"name": "\\ud800"}', 422, "body.name"),
        ("POST", "/things", b'{"name": ', 422, "body.9"),
        ("POST", "/things", b"", 422, "body"),
    ],
)
async def test_invalid_input_says_where(
    http: httpx.AsyncClient, method: str, path: str, body: bytes | None, status: int, where: str
) -> None:
    answer = await http.request(method, path, content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["errors"][0]["where"] == where
    assert answer.json()["detail"].startswith(f"{where}: ")


@pytest.mark.parametrize("path", ["/things/%00", "/none?x=%00", "/none?x=a%00b"])
async def test_nul_in_the_address(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)

    assert (answer.status_code, answer.json()["code"]) == (400, "nul_character")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/none", 404), ("DELETE", "/things", 405)])
async def test_framework_errors_are_problems_too(http: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await http.request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (status, f"http_{status}")
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_bug_is_told_by_its_number_only(http: httpx.AsyncClient) -> None:
    answer = await http.get("/bugs", headers={"X-Request-ID": "bug-17"})

    assert (answer.status_code, answer.json()["code"], answer.json()["trace_id"]) == (500, "internal_error", "bug-17")
    assert answer.headers["X-Request-ID"] == "bug-17"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "ZeroDivision" not in answer.text


async def chunks(size: int) -> Any:
    for _ in range(size // 100):
        yield b"x" * 100


@pytest.mark.parametrize("path", ["/bytes", "/streams"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_body_over_the_limit(http: httpx.AsyncClient, path: str, chunked: bool) -> None:  # noqa: FBT001
    headers = {"Content-Type": "application/octet-stream"}
    for size, status in ((LIMIT, 200), (LIMIT + 100, 413), (50 * LIMIT, 413)):
        content = chunks(size) if chunked else b"x" * size
        answer = await http.post(path, content=content, headers=headers)
        assert answer.status_code == status, size
        if status == 413:
            assert (answer.headers["Content-Type"], answer.json()["code"]) == ("application/problem+json", "too_large")
            assert answer.headers["X-Request-ID"] == answer.json()["trace_id"]


async def test_form_over_the_limit(http: httpx.AsyncClient) -> None:
    small = await http.post("/forms", files={"file": b"x" * 100}, data={"name": "n"})
    large = await http.post("/forms", files={"file": b"x" * LIMIT})

    assert (small.status_code, small.json()) == (200, "n100")
    assert (large.status_code, large.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("announced", ["-5", "many", "9" * 30])
async def test_strange_content_length(http: httpx.AsyncClient, announced: str) -> None:
    host, port = http.base_url.host, http.base_url.port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"POST /bytes HTTP/1.1\r\nHost: x\r\nContent-Length: {announced}\r\n\r\nabc".encode())
    answer = await asyncio.wait_for(reader.read(2000), 5)
    writer.close()

    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413"))
    assert (await http.get("/healthz")).status_code == 200


async def test_request_id_travels(http: httpx.AsyncClient) -> None:
    path = f"/things/{UUID(int=1)}"
    given = await http.get(path, headers={"X-Request-ID": "abc-123"})
    assert (given.headers["X-Request-ID"], given.json()["request_id"]) == ("abc-123", "abc-123")

    made = {(await http.get(path)).headers["X-Request-ID"] for _ in range(3)}
    assert len(made) == 3
    for bad in ("x" * 65, "a b", "ü", "<script>", ""):
        answer = await http.get(path, headers=[(b"X-Request-ID", bad.encode())])
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


async def test_concurrent_requests_keep_their_ids(http: httpx.AsyncClient) -> None:
    ids = [f"id-{n}" for n in range(40)]
    path = f"/things/{UUID(int=1)}"
    answers = await asyncio.gather(*(http.get(path, headers={"X-Request-ID": each}) for each in ids))

    assert [answer.json()["request_id"] for answer in answers] == ids


async def labels(http: httpx.AsyncClient) -> set[tuple[str, str]]:
    text = (await http.get("/metrics")).text
    return set(re.findall(r'sanse_http_requests_total\{method="([^"]*)",route="([^"]*)"', text))


async def test_metrics_have_bounded_labels(http: httpx.AsyncClient) -> None:
    for number in range(4):
        await http.get(f"/nowhere/{number}")
        await http.get(f"/things/{UUID(int=number)}")
        await http.request(f"METHOD{number}", f"/x/{number}")

    found = await labels(http)
    assert {("GET", "unmatched"), ("GET", "/things/{thing_id}"), ("other", "unmatched")} <= found
    assert not any("nowhere" in route or "METHOD" in method or "/x/" in route for method, route in found)


async def test_readiness_tells_what_is_missing(serve: Serve) -> None:
    async def fine() -> None:
        return

    async def broken() -> None:
        raise ConnectionRefusedError("nobody there")

    async def hangs() -> None:
        await asyncio.sleep(60)

    async with httpx.AsyncClient(base_url=await serve(make_app(checks={"a": fine}))) as http:
        assert (await http.get("/readyz")).json() == {"status": "ready", "checks": {"a": "ok"}}
    checks = {"a": fine, "b": broken, "c": hangs}
    async with httpx.AsyncClient(base_url=await serve(make_app(checks=checks))) as http:
        answer = await http.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"] == {
            "a": "ok", "b": "ConnectionRefusedError: nobody there", "c": "TimeoutError: ",
        }  # fmt: skip
        assert (await http.get("/healthz")).json() == {"status": "ok"}  # alive all the same


async def test_docs_need_no_other_server(http: httpx.AsyncClient) -> None:
    page = (await http.get("/docs")).text

    assert "swagger" in page.lower()
    assert not re.search(r'(src|href)="https?://', page)
    assert (await http.get("/openapi.json")).json()["openapi"].startswith("3.1")


def test_cursor_comes_back_as_it_went() -> None:
    for keys in (["x"], ["张三", 3], [None, 1.5], [str(UUID(int=1))]):
        assert decode_cursor(encode_cursor(*keys)) == keys


@pytest.mark.parametrize(
    "garbage", ["", "x", "!!!", "ü", "e30", "bnVsbA", "IngI", "W10" * 400 + "x", "\x00", "=" * 5, "W1s="]
)
def test_garbage_cursor(garbage: str) -> None:
    with pytest.raises(InvalidError) as refused:
        decode_cursor(garbage)
    assert refused.value.context == {"field": "cursor"}


@pytest.mark.parametrize(("header", "version"), [('"3"', 3), ('W/"12"', 12), ("7", 7), (' "3" ', 3)])
def test_version_from_if_match(header: str, version: int) -> None:
    assert version_from(header) == version
    assert version_from(etag_of(version)) == version


@pytest.mark.parametrize("header", ["*", '""', '"x"', '"1", "2"', '"-1"', "²", "9" * 5000])
def test_version_that_is_none(header: str) -> None:
    with pytest.raises(InvalidError):
        version_from(header)


def test_decision_without_or_with_an_old_version() -> None:
    with pytest.raises(VersionRequiredError):
        version_from(None)
    check_version(3, 3)
    with pytest.raises(StaleVersionError) as stale:
        check_version(4, 3)
    assert json.loads(json.dumps(stale.value.context)) == {"current": 4, "given": 3}
