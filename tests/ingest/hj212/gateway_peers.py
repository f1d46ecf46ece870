"""A gateway on a free port, loggers on real sockets and a sink in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from services.ingest.hj212.codec import Packet, Rejected, Report, Sender, frame, parse_segment, upload_frames
from services.ingest.hj212.gateway import Limits, Outcome, Received, Server, Status, serve

NOW = datetime(2024, 6, 1, 1, tzinfo=UTC)
AT = datetime(2024, 6, 1, tzinfo=UTC)
QUICK = Limits(retry_first=0.02, retry_last=0.05, sweep_every=0.02, stop_grace=3)


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
