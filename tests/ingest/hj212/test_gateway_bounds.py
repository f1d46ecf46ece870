import asyncio
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from services.ingest.hj212.codec import Rejected
from services.ingest.hj212.gateway import Outcome, Received, Server
from tests.ingest.hj212.gateway_peers import QUICK, MemorySink, Peer, data, gateway, until


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


async def test_store_behind_stops_the_reading_and_memory_stays_bounded() -> None:
    sink = MemorySink()
    sink.gate.clear()
    limits = replace(QUICK, queue_high=300, queue_low=100, batch_frames=50)
    async with gateway(sink, limits) as (server, connect):
        peer = await connect()
        await peer.send(data(0))
        await until(lambda: server.stats.waiting == 1)
        stream = b"".join(data(n) for n in range(1, 12_000))
        sending = asyncio.create_task(peer.send(stream))
        reading = asyncio.create_task(_read_answers(peer, 12_000))
        await asyncio.sleep(0.2)
        held = server.stats.waiting
        sink.gate.set()
        await sending
        answers = await reading

    assert 300 <= held < 300 + 262_144 // len(data(1000))
    assert answers == sink.qns
    assert len(answers) == 12_000
    assert server.stats.pauses >= 1


async def _read_answers(peer: Peer, count: int) -> list[str | None]:
    return [(await peer.answer()).qn for _ in range(count)]


async def test_one_connection_cannot_fill_the_queue() -> None:
    sink = MemorySink()
    sink.gate.clear()
    async with gateway(sink, replace(QUICK, unanswered_high=10)) as (server, connect):
        greedy, modest = await connect(), await connect()
        for n in range(30):
            await greedy.send(data(n))
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.05)
        held = server.stats.waiting
        await modest.send(data(99))
        await until(lambda: server.stats.waiting == held + 1)
        sink.gate.set()
        answers = [(await greedy.answer()).qn for _ in range(30)]

        assert 10 <= held < 30
        assert (await modest.answer()).qn == "20240601080000099"
    assert answers == [f"20240601080000{n:03d}" for n in range(30)]


async def test_peer_that_never_reads_is_dropped_and_others_are_served() -> None:
    sink = MemorySink()
    limits = replace(QUICK, write_timeout=0.2, write_high=1024, socket_buffer=4096)
    async with gateway(sink, limits) as (server, connect):
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, ("127.0.0.1", server.port))
        stream = b"".join(data(n) for n in range(5_000))
        sending = asyncio.create_task(loop.sock_sendall(deaf, stream))
        await until(lambda: server.stats.closed["answers_unread"] == 1)
        with suppress(ConnectionError):
            await sending
        deaf.close()
        peer = await connect()
        await peer.send(data(1))

        assert (await peer.answer()).qn == "20240601080000001"
    # What was taken from the deaf peer is stored even though its answers found no way out.
    assert server.stats.outcomes["stored"] == server.stats.answers + server.stats.answers_undelivered
    assert len(sink.qns) == server.stats.outcomes["stored"] < 5_000


async def test_half_closed_peer_still_gets_its_answers() -> None:
    sink = MemorySink()
    sink.gate.clear()
    async with gateway(sink) as (server, connect):
        peer = await connect()
        await peer.send(data(1) + data(2))
        peer.writer.write_eof()
        await until(lambda: server.stats.waiting == 2)
        sink.gate.set()

        assert [(await peer.answer()).qn for _ in range(2)] == ["20240601080000001", "20240601080000002"]
        assert await peer.closed()


async def test_frames_of_a_lost_connection_are_stored() -> None:
    sink = MemorySink()
    sink.gate.clear()
    async with gateway(sink) as (server, connect):
        peer = await connect()
        await peer.send(data(1) + data(2)[:50])
        await until(lambda: server.stats.waiting == 1)
        raw: socket.socket = peer.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
        peer.writer.transport.abort()
        await until(lambda: server.stats.connections == 0)
        sink.gate.set()
        await until(lambda: len(sink.kept) == 2)

    assert sink.qns == ["20240601080000001"]
    assert [received.event.reason for received in sink.kept if isinstance(received.event, Rejected)] == ["truncated"]
    assert server.stats.answers_undelivered == 1


async def test_incomplete_frame_expires() -> None:
    sink = MemorySink()
    async with gateway(sink, replace(QUICK, frame_quiet=0.1)) as (_, connect):
        peer = await connect()
        await peer.send(data(1)[:50])
        await until(lambda: len(sink.kept) == 1)
        await peer.send(data(2))

        assert (await peer.answer()).qn == "20240601080000002"
    assert sink.judge(sink.kept[0]).reason == "truncated"


async def test_frame_that_drips_has_a_deadline() -> None:
    sink = MemorySink()
    async with gateway(sink, replace(QUICK, frame_deadline=0.2)) as (_, connect):
        peer = await connect()
        for byte in data(1)[:60]:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0.01)
            if sink.kept:
                break
        await until(lambda: len(sink.kept) >= 1)

    assert sink.judge(sink.kept[0]).reason == "truncated"


@pytest.mark.parametrize(
    ("first", "reason"),
    [(b"", "no_greeting"), (b"hello", "no_greeting"), (data(1), "idle")],
    ids=["mute", "noise", "idle"],
)
async def test_silent_peers_are_closed(first: bytes, reason: str) -> None:
    limits = replace(QUICK, greeting_timeout=0.15, idle_timeout=0.15)
    async with gateway(MemorySink(), limits) as (server, connect):
        peer = await connect()
        await peer.send(first)
        if reason == "idle":
            await peer.answer()

        assert await peer.closed()
    assert server.stats.closed[reason] == 1


async def test_noise_has_a_budget() -> None:
    async with gateway(MemorySink(), replace(QUICK, noise_budget=1000)) as (server, connect):
        peer = await connect()
        await peer.send(b"GET / HTTP/1.1\r\n" * 100)

        assert await peer.closed()
    assert server.stats.closed["noise"] == 1
    assert server.stats.noise == 1400


async def test_keepalives_between_good_frames_do_not_add_up() -> None:
    async with gateway(MemorySink(), replace(QUICK, noise_budget=100)) as (server, connect):
        peer = await connect()
        for n in range(10):
            await peer.send(b"\x00" * 80 + data(n))
            await peer.answer()

    assert server.stats.closed == {}


async def test_strikes_of_broken_frames() -> None:
    sink = MemorySink()
    async with gateway(sink, replace(QUICK, strikes=20)) as (server, connect):
        peer = await connect()
        await peer.send(b"##0010" * 1000)

        assert await peer.closed()
        await until(lambda: server.stats.waiting == 0)
    assert server.stats.closed["only_bad_frames"] == 1
    assert len(sink.kept) == 20


async def test_strikes_of_strangers() -> None:
    sink = MemorySink()
    async with gateway(sink, replace(QUICK, strikes=5)) as (server, connect):
        peer = await connect()
        for n in range(6):
            await peer.send(data(n, mn="STRANGER"))
            await asyncio.sleep(0.05)

        assert await peer.closed()
    assert server.stats.closed["only_bad_frames"] == 1
    assert len(sink.kept) == 5


async def test_connections_are_limited() -> None:
    async with gateway(MemorySink(), replace(QUICK, max_connections=2)) as (server, connect):
        first, _ = await connect(), await connect()
        await until(lambda: server.stats.connections == 2)
        third = await connect()

        assert await third.closed()
        await first.send(data(1))
        assert (await first.answer()).qn == "20240601080000001"
    assert server.stats.refused["full"] == 1


async def test_stop_stores_and_answers_what_it_holds() -> None:
    sink = MemorySink()
    sink.gate.clear()
    async with gateway(sink) as (server, connect):
        peers = [await connect() for _ in range(3)]
        for n, peer in enumerate(peers):
            await peer.send(data(n))
        await until(lambda: server.stats.waiting == 3)
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0.05)
        with pytest.raises(OSError, match=r"."):
            await asyncio.open_connection("127.0.0.1", server_port(server))
        sink.gate.set()
        answers = [(await peer.answer()).qn for peer in peers]
        await stopping

        assert answers == ["20240601080000000", "20240601080000001", "20240601080000002"]
        for peer in peers:
            assert await peer.closed()
    assert len(sink.kept) == 3


def server_port(server: Server) -> int:
    try:
        return server.port
    except RuntimeError:
        return 1  # closed already: nobody listens there either


async def test_stop_gives_up_after_its_grace_and_answers_nothing() -> None:
    sink = MemorySink()
    sink.failures_left = 10_000
    async with gateway(sink, replace(QUICK, stop_grace=0.2)) as (server, connect):
        peer = await connect()
        await peer.send(data(1))
        await until(lambda: server.stats.store_failures >= 1)
        await server.stop()

        assert await peer.closed()
    assert sink.kept == []
    assert server.stats.answers == 0


async def test_sink_that_judges_too_few_is_a_failure() -> None:
    class Forgetful(MemorySink):
        async def store(self, batch: Sequence[Received]) -> Sequence[Outcome]:
            return (await super().store(batch))[: 0 if len(self.sizes) == 1 else None]

    sink = Forgetful()
    async with gateway(sink) as (server, connect):
        peer = await connect()
        await peer.send(data(1))

        assert (await peer.answer()).qn == "20240601080000001"
    assert server.stats.store_failures == 1
