"""The gateway as the process that runs in production."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

from services.ingest.hj212.codec import Edition
from services.ingest.hj212.gateway.__main__ import _counters
from services.ingest.hj212.gateway.sink import Status
from services.ingest.hj212.gateway.stats import Stats
from shared.contracts.ingest import PacketStatus
from tests.conftest import MakeDatabase
from tests.ingest.conftest import Ingest
from tests.ingest.test_gateway import MN, Peer, upload

WAIT = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def process(url: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    env = {**os.environ, "INGEST_DATABASE_URL": url, "INGEST_GATEWAY_PORT": str(port)}
    command = sys.executable, "-m", "services.ingest.hj212.gateway"
    started = await asyncio.create_subprocess_exec(*command, env=env, stderr=-1, stdout=-3)
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def connect(port: int) -> Peer:
    async with asyncio.timeout(WAIT):
        while True:
            try:
                return Peer(*await asyncio.open_connection("127.0.0.1", port))
            except OSError:
                await asyncio.sleep(0.05)


async def test_sigterm_stores_and_answers_what_is_held(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    port = free_port()
    async with process(ingest.url, port) as running:
        peer = await connect(port)
        await peer.send(*upload("2061", Edition.V2017))
        before = await peer.answers(1, within=WAIT)
        await peer.send(*upload("2051", Edition.V2017))
        running.send_signal(signal.SIGTERM)
        after = await peer.answers(1, within=WAIT)
        code = await asyncio.wait_for(running.wait(), WAIT)
        peer.writer.close()
    journal = (await ingest.client.list_packets()).items

    assert (code, len(before)) == (0, 1)
    # Bytes the gateway had not read when it was told to stop are neither stored nor answered: the logger repeats.
    assert len(after) == len(journal) - 1
    assert {line.status for line in journal} == {PacketStatus.STORED}


def test_counters_are_plain_enough_for_a_log_line() -> None:
    stats = Stats(frames=2)
    stats.outcomes[Status.STORED] += 2
    stats.closed["idle"] += 1

    line = orjson.loads(orjson.dumps(_counters(stats)))

    assert line == {"frames": 2, "outcomes": {"stored": 2}, "closed": {"idle": 1}}


async def test_a_database_without_schema_stops_the_start(make_database: MakeDatabase) -> None:
    async with process(await make_database(""), free_port()) as running:
        _, said = await asyncio.wait_for(running.communicate(), WAIT)

    assert running.returncode == 1
    assert "sanse migrate" in said.decode()
