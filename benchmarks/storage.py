"""Values a second into the store, against plain `COPY`, and the bytes a stored value takes.

What is measured: rows decoded from a packet (`FlatRow`, ten factors, 1,000 rows a batch) to committed rows, with
everything the write path does: dictionaries, partitions, which keys are new, merging where they are not, the feed
event, one durable transaction a batch. Beside it the same from the JSON of `POST /v1/readings` (parsing and checking
included, the HTTP server not). The peer is `COPY` by asyncpg of the same rows into the same table with its index,
one durable transaction a batch, that does none of this. One session each; rounds take turns and the best of each
counts. Every write is new to the store; `repeated` is the same batch once more, which must change nothing.

Bytes are those of the table with its index: while the day is open with one value a factor; with Min, Max and Cou
beside it; and sealed. Numbers are a slow walk with two decimals. Run: `python -m benchmarks.storage`.
"""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.gateway import FACTORS, register
from benchmarks.report import report, table
from launcher.postgres import EmbeddedPostgres
from services.ingest.domain.flat import FlatRow
from services.ingest.domain.readings import Key
from services.ingest.service.intake import Intake, put
from services.ingest.service.readings import ReadingService
from services.ingest.service.sealing import SealService
from services.ingest.store.readings import ReadingStore
from shared.auth import Principal, Role
from shared.clock import FixedClock, monotonic
from shared.contracts.ingest import ReadingKind, outlet_uuid
from shared.db import Database, plain_dsn, upgrade

OUTLETS, MINUTES, ROUNDS = 20, 1_000, 5
BATCH = 1_000
LAYOUT = tuple(sorted(FACTORS))
WIDTH = len(LAYOUT)
T0 = datetime(2026, 2, 1, tzinfo=UTC)
DAY_MINUTES = 1_440
COLUMNS = ("at", "received_at", "point", "layout", "source", "kind", "rev", "avg")


def make_rows(minutes: int, columns: Sequence[str] = ("value",)) -> list[FlatRow]:
    """Minute after minute, all outlets: the order of arrival."""
    rng = np.random.default_rng(7)
    walk = 40 + np.cumsum(rng.normal(0, 0.05, (minutes, OUTLETS, len(columns) * WIDTH)), axis=0)
    numbers = np.round(walk, 2).tolist()
    start, names = int(T0.timestamp()), tuple(columns)
    return [
        FlatRow(Key(point + 1, ReadingKind.MINUTE, start + 60 * m), LAYOUT, names, numbers[m][point], None, "b")
        for m in range(minutes) for point in range(OUTLETS)
    ]  # fmt: skip


def batches_of(rows: Sequence[FlatRow]) -> list[Sequence[FlatRow]]:
    return [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]


class Bench:
    """A database with its store, and the ways to write into it."""

    def __init__(self, url: str, connection: asyncpg.Connection) -> None:
        self.db = Database(url)
        self.intake = Intake(self.db)
        self.connection = connection
        self.clock = FixedClock(T0 + timedelta(days=2))
        self.outlets = {point + 1: outlet_uuid("BENCH", f"W{point}") for point in range(OUTLETS)}
        self.bulk = ReadingService(
            self.db, self.intake, self.clock, Principal("b", "b", frozenset({Role.SERVICE}), frozenset())
        )

    async def write(self, rows: Sequence[FlatRow]) -> None:
        """Our way, from decoded rows."""

        async def work(session: AsyncSession, store: ReadingStore) -> Any:
            return await put(session, store, rows, self.outlets, at=self.clock.now())

        await self.intake.run(rows, work)

    async def copy(self, records: Sequence[tuple[Any, ...]]) -> None:
        """The peer's."""
        async with self.connection.transaction():
            await self.connection.copy_records_to_table("frame", columns=COLUMNS, records=records)

    async def empty(self) -> None:
        """Nothing stored, no event; partitions stay."""
        await self.connection.execute("truncate frame, outbox, series_day, series_chunk, sealed_day")

    async def size(self) -> int:
        """Bytes of the open tables with their indexes."""
        found: int = await self.connection.fetchval(
            "select sum(pg_total_relation_size(inhrelid))::bigint from pg_inherits where inhparent = 'frame'::regclass"
        )
        return found


async def timed(works: Sequence[Awaitable[None]]) -> float:
    """Seconds for all of them, one after the other."""
    began = monotonic()
    for work in works:
        await work
    return monotonic() - began


def records_of(rows: Sequence[FlatRow], layout: int, source: int, received_at: datetime) -> list[tuple[Any, ...]]:
    return [
        (datetime.fromtimestamp(row.key.at, UTC), received_at, row.key.point, layout, source, 2, 0, row.numbers)
        for row in rows
    ]


def bodies_of(rows: Sequence[FlatRow], outlets: dict[int, Any]) -> list[bytes]:
    """The same rows as requests, one an outlet."""
    return [
        orjson.dumps({
            "outlet_id": str(outlet), "kind": "minute",
            "rows": [
                {
                    "at": datetime.fromtimestamp(row.key.at, UTC).isoformat(),
                    "values": dict(zip(LAYOUT, row.numbers, strict=True)),
                }
                for row in rows if row.key.point == point
            ],
        })
        for point, outlet in outlets.items()
    ]  # fmt: skip


async def speeds(bench: Bench) -> dict[str, float]:
    """Values a second of each way, the best of the rounds."""
    rows = make_rows(MINUTES)
    batches, bodies = batches_of(rows), bodies_of(rows, bench.outlets)
    await bench.write(rows[:BATCH])  # dictionaries and partitions are there
    dictionaries = bench.intake.dictionaries
    layout, source = dictionaries.find_layout(LAYOUT), dictionaries.source("b")
    assert layout is not None
    copies = [records_of(batch, layout, source, bench.clock.now()) for batch in batches]
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name in ("copy", "rows", "repeated", "json"):
            if name != "repeated":
                await bench.empty()
            works: dict[str, list[Awaitable[None]]] = {
                "copy": [bench.copy(one) for one in copies] if name == "copy" else [],
                "rows": [bench.write(one) for one in batches] if name in ("rows", "repeated") else [],
                "json": [_store(bench, body) for body in bodies] if name == "json" else [],
            }
            rate = len(rows) * WIDTH / await timed([work for some in works.values() for work in some])
            best[name] = max(best.get(name, 0.0), rate)
            assert await bench.connection.fetchval("select count(*) from frame") == len(rows), name
    return best


async def _store(bench: Bench, body: bytes) -> None:
    await bench.bulk.add_readings(body, None)


async def sizes(bench: Bench) -> dict[str, float]:
    """Bytes a value of one day: open, open with Min, Max and Cou, and sealed."""
    found = {}
    values = DAY_MINUTES * OUTLETS * WIDTH
    for name, columns in (("full", ("value", "vmin", "vmax", "cou")), ("open", ("value",))):
        await bench.empty()
        for batch in batches_of(make_rows(DAY_MINUTES, columns)):
            await bench.write(batch)
        found[name] = await bench.size() / values
    sealer = SealService(bench.db, bench.intake.dictionaries, bench.clock, timedelta(hours=12))
    await sealer.run()
    chunks, sealed = await bench.connection.fetchrow(
        "select coalesce(sum(vals), 0)::bigint,"
        " pg_total_relation_size('series_chunk') + pg_total_relation_size('series_day') from series_chunk"
    )
    assert chunks == values, f"{chunks} of {values} values are sealed"
    found["sealed"] = sealed / values
    return found


async def measure(url: str) -> None:
    await upgrade("ingest", url)
    await register(url, OUTLETS)
    connection = await asyncpg.connect(plain_dsn(url))
    bench = Bench(url, connection)
    try:
        fast = await speeds(bench)
        small = await sizes(bench)
    finally:
        await bench.db.close()
        await connection.close()
    load = os.getloadavg()[0]
    print(f"{OUTLETS * MINUTES} rows of {WIDTH} values, {BATCH} a batch, at load {load:.1f}")
    names = {"copy": "COPY by asyncpg (peer)", "rows": "decoded rows", "repeated": "the same once more", "json": "JSON"}
    table(("way in", "values/s", "to COPY"), [(names[key], rate, rate / fast["copy"]) for key, rate in fast.items()])
    labels = {"open": "open day", "full": "open day, Min, Max and Cou besides", "sealed": "sealed day"}
    table(("kept as", "bytes a factor's value"), [(labels[key], size) for key, size in small.items()])
    report(
        "storage",
        figures={
            "values_per_s": fast["rows"], "json_values_per_s": fast["json"], "repeated_values_per_s": fast["repeated"],
            "bytes_per_value": small["open"], "bytes_per_value_min_max_cou": small["full"],
            "bytes_per_number_min_max_cou": small["full"] / 4, "bytes_per_value_sealed": small["sealed"],
            "load_average": load,
        },
        peers={"copy_values_per_s": fast["copy"]},
        ratios={
            "values_per_s_to_copy": fast["rows"] / fast["copy"],
            "json_values_per_s_to_copy": fast["json"] / fast["copy"],
        },
    )  # fmt: skip


def main() -> None:
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
            await measure(server.url("ingest"))

        asyncio.run(run())


if __name__ == "__main__":
    main()
