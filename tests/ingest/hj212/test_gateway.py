import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.ingest.hj212.codec import Frame, Packet, Rejected, Report, Sender, frame, parse_segment, upload_frames
from services.ingest.hj212.codec.crc import modbus
from services.ingest.hj212.gateway import Limits, Outcome, Received, Server, Status, serve

NOW = datetime(2024, 6, 1, 1, tzinfo=UTC)
AT = datetime(2024, 6, 1, tzinfo=UTC)
QUICK = Limits(retry_first=0.02, retry_last=0.05, sweep_every=0.02, stop_grace=3)


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


class MemorySink:
    """Keeps what it is given, and can be told to fail or to wait."""

    def __init__(self) -> None:
        self.kept: list[Received] = []
        self.sizes: list[int] = []
        self.failures_left = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def store(self, batch: Sequence[Received]) -> Sequence[Outcome]:
        await self.gate.wait()
        if self.failures_left:
            self.failures_left -= 1
            raise ConnectionError("the database is away")
        self.kept += batch
        self.sizes.append(len(batch))
        return [self.judge(received) for received in batch]

    @staticmethod
    def judge(received: Received) -> Outcome:
        if isinstance(received.event, Rejected):
            return Outcome(Status.QUARANTINED, received.event.reason)
        if received.error is not None:
            return Outcome(Status.QUARANTINED, received.error.code)
        if received.packet is not None and received.packet.mn == "STRANGER":
            return Outcome(Status.QUARANTINED, "unknown_mn")
        return Outcome(Status.STORED, answer=True)

    @property
    def qns(self) -> list[str | None]:
        return [received.packet.qn for received in self.kept if received.packet]


class Peer:
    """A logger on a real socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Packet:
        async with asyncio.timeout(3):
            line = await self.reader.readuntil(b"\r\n")
        assert frame(line[6:-6]) == line
        return parse_segment(line[6:-6])

    async def silent(self, seconds: float = 0.15) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self.reader.read(1) == b""
        except TimeoutError:
            return True

    async def closed(self) -> bool:
        async with asyncio.timeout(3):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True


Connect = Callable[[], Awaitable[Peer]]


@asynccontextmanager
async def gateway(
    sink: MemorySink, limits: Limits = QUICK
) -> AsyncIterator[tuple[Server, Callable[[], Awaitable[Peer]]]]:
    server = await serve("127.0.0.1", 0, sink, now=lambda: NOW, limits=limits)
    peers: list[Peer] = []

    async def connect() -> Peer:
        peers.append(Peer(*await asyncio.open_connection("127.0.0.1", server.port)))
        return peers[-1]

    try:
        yield server, connect
    finally:
        sink.gate.set()
        await server.stop()
        for peer in peers:
            peer.writer.close()
        await asyncio.sleep(0.01)


def data(number: int, *, mn: str = "M1", ack: bool = True) -> bytes:
    qn = f"20240601080000{number:03d}" if number < 1000 else f"2024060108{number:07d}"
    (made,) = upload_frames(
        Sender(mn, "32"), Report("2011", AT, [("w01018", [("Rtd", number)])], ack_wanted=ack), qns=[qn]
    )
    return made


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_upload_is_answered_with_its_qn() -> None:
    sink = MemorySink()
    async with gateway(sink) as (server, connect):
        peer = await connect()
        await peer.send(data(1))
        answer = await peer.answer()

    assert (answer.cn, answer.st, answer.qn, answer.flag) == ("9014", "91", "20240601080000001", 4)
    (received,) = sink.kept
    assert received.received_at == NOW
    assert isinstance(received.event, Frame)
    assert received.packet is not None
    assert received.packet.param("w01018-Rtd") == "1"
    assert (server.stats.frames, server.stats.answers, server.stats.outcomes["stored"]) == (1, 1, 1)


async def test_no_answer_where_none_is_wanted() -> None:
    sink = MemorySink()
    async with gateway(sink) as (_, connect):
        peer = await connect()
        await peer.send(data(1, ack=False))
        await until(lambda: len(sink.kept) == 1)

        assert await peer.silent()


@pytest.mark.parametrize(
    ("cn", "expected"), [("9015", "9013"), ("9021", "9014"), ("1013", "9013"), ("3060", "9014"), ("2021", "9014")]
)
async def test_heartbeats_notices_and_unknown_commands_are_answered(cn: str, expected: str) -> None:
    async with gateway(MemorySink()) as (_, connect):
        peer = await connect()
        await peer.send(frame(f"QN=20240601080000001;ST=32;CN={cn};PW=1;MN=M1;Flag=5;CP=&&&&".encode()))

        assert (await peer.answer()).cn == expected


@pytest.mark.parametrize("cn", ["9011", "9012", "9013", "9014"])
async def test_answers_are_never_answered_even_if_the_sink_allows(cn: str) -> None:
    sink = MemorySink()
    async with gateway(sink) as (_, connect):
        peer = await connect()
        await peer.send(frame(f"QN=20240601080000001;ST=21;CN={cn};PW=1;MN=M1;Flag=5;CP=&&&&".encode()))
        await until(lambda: len(sink.kept) == 1)

        assert await peer.silent()


async def test_half_and_joined_frames() -> None:
    sink = MemorySink()
    async with gateway(sink) as (_, connect):
        peer = await connect()
        whole = data(1)
        await peer.send(whole[:40])
        assert await peer.silent(0.05)
        await peer.send(whole[40:] + data(2) + data(3)[:-2])
        answers = [(await peer.answer()).qn for _ in range(3)]

    assert answers == sink.qns == [f"2024060108000000{n}" for n in (1, 2, 3)]


# Name, bytes, reason in quarantine.
BAD = [
    ("wrong crc", data(1)[:-6] + b"B381\r\n", "bad_crc"),
    ("wrong length and crc", b"##0041" + data(1)[6:-6] + b"B381\r\n", "bad_length"),
    ("oversized", b"##9999" + b"x" * 3000 + b"&&1C80\r\n", "oversized"),
    ("not a length", b"##hello" + b"&&1C80\r\n", "bad_header"),
    ("no command", frame(b"ST=32;PW=1;MN=M1;CP=&&&&"), "no_cn"),
    ("not text", frame(b"ST=32;CN=2011;PW=1;MN=M1;CP=&&\xff\xff\xff&&"), "bad_text"),
    ("nul", frame(b"ST=32;CN=2011;PW=1;MN=M\x00;CP=&&&&"), "control_character"),
    ("stranger", data(1, mn="STRANGER"), "unknown_mn"),
]


@pytest.mark.parametrize(("name", "bad", "reason"), BAD, ids=[case[0] for case in BAD])
async def test_bad_frames_reach_quarantine_and_the_next_is_served(name: str, bad: bytes, reason: str) -> None:
    sink = MemorySink()
    async with gateway(sink) as (server, connect):
        peer = await connect()
        await peer.send(bad + data(2))
        answer = await peer.answer()

        assert answer.qn == "20240601080000002"
        assert await peer.silent(0.05)
    first = sink.kept[0]
    assert sink.judge(first).reason == reason
    assert first.event.raw == bad.removesuffix(b"\r\n")
    assert server.stats.outcomes == {"quarantined": 1, "stored": 1}


async def test_repairs_are_counted() -> None:
    segment = data(1)[6:-6]
    async with gateway(MemorySink()) as (server, connect):
        peer = await connect()
        await peer.send(b"##%04d%b%04X\r\n" % (len(segment), segment, modbus(segment)))

        assert (await peer.answer()).qn == "20240601080000001"
    assert server.stats.repairs == {"crc_modbus": 1}


async def test_frames_of_many_connections_share_a_transaction() -> None:
    sink = MemorySink()
    async with gateway(sink, replace(QUICK, batch_delay=0.2)) as (server, connect):
        peers = [await connect() for _ in range(20)]
        await asyncio.gather(*(peer.send(data(n)) for n, peer in enumerate(peers)))
        answers = await asyncio.gather(*(peer.answer() for peer in peers))

    assert sorted(answer.qn or "" for answer in answers) == [f"20240601080000{n:03d}" for n in range(20)]
    assert sink.sizes == [20]
    assert server.stats.batches == 1


async def test_a_full_batch_does_not_wait() -> None:
    sink = MemorySink()
    async with gateway(sink, replace(QUICK, batch_delay=60, batch_frames=5)) as (_, connect):
        peer = await connect()
        await peer.send(b"".join(data(n) for n in range(10)))
        for _ in range(10):
            await peer.answer()

    assert sink.sizes == [5, 5]


async def test_no_answer_before_the_commit() -> None:
    sink = MemorySink()
    sink.gate.clear()
    async with gateway(sink) as (server, connect):
        peer = await connect()
        await peer.send(data(1))
        assert await peer.silent()
        assert server.stats.answers == 0
        sink.gate.set()

        assert (await peer.answer()).qn == "20240601080000001"


async def test_failing_store_answers_nothing_loses_nothing_and_recovers() -> None:
    sink = MemorySink()
    sink.failures_left = 4
    async with gateway(sink, replace(QUICK, retry_first=0.1, retry_last=0.1)) as (server, connect):
        peer = await connect()
        await peer.send(data(1))
        assert await peer.silent()
        await peer.send(data(2))
        answers = [(await peer.answer()).qn for _ in range(2)]

    assert answers == sink.qns == ["20240601080000001", "20240601080000002"]
    assert (server.stats.store_failures, server.stats.pauses) == (4, 1)


async def test_store_that_hangs_is_given_up_and_repeated() -> None:
    sink = MemorySink()
    sink.gate.clear()
    async with gateway(sink, replace(QUICK, store_timeout=0.05)) as (server, connect):
        peer = await connect()
        await peer.send(data(1))
        await until(lambda: server.stats.store_failures >= 2)
        sink.gate.set()

        assert (await peer.answer()).qn == "20240601080000001"
    assert len(sink.kept) == 1


async def test_store_behind_stops_the_reading_and_memory_stays_bounded() -> None:
    sink = MemorySink()
    sink.gate.clear()
    limits = replace(QUICK, queue_high=300, queue_low=100, batch_frames=50)
    async with gateway(sink, limits) as (server, connect):
        peer = await connect()
        await peer.send(data(0))
        await until(lambda: server.stats.waiting == 1)
        stream = b"".join(data(n) for n in range(1, 30_000))
        sending = asyncio.create_task(peer.send(stream))
        reading = asyncio.create_task(_read_answers(peer, 30_000))
        await asyncio.sleep(0.2)
        held = server.stats.waiting
        sink.gate.set()
        await sending
        answers = await reading

    assert 300 <= held < 300 + 262_144 // len(data(1000))
    assert answers == sink.qns
    assert len(answers) == 30_000
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
    assert len(sink.kept) == server.stats.answers + server.stats.answers_undelivered


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
    assert server.stats.refused == 1


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
