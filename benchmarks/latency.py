"""Seconds from an HJ 212 frame on the wire to its anomaly in detection's API, on a whole running stack.

Every process of `sanse up` but the demo park runs as in production, with a PostgreSQL that waits for the disk, on the
same machine as the loggers of this process. 500 outlets send one minute upload (CN 2051) of ten factors a minute each,
spread evenly over the minute; a frame in four holds a value out of the analyser's range, each of another outlet and
factor, so that each makes an anomaly of its own. The span runs from handing the frame to the socket until an answer of
`GET /v1/anomalies` holds its anomaly, asked every 50 ms; it is told in parts: until the gateway answers (the frame is
then committed), and until it is seen. Run: `python -m benchmarks.latency`.
"""

import asyncio
import os
import tempfile
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.progress import Progress

from benchmarks.gateway import FACTORS, Logger
from benchmarks.report import report, table
from launcher.clock import Wish, resume
from launcher.lock import FolderLock
from launcher.run import Options, Run
from launcher.screen import Screen
from launcher.stack import OFFSETS, PROCESSES
from launcher.stackfile import StackFile
from services.ingest.hj212.codec.encode import format_time, frame
from shared.auth import TokenSource
from shared.clients.detection import DetectionClient
from shared.clients.ingest import IngestClient
from shared.clock import Clock, monotonic, wall
from shared.contracts.detection import AnomalyOut
from shared.contracts.ingest import DeviceIn, EnterpriseIn, Medium, OutletFactor, OutletIn, enterprise_uuid, outlet_uuid

OUTLETS = 500
WARM_SECONDS, SECONDS = 20, 110
BREAK_EVERY = 4
SPAN = 500.0
PATIENCE, ASK_EVERY = 60.0, 0.05
ENTERPRISE = "BENCH"
AT_ONCE = 8
Key = tuple[UUID, str]


@dataclass
class Broken:
    """A frame with a value out of range: when it was sent and answered, and its anomaly seen."""

    sent: float
    answered: float = 0.0
    seen: float = 0.0


@dataclass
class Stage:
    """What the loggers play: frames sent so far and the anomalies that are waited for."""

    waiting: dict[Key, Broken] = field(default_factory=dict)
    found: dict[Key, Broken] = field(default_factory=dict)
    asked: int = 0


def free_base() -> int:
    """A port base of which all ports of a stack are free."""
    from benchmarks.gateway import free_port

    base = free_port()
    return base if base + max(OFFSETS.values()) < 65_000 else 31_000


async def register(stack: StackFile, _names: Any, _clock: Clock, _progress: Progress) -> None:
    """One enterprise with all outlets and loggers, through the API."""
    async with AsyncExitStack() as closing:
        ingest = await closing.enter_async_context(IngestClient(stack["ingest"], admin_token(stack), timeout=60))
        await ingest.add_enterprise(EnterpriseIn(code=ENTERPRISE, name_zh="基准", trade="food"))
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                await ingest.add_outlet(make_outlet(number))
                outlet_id = outlet_uuid(ENTERPRISE, f"W{number}")
                await ingest.add_device(DeviceIn(outlet_id=outlet_id, mn=f"BENCH{number:05}", password="123456"))  # noqa: S106

        await asyncio.gather(*(one(number) for number in range(OUTLETS)))


def make_outlet(number: int) -> OutletIn:
    factors = [OutletFactor(factor=code, span_low=0, span_high=SPAN, resolution=0.01) for code in FACTORS]
    return OutletIn(
        enterprise_id=enterprise_uuid(ENTERPRISE), code=f"W{number}", name_zh=f"排口{number}", medium=Medium.WATER,
        factors=factors,
    )  # fmt: skip


def admin_token(stack: StackFile) -> TokenSource:
    admin = next(client for client in stack["clients"] if client["role"] == "admin")
    return TokenSource(stack["identity"], admin["client_id"], admin["client_secret"])


def make_frame(number: int, minute: datetime, rising: int, broken: str | None) -> bytes:
    """A minute upload; `broken` names the factor that is out of range, with flag N, as a faulty analyser has it."""
    parts = [f"DataTime={format_time(minute)}"]
    for i, code in enumerate(FACTORS):
        mean = 3 * SPAN if code == broken else 7 + 0.01 * ((rising * 37 + number * 11 + i * 5) % 90)
        parts.append(f"{code}-Min={mean:.2f},{code}-Avg={mean:.2f},{code}-Max={mean:.2f},{code}-Flag=N")
    qn = f"{wall().astimezone(UTC):%Y%m%d%H%M%S}{number:03}"
    head = f"QN={qn};ST=32;CN=2051;PW=123456;MN=BENCH{number:05};Flag=5;CP=&&"
    return frame(f"{head}{';'.join(parts)}&&".encode())


class Line(Logger):
    """One logger's connection that notes when the answer to each frame came."""

    def __init__(self) -> None:
        super().__init__()
        self.unanswered: deque[Broken | None] = deque()
        self._rest = b""

    def send(self, data: bytes, broken: Broken | None) -> None:
        """Send one frame."""
        assert self._transport is not None
        self.unanswered.append(broken)
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Answers come in the order of the frames, one a line; commands of the gateway in between are left alone."""
        now = monotonic()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            broken = self.unanswered.popleft() if b"CN=9014;" in line else None
            if broken is not None:
                broken.answered = now


async def play(lines: Sequence[Line], stage: Stage) -> int:
    """Send evenly, breaking some frames after the warm-up; how many frames were sent."""
    began, sent = monotonic(), 0
    total = OUTLETS * (WARM_SECONDS + SECONDS) // 60
    minutes = [wall().replace(second=0, microsecond=0) + timedelta(minutes=i - 1) for i in range(total // OUTLETS + 1)]
    for sent in range(total):
        due = began + sent * 60 / OUTLETS
        if due > monotonic():
            await asyncio.sleep(due - monotonic())
        number, rising = sent % OUTLETS, sent // OUTLETS
        # Each minute breaks other outlets, so that no anomaly is the continuation of another.
        breaks = sent * 60 / OUTLETS >= WARM_SECONDS and (number + rising) % BREAK_EVERY == 0
        factor = FACTORS[number // BREAK_EVERY % len(FACTORS)] if breaks else None
        data = make_frame(number, minutes[rising], rising, factor)
        broken = Broken(monotonic()) if factor else None
        if broken is not None and factor:
            stage.waiting[outlet_uuid(ENTERPRISE, f"W{number}"), factor] = broken
        lines[number].send(data, broken)
    return sent + 1


async def watch(client: DetectionClient, stage: Stage, done: asyncio.Event) -> None:
    """Ask for the newest anomalies as a page of the portal would, until all are seen."""
    deadline = float("inf")
    while monotonic() < deadline:
        if done.is_set() and deadline == float("inf"):
            deadline = monotonic() + PATIENCE
        if done.is_set() and not stage.waiting:
            return
        if stage.waiting:
            for anomaly in (await client.list_anomalies(rule="RANGE", limit=200)).items:
                see(anomaly, stage)
            stage.asked += 1
        await asyncio.sleep(ASK_EVERY)


def see(anomaly: AnomalyOut, stage: Stage) -> None:
    key = (anomaly.outlet_id, anomaly.factor)
    broken = stage.waiting.pop(key, None)
    if broken is not None:
        broken.seen = monotonic()
        stage.found[key] = broken


async def measure(stack: StackFile) -> tuple[Stage, int]:
    """Play and watch; the loggers' connections stay open throughout."""
    stage, done = Stage(), asyncio.Event()
    async with AsyncExitStack() as closing:
        client = await closing.enter_async_context(DetectionClient(stack["detection"], admin_token(stack)))
        loop, lines = asyncio.get_running_loop(), []
        for _ in range(OUTLETS):
            _, line = await loop.create_connection(Line, stack["gateway"]["host"], stack["gateway"]["port"])
            closing.callback(line.close)
            lines.append(line)
        watching = asyncio.create_task(watch(client, stage, done))
        sent = await play(lines, stage)
        done.set()
        await watching
    return stage, sent


async def on_a_stack(folder: Path, work: Callable[[StackFile], Awaitable[tuple[Stage, int]]]) -> tuple[Stage, int]:
    """Bring the stack up in the folder, do the work, take it down whatever happened."""
    processes = tuple(process for process in PROCESSES if not process.demo)
    options = Options(folder=folder, port_base=free_base(), processes=processes, seed=register)  # type: ignore[arg-type]
    with FolderLock(folder, web="benchmark"):
        run = Run(options, resume(folder / "clock.json", Wish()), Screen(Console(file=StringIO())))
        try:
            return await work(await asyncio.wait_for(run.up(), 240))
        finally:
            await run.down()


def percentile(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))]


def main() -> None:
    os.environ["SANSE_LOG_LEVEL"] = "WARNING"
    with tempfile.TemporaryDirectory(prefix="sanse-bench-") as name:
        stage, sent = asyncio.run(on_a_stack(Path(name), measure))
    found = list(stage.found.values())
    assert not stage.waiting, f"{len(stage.waiting)} anomalies never came"
    assert len(found) >= 200, f"only {len(found)} anomalies"
    whole = [one.seen - one.sent for one in found]
    answered = [one.answered - one.sent for one in found]
    parts = {"frame to answer": answered, "frame to anomaly seen": whole}
    rows = [
        (part, *(percentile(spans, share) for share in (0.5, 0.9, 0.99)), max(spans)) for part, spans in parts.items()
    ]
    print(
        f"{sent} frames of {OUTLETS} outlets x {len(FACTORS)} factors, {len(found)} anomalies, {stage.asked} lists read"
    )
    table(("span", "p50 s", "p90 s", "p99 s", "longest s"), rows)
    report(
        "latency",
        figures={
            "frame_to_anomaly_p50_s": rows[1][1],
            "frame_to_anomaly_p99_s": rows[1][3],
            "frame_to_answer_p99_s": rows[0][3],
            "anomalies": len(found),
            "outlets": OUTLETS,
            "values_a_minute": OUTLETS * len(FACTORS),
            "load_average": os.getloadavg()[0],
        },
    )


if __name__ == "__main__":
    main()
