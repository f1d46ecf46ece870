"""One month of minute data of one outlet and factor as a chart's payload, out of a big database.

The database holds 1,000 outlets with ten factors for 90 days, a value a minute: 88 days sealed, the last two open,
which is the most that the usual age of sealing leaves. Sealed days are written by the product's own codec, from a
pool of 300 distinct days of ten factors each that are dealt out to outlets and days at random (encoding 1.3 billion
distinct values would take an hour); open days are random arrays in the order in which they would arrive. Numbers
are noise with one to three decimals. Asked over the service's API in process: routing, token, tenancy, SQL,
envelope of 4,000 points and JSON included; `month_cpu_ms` counts the CPU of this process and of the database. The
peer is one row a value in a table with text codes and a GROUP BY for the envelope, in arrival order, with four
outlets only. Run: `python -m benchmarks.series [OUTLETS [DAYS]]`.
"""

import asyncio
import os
import random
import sys
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import numpy as np
import orjson
import pyarrow as pa

from benchmarks.report import report, table
from launcher.postgres import EmbeddedPostgres
from services.ingest.domain.archive import day_table
from services.ingest.domain.chunks import OpenRow, Sealed, day_of, digest_of, gather, seal, unseal
from services.ingest.domain.registry import OutletFactor
from services.ingest.main import create_app
from services.ingest.settings import Settings
from services.ingest.store.archive_files import ArchiveFiles
from shared.auth import Role
from shared.clock import FixedClock, monotonic
from shared.contracts.ingest import enterprise_uuid, outlet_uuid
from shared.db import plain_dsn, upgrade
from shared.testing import TokenMaker, running

FACTORS = ("w00000", "w01001", "w01010", "w01012", "w01018", "w20122", "w20123", "w21001", "w21003", "w21011")
OUTLETS, DAYS, OPEN_DAYS, POOL, MINUTES = 1_000, 90, 2, 300, 1_440
T0 = datetime(2026, 2, 1, tzinfo=UTC)
MONTH, POINTS = timedelta(days=30), 4_000
REQUESTS, COLD_REQUESTS = 200, 20
PEER_OUTLETS = 4
NUMBERS = random.Random(20260201)
CONNECTED = datetime(2026, 1, 1, tzinfo=UTC)

_OPEN = """insert into frame(at, received_at, point, layout, source, kind, rev, avg, flags)
select at, at + interval '65 seconds' + random() * interval '9 seconds', point, $1, $2, 2, 0,
  array[round(random() * 100), round(random() * 1400) / 100, round(random() * 30000) / 1000,
    round(random() * 900) / 10, round(random() * 60000) / 1000, round(random() * 99) / 10, round(random() * 999) / 100,
    round(random() * 9999) / 1000, round(random() * 9999) / 1000, round(random() * 999) / 1000], null
from generate_series($3::timestamptz, $3::timestamptz + interval '1439 minutes', interval '1 minute') at,
  generate_series(1, $4::int) point order by at, point"""
_PEER = """select min(value), max(value) from naive_reading
where outlet = $1 and factor = $2 and kind = 'minute' and at >= $3 and at < $4
group by date_bin('22 minutes', at, $3) order by date_bin('22 minutes', at, $3)"""


def sealed_day(layout: int, source: int) -> Sealed:
    """A distinct day of ten factors: a level, a daily wave, noise; one value in a hundred is missing."""
    noise = np.random.default_rng(NUMBERS.getrandbits(64))
    minute = np.arange(MINUTES)
    columns = []
    for place in range(len(FACTORS)):
        wave = 30 + 8 * np.sin((minute + noise.integers(MINUTES)) * 2 * np.pi / MINUTES)
        value = (wave + noise.normal(0, 2, MINUTES)).round(1 + place % 3)
        value[noise.random(MINUTES) < 0.01] = np.nan
        columns.append(value)
    late = noise.integers(65_000_000, 74_000_000, MINUTES)
    numbers = np.array(columns).T.tolist()
    rows = [
        OpenRow(60 * i, 60_000_000 * i + int(late[i]), layout, source, 0, "D" + "N" * 9 if i % 500 < 10 else None,
                numbers[i], None, None, None, None)
        for i in range(MINUTES)
    ]  # fmt: skip
    return seal(gather(rows, {layout: FACTORS}), 0)


def _factor(code: str) -> OutletFactor:
    return OutletFactor(factor=code, unit="mg/L", span_low=None, span_high=None, resolution=None)


async def register(connection: asyncpg.Connection, outlets: int) -> list[UUID]:
    """Enterprise and outlets; their point numbers count from 1."""
    enterprise = enterprise_uuid("BENCH")
    await connection.execute(
        """insert into enterprise(id, code, name_zh, name_en, trade, address, permit_class, key_unit, toxic, near_homes,
        large_flow, contact_name, contact_phone, active, version, changed_at)
        values ($1, 'BENCH', '测', 'Bench', 'sewage', '', 'key', false, false, false, false, '', '', true, 1, $2)""",
        enterprise, CONNECTED,
    )  # fmt: skip
    ids = [outlet_uuid("BENCH", f"W{i:04}") for i in range(outlets)]
    factors = orjson.dumps([asdict(_factor(code)) for code in FACTORS]).decode()
    for i, outlet_id in enumerate(ids):
        await connection.execute(
            """insert into outlet(id, enterprise_id, code, name_zh, name_en, medium, minute_interval, factors, active,
            version, changed_at) values ($1, $2, $3, '排口', '', 'water', 1, $4::jsonb, true, 1, $5)""",
            outlet_id, enterprise, f"W{i:04}", factors, CONNECTED,
        )  # fmt: skip
    found = await connection.fetch("select id from outlet order by point")
    return [row["id"] for row in found]


async def fill(connection: asyncpg.Connection, outlets: int, days: int) -> None:
    """Sealed and open days."""
    numbers = [
        await connection.fetchval("insert into factor_code(name) values ($1) returning id", code) for code in FACTORS
    ]
    source = await connection.fetchval("insert into reading_source(name) values ('bench') returning id")
    layout = await connection.fetchval("insert into factor_layout(factors) values ($1) returning id", list(FACTORS))
    pool = [sealed_day(layout, source) for _ in range(POOL)]
    digests = [digest_of(one.origin, [one.chunks[code] for code in FACTORS]) for one in pool]
    for number in range(days - OPEN_DAYS):
        start = int(T0.timestamp()) + number * 86_400
        day, last = day_of(start), T0 + timedelta(days=number, minutes=MINUTES - 1)
        dealt = [NUMBERS.randrange(POOL) for _ in range(outlets)]
        await connection.copy_records_to_table(
            "series_day",
            records=[
                (point, 2, day, 0, "sealed", last, last, 0, MINUTES, pool[i].vals, digests[i], pool[i].origin)
                for point, i in enumerate(dealt, 1)
            ],
        )
        await connection.copy_records_to_table(
            "series_chunk",
            records=[
                (point, factor, day, 2, 0, chunk.vals, False, chunk.body, chunk.besides)
                for point, i in enumerate(dealt, 1)
                for factor, chunk in zip(numbers, (pool[i].chunks[code] for code in FACTORS), strict=True)
            ],
        )
        await connection.execute(
            "insert into sealed_day values ($1, $2, '', $3, $4)", day, last, outlets * 14_400, outlets
        )
    for number in range(days - OPEN_DAYS, days):
        day = T0 + timedelta(days=number)
        name = f"frame_p{day:%Y%m%d}"
        await connection.execute(
            f"create table {name} partition of frame for values from ('{day}') to ('{day + timedelta(days=1)}')"
        )
        await connection.execute(_OPEN, layout, source, day, outlets, timeout=600)
    await connection.execute("vacuum analyze", timeout=600)


async def fill_peer(connection: asyncpg.Connection, days: int) -> None:
    """One row a value, text codes, as values arrive."""
    await connection.execute(
        """create table naive_reading(id bigserial primary key, outlet text, factor text, kind text, at timestamptz,
        value float8, flag text, unique(outlet, factor, kind, at))"""
    )
    await connection.execute(
        f"""insert into naive_reading(outlet, factor, kind, at, value, flag)
        select 'W' || lpad(o::text, 4, '0'), f, 'minute', at, round(random() * 60000) / 1000, 'N'
        from generate_series('{T0}'::timestamptz, '{T0 + timedelta(days=days, minutes=-1)}'::timestamptz,
          interval '1 minute') at, generate_series(1, {PEER_OUTLETS}) o, unnest($1::text[]) f order by at, o, f""",
        list(FACTORS), timeout=600,
    )  # fmt: skip
    await connection.execute("vacuum analyze naive_reading", timeout=600)


async def timed(times: int, call: Callable[[], Coroutine[Any, Any, None]]) -> list[float]:
    """Milliseconds of each of `times` calls, ascending."""
    taken = []
    for _ in range(times):
        start = monotonic()
        await call()
        taken.append(1000 * (monotonic() - start))
    return sorted(taken)


def at_share(taken: list[float], share: float) -> float:
    """A quantile."""
    return taken[min(len(taken) - 1, int(share * len(taken)))]


def server_cpu(postmaster: int) -> float:
    """Milliseconds of CPU that the processes of the database have used that live now."""
    used = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if int(fields[1]) == postmaster:
            used += int(fields[11]) + int(fields[12])
    return 1000 * used / os.sysconf("SC_CLK_TCK")


def forget_files(folder: Path) -> None:
    """Put the files of the database out of the page cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            number = os.open(path, os.O_RDONLY)
            os.fsync(number)
            os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(number)


def parquet_bytes(pool: list[Sealed]) -> float:
    """Bytes a value of a month of one outlet as the archive writes it, receipt and source of each value included."""
    days = [unseal(one.origin, one.chunks, 86_400 * number) for number, one in enumerate(pool[:30])]
    tables = [day_table(day, uuid4(), {1: "bench"}) for day in days]
    with tempfile.TemporaryDirectory() as folder:
        written = ArchiveFiles(Path(folder)).write("minute/month.parquet", [(1, pa.concat_tables(tables))])
    return written.size / written.rows


async def ask(
    server: EmbeddedPostgres, outlets: list[UUID], until: datetime, times: int
) -> tuple[list[float], list[float], float]:
    """(times of random series, of one series again and again; CPU milliseconds a request, with the database's)."""
    url = server.url("bench")
    tokens = TokenMaker()
    app = create_app(Settings(database_url=url, jobs=False, urls={"identity": "http://identity"}, log_level="WARNING"))
    app.state.clock, app.state.verifier = FixedClock(until), tokens.verifier()
    headers = tokens.headers(Role.SUPERVISOR, lifetime=timedelta(hours=1))

    async with running(app, "ingest") as http:

        async def month(outlet: UUID, factor: str, *, check: bool = False) -> None:
            params = {
                "factor": factor, "kind": "minute", "since": (until - MONTH).isoformat(), "until": until.isoformat(),
                "max_points": POINTS,
            }  # fmt: skip
            answer: httpx.Response = await http.get(f"/v1/outlets/{outlet}/series", params=params, headers=headers)
            answer.raise_for_status()
            if check:
                series = answer.json()
                assert series["agg"] == "minmax"
                assert POINTS * 0.9 < len(series["v"]) <= POINTS
                assert None not in series["v"]

        await month(outlets[0], FACTORS[0], check=True)
        before = 1000 * process_time() + server_cpu(server.pid or 0)
        anybody = await timed(times, lambda: month(NUMBERS.choice(outlets), NUMBERS.choice(FACTORS)))
        cpu = (1000 * process_time() + server_cpu(server.pid or 0) - before) / times
        same = await timed(times, lambda: month(outlets[7 % len(outlets)], FACTORS[4]))
    return anybody, same, cpu


async def ask_peer(connection: asyncpg.Connection, until: datetime) -> list[float]:
    """The peer's envelope of the same month, as JSON."""

    async def month() -> None:
        outlet = f"W{NUMBERS.randint(1, PEER_OUTLETS):04}"
        rows = await connection.fetch(_PEER, outlet, NUMBERS.choice(FACTORS), until - MONTH, until)
        orjson.dumps([value for row in rows for value in row])

    await month()
    return await timed(40, month)


async def sizes(connection: asyncpg.Connection) -> tuple[float, float, float]:
    """Bytes a value with indexes: sealed, open, the peer's."""
    sealed = """select (pg_total_relation_size('series_chunk') + pg_total_relation_size('series_day'))::float8
      / (select sum(vals) from series_day)"""
    opened = """select sum(pg_total_relation_size(inhrelid))::float8 / (select 10 * count(*) from frame)
      from pg_inherits where inhparent = 'frame'::regclass"""
    naive = "select pg_total_relation_size('naive_reading')::float8 / (select count(*) from naive_reading)"
    return (
        await connection.fetchval(sealed, timeout=300),
        await connection.fetchval(opened, timeout=300),
        await connection.fetchval(naive, timeout=300),
    )


async def measure(server: EmbeddedPostgres, folder: Path, outlets: int, days: int) -> None:
    """Fill, ask, report."""
    admin = await asyncpg.connect(plain_dsn(server.url("postgres")))
    await admin.execute("create database bench")
    await admin.close()
    url = server.url("bench")
    await upgrade("ingest", url)
    until = T0 + timedelta(days=days)
    connection = await asyncpg.connect(plain_dsn(url), command_timeout=600)
    start = monotonic()
    ids = await register(connection, outlets)
    await fill(connection, outlets, days)
    await fill_peer(connection, days)
    filled = monotonic() - start
    sealed, opened, naive = await sizes(connection)
    warm, same, cpu = await ask(server, ids, until, REQUESTS)
    peer = await ask_peer(connection, until)
    await connection.close()
    server.stop()
    await asyncio.to_thread(forget_files, folder)
    server.start()
    cold, _, _ = await ask(server, ids, until, COLD_REQUESTS)
    show(warm, same, cold, peer, (outlets, days, filled))
    report(
        "series",
        figures={
            "month_ms": at_share(warm, 0.5), "month_p99_ms": at_share(warm, 0.99), "month_cpu_ms": cpu,
            "month_same_ms": at_share(same, 0.5), "month_cold_ms": at_share(cold, 0.5), "outlets": outlets,
            "days": days,
            "bytes_per_value_sealed": sealed, "bytes_per_value_open": opened,
            "bytes_per_value_parquet": parquet_bytes([sealed_day(1, 1) for _ in range(30)]),
            "fill_s": filled,
        },
        peers={
            f"one row a value, GROUP BY, {PEER_OUTLETS} outlets, month_ms": at_share(peer, 0.5),
            "one row a value, bytes_per_value": naive,
        },
        ratios={
            "peer_month_to_ours": at_share(peer, 0.5) / at_share(warm, 0.5), "peer_bytes_to_sealed": naive / sealed,
        },
    )  # fmt: skip


def show(
    warm: list[float], same: list[float], cold: list[float], peer: list[float], made: tuple[int, int, float]
) -> None:
    """For people."""
    print(f"{made[0]} outlets, {made[1]} days, {len(FACTORS)} factors; filled in {made[2]:.0f} s\n")
    rows = [
        (name, at_share(taken, 0.5), at_share(taken, 0.95), at_share(taken, 0.99))
        for name, taken in (
            ("any outlet and factor", warm), ("one series again", same),
            ("after a restart, files out of the cache", cold),
            ("peer: one row a value", peer),
        )
    ]  # fmt: skip
    table(("a month as chart", "p50 ms", "p95 ms", "p99 ms"), rows)


def main() -> None:
    """Sizes may be given: outlets, days."""
    outlets, days = (*map(int, sys.argv[1:]), *(OUTLETS, DAYS)[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory(prefix="sanse-series-") as folder:
        data = Path(folder) / "data"
        server = EmbeddedPostgres(data)
        server.start()
        try:
            asyncio.run(measure(server, data, outlets, days))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
