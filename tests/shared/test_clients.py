"""Typed clients against real servers: what is tried again, what is not, and what an error becomes."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from shared.clients.base import ServiceCallError, ServiceClient
from shared.clock import monotonic
from shared.errors import ConflictError
from shared.http import create_app
from shared.logging import request_id
from tests.shared.conftest import Serve, no_lifespan


class Other:
    """A service that answers as told, one answer after the other, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[Request] = []
        self.app = FastAPI()
        self.app.add_api_route("/x", self._answer, methods=["GET", "POST", "PUT"])

    async def _answer(self, request: Request) -> Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = 200
        return answer if isinstance(answer, Response) else Response(b"{}", answer, media_type="application/json")


@pytest.fixture
async def other() -> Other:
    return Other()


async def test_get_is_tried_again_until_it_succeeds(other: Other, serve: Serve) -> None:
    other.answers = [503, 502, 200]
    async with ServiceClient(await serve(other.app)) as client:
        began = monotonic()
        assert await client.get_json("/x") == {}

    assert len(other.asked) == 3
    assert monotonic() - began > 0.2  # with a pause that grows


async def test_tries_end(other: Other, serve: Serve) -> None:
    other.answers = [503] * 10
    async with ServiceClient(await serve(other.app), attempts=3) as client:
        with pytest.raises(ServiceCallError) as failed:
            await client.get_json("/x")

    assert (len(other.asked), failed.value.status) == (3, 503)


async def test_post_is_never_repeated_by_itself(other: Other, serve: Serve) -> None:
    other.answers = [503] * 10
    async with ServiceClient(await serve(other.app)) as client:
        with pytest.raises(ServiceCallError):
            await client.post_json("/x", {"a": 1})
        assert len(other.asked) == 1
        with pytest.raises(ServiceCallError):
            await client.request("PUT", "/x", retry=True)  # only where the caller knows it is safe
        assert len(other.asked) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 501])
async def test_other_answers_are_final(other: Other, serve: Serve, status: int) -> None:
    other.answers = [status, 200]
    async with ServiceClient(await serve(other.app)) as client:
        with pytest.raises(ServiceCallError) as failed:
            await client.get_json("/x")

    assert (len(other.asked), failed.value.status, failed.value.code) == (1, status, "upstream_error")


async def test_problem_of_a_service_travels_on(serve: Serve) -> None:
    app = create_app("casework", lifespan=no_lifespan, routers=[])

    @app.post("/v1/moves")
    async def move() -> None:
        raise ConflictError("a closed case cannot move", state="closed", errors=[{"where": "to"}])

    async with ServiceClient(await serve(app)) as client:
        with pytest.raises(ServiceCallError) as failed:
            await client.post_json("/v1/moves")

    error = failed.value
    assert (error.status, error.code, error.message) == (409, "conflict", "a closed case cannot move")
    assert error.context == {"state": "closed", "errors": [{"where": "to"}]}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b'{"code": 1}', b"\xff"])
async def test_error_that_is_no_problem(other: Other, serve: Serve, body: bytes) -> None:
    other.answers = [Response(body, 418)]
    async with ServiceClient(await serve(other.app)) as client:
        with pytest.raises(ServiceCallError) as failed:
            await client.get_json("/x")

    assert (failed.value.status, failed.value.code, failed.value.message) == (
        418, "upstream_error", "service answered 418",
    )  # fmt: skip


async def test_slow_service_is_given_up(other: Other, serve: Serve) -> None:
    other.answers = [5.0]
    async with ServiceClient(await serve(other.app), timeout=0.2) as client:
        began = monotonic()
        with pytest.raises(ServiceCallError) as failed:
            await client.post_json("/x")

    assert monotonic() - began < 2
    assert (failed.value.status, failed.value.code) == (503, "upstream_unreachable")
    assert isinstance(failed.value.__cause__, httpx.ReadTimeout)


async def test_slow_service_that_gets_fast_again(other: Other, serve: Serve) -> None:
    other.answers = [5.0]
    async with ServiceClient(await serve(other.app), timeout=0.3) as client:
        assert await client.get_json("/x") == {}

    assert len(other.asked) == 2


async def test_nobody_there() -> None:
    async with ServiceClient("http://127.0.0.1:1", attempts=2) as client:
        with pytest.raises(ServiceCallError) as failed:
            await client.get_json("/x")

    assert (failed.value.status, failed.value.code) == (503, "upstream_unreachable")
    assert failed.value.message == "service does not answer: ConnectError"


async def test_connection_that_is_cut_is_tried_again(other: Other, serve: Serve) -> None:
    """A server that hangs up in the middle of its first answer."""
    calls = 0

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await reader.readuntil(b"\r\n\r\n")
        whole = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        writer.write(whole if calls > 1 else whole[:60])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, ServiceClient(f"http://127.0.0.1:{port}") as client:
        assert await client.get_json("/x") == {}
    assert calls == 2


async def test_request_id_and_token_travel(other: Other, serve: Serve) -> None:
    async def own() -> str:
        return "own-token"

    mark = request_id.set("trace-9")
    try:
        async with ServiceClient(await serve(other.app), own) as client:
            await client.get_json("/x")
            await client.as_user("user-token").get_json("/x")
            await client.get_json("/x")
    finally:
        request_id.reset(mark)

    assert [request.headers["Authorization"] for request in other.asked] == [
        "Bearer own-token", "Bearer user-token", "Bearer own-token",
    ]  # fmt: skip
    assert {request.headers["X-Request-ID"] for request in other.asked} == {"trace-9"}


class Renewable:
    """A token source whose first token is refused."""

    def __init__(self) -> None:
        self.number = 1

    async def __call__(self) -> str:
        return f"token-{self.number}"

    def forget(self) -> None:
        self.number += 1


async def test_own_token_that_is_refused_is_renewed_once(other: Other, serve: Serve) -> None:
    other.answers = [401, 200, 401, 401, 200]
    async with ServiceClient(await serve(other.app), Renewable()) as client:
        assert await client.post_json("/x") == {}
        with pytest.raises(ServiceCallError) as failed:
            await client.post_json("/x")

    assert failed.value.status == 401
    tokens = [request.headers["Authorization"] for request in other.asked]
    assert tokens == ["Bearer token-1", "Bearer token-2", "Bearer token-2", "Bearer token-3"]


async def test_parameters_leave_out_what_is_none(other: Other, serve: Serve) -> None:
    async with ServiceClient(await serve(other.app)) as client:
        await client.get_json("/x", a=None, b=[1, 2], from_="x", empty="", zero=0)

    assert sorted(other.asked[0].query_params.multi_items()) == [
        ("b", "1"), ("b", "2"), ("empty", ""), ("from", "x"), ("zero", "0"),
    ]  # fmt: skip


async def test_answer_without_content_is_none(other: Other, serve: Serve) -> None:
    other.answers = [Response(status_code=204)]
    async with ServiceClient(await serve(other.app)) as client:
        assert await client.post_json("/x") is None
