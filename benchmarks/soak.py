"""Memory of the gateway under an hour of even load, and whether it grows.

The gateway runs as its own process; this process holds the connections and sends minute uploads of ten factors at an
even rate, each with an answer. Resident memory is read every few seconds. The slope is a least-squares line over the
time after the first fifth (caches fill until then), with its 95 % interval from blocks of the run, which neighbouring
readings that resemble each other do not make too narrow. Run: `python -m benchmarks.soak [--minutes 60]`.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Sequence
from itertools import count as numbers
from pathlib import Path

import asyncpg
import numpy as np
import uvloop

from benchmarks import gateway as bench
from benchmarks.processes import allow_files, resident
from benchmarks.report import report, table
from launcher.postgres import EmbeddedPostgres
from shared.clock import monotonic
from shared.db import plain_dsn, upgrade

CONNECTIONS, RATE = 1_000, 500
EVERY_SECONDS = 5.0
WARM_SHARE = 0.2
BLOCKS = 9
LEAST_MINUTES = 2
T_BLOCKS = 2.365
"""Student's t for 7 degrees of freedom, 95 % on both sides."""
MEGABYTE = 1_048_576


async def watch(pid: int, found: list[tuple[float, int]], began: float) -> None:
    """Note the resident memory for ever."""
    while True:
        found.append((monotonic() - began, resident(pid)))
        if len(found) % 12 == 1:
            print(f"{found[-1][0] / 60:6.1f} min  {found[-1][1] / MEGABYTE:7.1f} MB", flush=True)
        await asyncio.sleep(EVERY_SECONDS)


def slope(found: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """(KB a minute, half of its 95 % interval) after the caches have filled."""
    seconds, sizes = np.array(found, np.float64)[int(len(found) * WARM_SHARE) :].T
    minutes, kilobytes = seconds / 60, sizes / 1024
    whole = float(np.polyfit(minutes, kilobytes, 1)[0])
    # Means of blocks against time: their scatter about a line tells how sure the slope is.
    x = np.array([block.mean() for block in np.array_split(minutes, BLOCKS)])
    y = np.array([block.mean() for block in np.array_split(kilobytes, BLOCKS)])
    fit = np.polyfit(x, y, 1)
    spread = np.sqrt(((y - np.polyval(fit, x)) ** 2).sum() / (len(x) - 2) / ((x - x.mean()) ** 2).sum())
    return whole, T_BLOCKS * float(spread)


async def drive(port: int, pid: int, minutes: float) -> tuple[list[tuple[float, int]], int, list[float]]:
    """(memory over time, frames sent, seconds of the last answers)."""
    found: list[tuple[float, int]] = []
    sent, waits = 0, [0.0]
    async with bench.connected(port, CONNECTIONS) as loggers:
        began = monotonic()
        watching = asyncio.create_task(watch(pid, found, began))
        for minute in numbers(1):
            if monotonic() - began > minutes * 60:
                break
            frames = bench.make_frames(minute, CONNECTIONS)
            waits = await bench.pace(loggers, frames, RATE)
            sent += len(frames)
        watching.cancel()
    return found, sent, waits


async def measure(url: str, minutes: float) -> None:
    await upgrade("ingest", url)
    await bench.register(url, CONNECTIONS)
    with bench.gateway(url) as (port, pid):
        found, sent, waits = await drive(port, pid, minutes)
    assert await bench.count(url) == (sent, sent), f"{await bench.count(url)} of {sent} frames are stored"
    grows, sure = slope(found)
    print(f"{sent} frames in {minutes:g} min over {CONNECTIONS} connections, load {os.getloadavg()[0]:.1f}")
    row = (grows, sure, found[0][1] / MEGABYTE, found[-1][1] / MEGABYTE)
    table(("KB a minute", "95 % interval ±", "start MB", "end MB"), [row])
    report(
        "soak",
        figures={
            "minutes": minutes, "frames": sent, "frames_per_s": RATE, "rss_slope_kb_per_min": grows,
            "rss_slope_interval_kb_per_min": sure, "rss_start_mb": found[0][1] / MEGABYTE,
            "rss_end_mb": found[-1][1] / MEGABYTE, "ack_p99_ms": bench.percentile_ms(waits, 0.99),
        },
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    minutes = parser.parse_args().minutes
    if minutes < LEAST_MINUTES:
        parser.error(f"a slope needs at least {LEAST_MINUTES} minutes")
    allow_files(4 * CONNECTIONS)
    with (
        tempfile.TemporaryDirectory(prefix="sanse-bench-") as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
    ):

        async def run() -> None:
            connection = await asyncpg.connect(plain_dsn(server.url("postgres")))
            try:
                await connection.execute("create database ingest")
            finally:
                await connection.close()
            await measure(server.url("ingest"), minutes)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())


if __name__ == "__main__":
    main()
