"""Durable frames a second through the HJ 212 gateway and PostgreSQL, and how long an answer takes.

The gateway runs as its own process, as in production, with a PostgreSQL that waits for the disk; this process
plays the loggers. An answer counts when it is read here: the frame is then committed. The peer is a naive
server on the same frames in the same run. Run: `python -m benchmarks.gateway`.
"""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import cast
from uuid import uuid4

import asyncpg
import uvloop

from benchmarks.report import report, table
from launcher.postgres import EmbeddedPostgres
from services.ingest.hj212.codec import Report, Sender, upload_frames
from services.ingest.hj212.codec.encode import FactorItem
from shared.clock import monotonic
from shared.contracts.ingest import enterprise_uuid, outlet_uuid
from shared.db import plain_dsn, upgrade

LOGGERS = 500
FACTORS = ("w00000", "w01001", "w01018", "w21003", "w21001", "w21011", "w01012", "w01010", "w20122", "w20123")
PUSHED = 60_000
PACED_RATE, PACED_SECONDS = 2_000, 10
PEER_FRAMES = 1_500
WINDOW = 10
T0 = datetime(2026, 2, 1, tzinfo=UTC)


def make_frames(minute: int, loggers: int = LOGGERS) -> list[bytes]:
    """One minute upload (CN 2051) of each logger: ten factors with Min, Avg, Max and Flag, an answer wanted."""
    at, frames = T0 + timedelta(minutes=minute), []
    for logger in range(loggers):
        base = 10 + (logger * 7 + minute * 3) % 50
        items: list[FactorItem] = [
            (code, [("Min", base + i), ("Avg", base + i + 0.25), ("Max", base + i + 0.5), ("Flag", "N")])
            for i, code in enumerate(FACTORS)
        ]
        sent = Report("2051", at, items, ack_wanted=True)
        frames += upload_frames(Sender(f"BENCH{logger:05}", "32"), sent, qns=[f"{at:%Y%m%d%H%M%S}{logger % 1000:03}"])
    return frames


class Logger(asyncio.Protocol):
    """One connection: keeps up to `window` frames on their way, notes how long each answer took."""

    def __init__(self, frames: Sequence[bytes], window: int, *, paced: bool) -> None:
        self._frames = frames
        self._next = 0
        self._window = window
        self._paced = paced
        self._sent_at: deque[float] = deque()
        self._transport: asyncio.Transport | None = None
        self.seconds: list[float] = []
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast("asyncio.Transport", transport)

    def start(self) -> None:
        """Fill the window."""
        for _ in range(self._window):
            self.send_one()

    def send_one(self) -> None:
        """Send the next frame, if one is left."""
        if self._next < len(self._frames) and self._transport is not None:
            self._sent_at.append(monotonic())
            self._transport.write(self._frames[self._next])
            self._next += 1

    def data_received(self, data: bytes) -> None:
        """Count answers; each makes room for another frame."""
        now = monotonic()
        for _ in range(data.count(b"\n")):  # one answer, one line; answers come in the order of the frames
            self.seconds.append(now - self._sent_at.popleft())
            if not self._paced:
                self.send_one()
        if len(self.seconds) == len(self._frames) and not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The gateway hung up."""
        if not self.done.done():
            self.done.set_exception(ConnectionResetError(f"after {len(self.seconds)} answers: {exc}"))


@asynccontextmanager
async def connected(
    port: int, shares: Sequence[Sequence[bytes]], window: int, *, paced: bool
) -> AsyncIterator[list[Logger]]:
    loop = asyncio.get_running_loop()
    pairs = [
        await loop.create_connection(partial(Logger, share, window, paced=paced), "127.0.0.1", port) for share in shares
    ]
    try:
        yield [logger for _, logger in pairs]
    finally:
        for transport, logger in pairs:
            logger.done.cancel()
            transport.close()


async def push(port: int, frames: Sequence[bytes], connections: int) -> tuple[float, list[float]]:
    """(frames a second, seconds of each answer) when each connection keeps its window full."""
    shares = [frames[i::connections] for i in range(connections)]
    async with connected(port, shares, WINDOW, paced=False) as loggers:
        began = monotonic()
        for logger in loggers:
            logger.start()
        await asyncio.wait_for(asyncio.gather(*(logger.done for logger in loggers)), 120)
        took = monotonic() - began
    return len(frames) / took, sorted(second for logger in loggers for second in logger.seconds)


async def pace(port: int, frames: Sequence[bytes], rate: float, connections: int) -> list[float]:
    """Seconds of each answer at an even rate over all connections."""
    shares = [frames[i::connections] for i in range(connections)]
    async with connected(port, shares, 0, paced=True) as loggers:
        began = monotonic()
        for number in range(len(frames)):
            due = began + number / rate
            if due > monotonic():
                await asyncio.sleep(due - monotonic())
            loggers[number % connections].send_one()
        await asyncio.wait_for(asyncio.gather(*(logger.done for logger in loggers)), 30)
    return sorted(second for logger in loggers for second in logger.seconds)


def percentile_ms(seconds: Sequence[float], share: float) -> float:
    return 1000 * seconds[min(len(seconds) - 1, int(share * len(seconds)))]


async def register(url: str) -> None:
    """Loggers in the registry, by SQL: registering is not what is measured."""
    connection = await asyncpg.connect(plain_dsn(url))
    try:
        enterprise = enterprise_uuid("BENCH")
        await connection.execute(
            "insert into enterprise values($1, 'BENCH', 'b', '', 'b', '', null, null, null, 'key', false, false, false,"
            " false, '', '', true, 1, now())",
            enterprise,
        )
        ids = [outlet_uuid("BENCH", f"W{i}") for i in range(LOGGERS)]
        await connection.executemany(
            "insert into outlet(id, enterprise_id, code, name_zh, name_en, medium, minute_interval, factors, active,"
            " version, changed_at) values($1, $2, $3, 'w', '', 'water', 1, '[]', true, 1, now())",
            [(outlet, enterprise, f"W{i}") for i, outlet in enumerate(ids)],
        )
        await connection.executemany(
            "insert into device(id, outlet_id, mn, edition, active, changed_at)"
            " values($1, $2, $3, '2017', true, now())",
            [(uuid4(), outlet, f"BENCH{i:05}") for i, outlet in enumerate(ids)],
        )
    finally:
        await connection.close()


async def count(url: str) -> tuple[int, int]:
    """(frames in the journal, rows of readings) as the database has them."""
    connection = await asyncpg.connect(plain_dsn(url))
    try:
        stored = "select count(*) from packet where status = 'stored'"
        return await connection.fetchval(stored), await connection.fetchval("select count(*) from frame")
    finally:
        await connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def gateway(url: str) -> Iterator[int]:
    port = free_port()
    env = {**os.environ, "INGEST_DATABASE_URL": url, "INGEST_GATEWAY_PORT": str(port), "SANSE_LOG_LEVEL": "WARNING"}
    process = subprocess.Popen([sys.executable, "-m", "services.ingest.hj212.gateway"], env=env)
    try:
        deadline = monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, "the gateway ended"
                assert monotonic() < deadline, "the gateway did not start"
        yield port
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def naive_peer(url: str) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.gateway_peer", url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


async def measure(url: str, peer_url: str) -> None:
    await upgrade("ingest", url)
    await register(url)
    minutes = PUSHED // LOGGERS
    paced = PACED_RATE * PACED_SECONDS // LOGGERS
    pushed_frames = [frame for minute in range(minutes) for frame in make_frames(minute)]
    paced_frames = [frame for minute in range(minutes, minutes + paced) for frame in make_frames(minute)]
    with gateway(url) as port:
        await push(port, make_frames(100_000), 100)  # caches, partitions and layouts are there
        rate, waits = await push(port, pushed_frames, 200)
        calm = await pace(port, paced_frames, PACED_RATE, LOGGERS)
    sent = len(pushed_frames) + len(paced_frames) + LOGGERS
    assert await count(url) == (sent, sent), f"{await count(url)} of {sent} frames are stored"
    with naive_peer(peer_url) as port:
        await push(port, make_frames(100_000, 50), 10)
        peer_rate, peer_waits = await push(port, pushed_frames[:PEER_FRAMES], 20)
    rows = [
        ("gateway, pushed", rate, percentile_ms(waits, 0.5), percentile_ms(waits, 0.99)),
        (f"gateway, {PACED_RATE}/s", float(PACED_RATE), percentile_ms(calm, 0.5), percentile_ms(calm, 0.99)),
        ("one commit a frame, pushed", peer_rate, percentile_ms(peer_waits, 0.5), percentile_ms(peer_waits, 0.99)),
    ]
    print(f"{len(pushed_frames[0])} bytes and {len(FACTORS)} factors a frame; all {sent} are in the database")
    table(("run", "durable frames/s", "answer p50 ms", "answer p99 ms"), rows)
    report(
        "gateway",
        figures={
            "connections": LOGGERS, "durable_frames_per_s": rate, "durable_values_per_s": rate * len(FACTORS),
            "ack_p50_ms": rows[1][2], "ack_p99_ms": rows[1][3], "ack_p99_ms_pushed": rows[0][3],
        },
        peers={"naive_frames_per_s": peer_rate, "naive_ack_p99_ms": rows[2][3]},
        ratios={"frames_to_naive": rate / peer_rate},
    )  # fmt: skip


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="sanse-bench-") as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
    ):
        urls = [server.url(name) for name in ("ingest", "peer")]

        async def create() -> None:
            connection = await asyncpg.connect(plain_dsn(server.url("postgres")))
            try:
                for name in ("ingest", "peer"):
                    await connection.execute(f"create database {name}")
            finally:
                await connection.close()

        asyncio.run(create())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(measure(*urls))


if __name__ == "__main__":
    main()
