"""Durable frames a second through the HJ 212 gateway and PostgreSQL, how long an answer takes, what a connection costs.

The gateway runs as its own process, as in production, with a PostgreSQL that waits for the disk (fsync and
synchronous_commit on); this process plays the loggers on the same machine. All connections are held throughout. An
answer counts when it is read here: the frame is then committed, journal, readings and feed event together. Three
rounds are pushed (every pusher keeps its window full) and the best is reported, with the load average beside it. The
peer is a naive server on the same frames in the same run. Run: `python -m benchmarks.gateway`.
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
from pathlib import Path
from typing import NamedTuple, cast
from uuid import uuid4

import asyncpg
import uvloop

from benchmarks.processes import allow_files, processor, resident
from benchmarks.report import report, table
from launcher.postgres import EmbeddedPostgres
from services.ingest.hj212.codec.encode import format_time, frame
from shared.clock import monotonic
from shared.contracts.ingest import enterprise_uuid, outlet_uuid
from shared.db import plain_dsn, upgrade

LOGGERS = 10_000
FACTORS = ("w00000", "w01001", "w01018", "w21003", "w21001", "w21011", "w01012", "w01010", "w20122", "w20123")
PUSHERS, PUSHED_MINUTES, ROUNDS = 1_000, 60, 3
PACED_RATE, PACED_SECONDS = 2_000, 20
PEER_FRAMES = 1_500
WINDOW = 10
T0 = datetime(2026, 2, 1, tzinfo=UTC)


def make_frames(minute: int, loggers: int = LOGGERS) -> list[bytes]:
    """One minute upload (CN 2051) of each logger: ten factors with Min, Avg, Max, Cou and Flag, an answer wanted."""
    at = T0 + timedelta(minutes=minute)
    areas = [_area(at, base) for base in range(10, 60)]
    frames = []
    for logger in range(loggers):
        qn = f"{at:%Y%m%d%H%M%S}{logger % 1000:03}"
        head = f"QN={qn};ST=32;CN=2051;PW=123456;MN=BENCH{logger:05};Flag=5;CP=&&"
        frames.append(frame(f"{head}{areas[(logger * 7 + minute * 3) % 50]}&&".encode()))
    return frames


def _area(at: datetime, base: int) -> str:
    parts = [f"DataTime={format_time(at)}"]
    for i, code in enumerate(FACTORS):
        low, mean, high, total = base + i + 0.25, base + i + 0.53, base + i + 1.25, (base + i) * 10.5
        parts.append(f"{code}-Min={low},{code}-Avg={mean},{code}-Max={high},{code}-Cou={total},{code}-Flag=N")
    return ";".join(parts)


class Logger(asyncio.Protocol):
    """One connection: keeps up to `window` frames on their way, notes how long each answer took."""

    def __init__(self) -> None:
        self._frames: Sequence[bytes] = ()
        self._next = 0
        self._paced = False
        self._sent_at: deque[float] = deque()
        self._transport: asyncio.Transport | None = None
        self.seconds: list[float] = []
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast("asyncio.Transport", transport)

    def load(self, frames: Sequence[bytes], *, paced: bool) -> None:
        """Frames to send from now on."""
        self._frames, self._next, self._paced = frames, 0, paced
        self.seconds = []
        self.done = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Fill the window."""
        for _ in range(WINDOW):
            self.send_one()

    def close(self) -> None:
        """Hang up."""
        self.done.cancel()
        if self._transport is not None:
            self._transport.close()

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
async def connected(port: int, count: int) -> AsyncIterator[list[Logger]]:
    """Connections of so many loggers, made a few hundred at a time."""
    loop = asyncio.get_running_loop()
    loggers: list[Logger] = []
    try:
        while len(loggers) < count:
            some = min(200, count - len(loggers))
            pairs = await asyncio.gather(*(loop.create_connection(Logger, "127.0.0.1", port) for _ in range(some)))
            loggers += [logger for _, logger in pairs]
        yield loggers
    finally:
        for logger in loggers:
            logger.close()


async def push(loggers: Sequence[Logger], frames: Sequence[bytes]) -> tuple[float, list[float]]:
    """(frames a second, seconds of each answer) when each logger keeps its window full."""
    for number, logger in enumerate(loggers):
        logger.load(frames[number :: len(loggers)], paced=False)
    began = monotonic()
    for logger in loggers:
        logger.start()
    await asyncio.wait_for(asyncio.gather(*(logger.done for logger in loggers)), 120)
    took = monotonic() - began
    return len(frames) / took, sorted(second for logger in loggers for second in logger.seconds)


async def pace(loggers: Sequence[Logger], frames: Sequence[bytes], rate: float) -> list[float]:
    """Seconds of each answer at an even rate over all connections."""
    for number, logger in enumerate(loggers):
        logger.load(frames[number :: len(loggers)], paced=True)
    began = monotonic()
    for number in range(len(frames)):
        due = began + number / rate
        if due > monotonic():
            await asyncio.sleep(due - monotonic())
        loggers[number % len(loggers)].send_one()
    await asyncio.wait_for(asyncio.gather(*(logger.done for logger in loggers)), 30)
    return sorted(second for logger in loggers for second in logger.seconds)


def percentile_ms(seconds: Sequence[float], share: float) -> float:
    return 1000 * seconds[min(len(seconds) - 1, int(share * len(seconds)))]


async def register(url: str, loggers: int = LOGGERS) -> None:
    """Loggers in the registry, by SQL: registering is not what is measured."""
    connection = await asyncpg.connect(plain_dsn(url))
    try:
        enterprise = enterprise_uuid("BENCH")
        await connection.execute(
            "insert into enterprise values($1, 'BENCH', 'b', '', 'b', '', null, null, null, 'key', false, false, false,"
            " false, '', '', true, 1, now())",
            enterprise,
        )
        ids = [outlet_uuid("BENCH", f"W{i}") for i in range(loggers)]
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
def gateway(url: str) -> Iterator[tuple[int, int]]:
    """(port, process id) of a gateway of its own process."""
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
        yield port, process.pid
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


class Measured(NamedTuple):
    """What one run of the gateway gave. Bytes are of resident memory; times of processor are a frame's, in µs."""

    rates: list[float]
    waits: list[float]
    calm: list[float]
    bytes_connected: float
    bytes_active: float
    gateway_us: float
    postgres_us: float


async def drive(port: int, pid: int) -> Measured:
    """Hold all connections, push, then pace."""
    minutes = iter(range(1, 1_000_000))
    before = resident(pid)
    async with connected(port, LOGGERS) as loggers:
        await asyncio.sleep(1)
        idle = resident(pid)
        await push(
            loggers, make_frames(next(minutes))
        )  # caches, partitions and layouts are there, each device is known
        active = resident(pid)
        rates: list[float] = []
        waits: list[float] = []
        began, stored = processor(pid), ROUNDS * PUSHERS * PUSHED_MINUTES
        for _ in range(ROUNDS):
            frames = [one for _ in range(PUSHED_MINUTES) for one in make_frames(next(minutes), PUSHERS)]
            rate, seconds = await push(loggers[:PUSHERS], frames)
            rates.append(rate)
            waits = seconds if rate == max(rates) else waits
        used = [now - then for now, then in zip(processor(pid), began, strict=True)]
        paced = PACED_RATE * PACED_SECONDS // LOGGERS
        calm = await pace(loggers, [one for _ in range(paced) for one in make_frames(next(minutes))], PACED_RATE)
    return Measured(
        rates,
        waits,
        calm,
        (idle - before) / LOGGERS,
        (active - before) / LOGGERS,
        *(1e6 * second / stored for second in used),
    )


async def measure(url: str, peer_url: str) -> None:
    await upgrade("ingest", url)
    await register(url)
    with gateway(url) as (port, pid):
        found = await drive(port, pid)
    load = os.getloadavg()[0]
    sent = LOGGERS + ROUNDS * PUSHERS * PUSHED_MINUTES + PACED_RATE * PACED_SECONDS
    assert await count(url) == (sent, sent), f"{await count(url)} of {sent} frames are stored"
    with naive_peer(peer_url) as port:
        async with connected(port, 20) as loggers:
            await push(loggers, make_frames(0, 40))
            peer_rate, peer_waits = await push(loggers, make_frames(1, PEER_FRAMES))
    rate, waits, calm = max(found.rates), found.waits, found.calm
    rows = [
        (f"gateway, pushed by {PUSHERS}", rate, percentile_ms(waits, 0.5), percentile_ms(waits, 0.99)),
        (f"gateway, {PACED_RATE}/s over all", float(PACED_RATE), percentile_ms(calm, 0.5), percentile_ms(calm, 0.99)),
        (
            "one commit a frame, pushed by 20",
            peer_rate,
            percentile_ms(peer_waits, 0.5),
            percentile_ms(peer_waits, 0.99),
        ),
    ]
    print(f"{LOGGERS} connections held, {len(make_frames(1, 1)[0])} bytes and {len(FACTORS)} factors a frame")
    print(
        f"all {sent} are in the database; pushed {', '.join(f'{one:,.0f}' for one in found.rates)}/s at load {load:.1f}"
    )
    print(f"processor a frame: gateway {found.gateway_us:.0f} µs, PostgreSQL {found.postgres_us:.0f} µs")
    table(("run", "durable frames/s", "answer p50 ms", "answer p99 ms"), rows)
    report(
        "gateway",
        figures={
            "connections": LOGGERS, "durable_frames_per_s": rate, "durable_values_per_s": rate * len(FACTORS),
            "ack_p50_ms": rows[1][2], "ack_p99_ms": rows[1][3], "ack_p99_ms_pushed": rows[0][3],
            "bytes_per_connection": found.bytes_connected, "bytes_per_active_connection": found.bytes_active,
            "gateway_cpu_us_per_frame": found.gateway_us, "postgres_cpu_us_per_frame": found.postgres_us,
            "load_average": load,
        },
        peers={"naive_frames_per_s": peer_rate, "naive_ack_p99_ms": rows[2][3]},
        ratios={"frames_to_naive": rate / peer_rate},
    )  # fmt: skip


def main() -> None:
    allow_files(2 * LOGGERS)
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
