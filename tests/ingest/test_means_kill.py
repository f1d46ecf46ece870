"""Killed with SIGKILL at any moment and started again, the making of means ends in the same rows."""

import asyncio
import random
import signal
import sys
from datetime import timedelta
from typing import Any

import asyncpg

from shared.contracts.ingest import ReadingKind
from shared.db import plain_dsn
from tests.ingest.conftest import NOW, Ingest
from tests.ingest.test_means import FACTORS, MIDNIGHT

HOURS = 24


async def one_run(ingest: Ingest, *, kill_after: float | None) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.ingest.mean_process", ingest.url, NOW.isoformat(), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), 60)
    if kill_after is not None:
        await asyncio.sleep(kill_after)
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
    return await asyncio.wait_for(process.wait(), 120)


async def test_kills_lose_nothing_and_double_nothing(ingest: Ingest) -> None:
    outlets = [await ingest.outlet(code, factors=FACTORS) for code in ("A", "B")]
    for outlet in outlets:
        for hour in range(HOURS):
            at = MIDNIGHT + timedelta(hours=hour)
            rows = [(at + timedelta(minutes=i), {"w01018": 20.0 + i % 7, "w00000": 10.0}) for i in range(60)]
            await ingest.send(outlet, ReadingKind.MINUTE, *rows)
    chance = random.Random(11)  # noqa: S311 - reproducible
    ends = [await one_run(ingest, kill_after=chance.uniform(0.01, 0.12)) for _ in range(2)]
    ends.append(await one_run(ingest, kill_after=None))
    connection: Any = await asyncpg.connect(plain_dsn(ingest.url))
    try:
        hours = await connection.fetchval("select count(*) from derived_value where kind = 3 and state = 1 and rev = 0")
        doubled = await connection.fetchval("select count(*) from derived_revision where kind = 3")
        told = await connection.fetch(
            "select t::bigint as at, b->>'outlet_id' as outlet from outbox, jsonb_array_elements(data->'batches') b,"
            " jsonb_array_elements_text(b->'times') t where type = 'ingest.means.changed.v1' and b->>'kind' = 'hour'"
        )
        left = await connection.fetchval("select count(*) from mean_task where due_at <= $1", NOW)
    finally:
        await connection.close()

    assert ends[-1] == 0
    assert -signal.SIGKILL in ends
    assert (hours, doubled, left) == (2 * HOURS * 2, 0, 0)
    assert len(told) == len(set(map(tuple, told))) == 2 * HOURS
