"""Rates of 10,000 outlets over a quarter: `python -m benchmarks.rates`.

What `GET /v1/completeness` asks of the database: one row for each outlet from the letters of its days. The peer counts
the same from hour values, one row a value, as it was done before days had letters; it is given 200 outlets with two
factors, and both are compared by outlet.
"""

import asyncio
import statistics
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from benchmarks.report import report, table
from launcher.postgres import EmbeddedPostgres
from services.ingest.store.outlet_days import OutletDayStore
from services.ingest.store.partitions import Partitions
from shared.clock import monotonic
from shared.db import Database, plain_dsn, upgrade

OUTLETS, DAYS, PEER_OUTLETS, ROUNDS = 10_000, 92, 200, 5
START = datetime(2026, 6, 30, 16, tzinfo=UTC)
END = START + timedelta(days=DAYS)
_ENTERPRISE = """insert into enterprise values(gen_random_uuid(), 'E', 'E', '', 'food', '', null, null, null, 'key',
  false, false, false, false, '', '', true, 1, now())"""
_OUTLETS = """insert into outlet(id, enterprise_id, code, name_zh, name_en, medium, minute_interval, factors, active,
  version, changed_at)
  select gen_random_uuid(), e.id, 'W' || lpad(n::text, 6, '0'), '', '', 'water', 1, '[]', true, 1, now()
  from enterprise e, generate_series(1, $1) n"""
_DAYS = """insert into outlet_day(point, at, states, late, stopped, received, valid, changed_at)
  select o.point, $1::timestamptz + make_interval(days => d), 'VVVVVVVVVVVVVVVVSSMD.VVV', 0, 2, 21, 19, now()
  from outlet o, generate_series(0, $2 - 1) d"""
_HOURS = """insert into reading_value(point, factor, kind, at, value, flag, source, received_at, rev)
  select o.point, f, 3, $1::timestamptz + make_interval(hours => h), 30, 'N', 1, now(), 0
  from (select point from outlet order by point limit $3) o, generate_series(1, 2) f,
    generate_series(0, $2 * 24 - 1) h"""
_PEER = """select point, count(*) filter (where ok), count(*) from (
    select point, at, bool_and(value is not null and flag in ('N', 'F')) as ok from reading_value
    where kind = 3 and at >= $1 and at < $2 group by point, at) q group by point"""


async def fill(db: Database, connection: asyncpg.Connection) -> None:
    """Outlets with a quarter of days; some of them with hour values for the peer."""
    await connection.execute(_ENTERPRISE)
    await connection.execute(_OUTLETS, OUTLETS)
    times = [int((START + timedelta(days=day)).timestamp()) for day in range(DAYS + 1)]
    partitions = Partitions(db)
    for name in ("outlet_day", "reading_value"):
        await partitions.ensure(name, times)
    await connection.execute("insert into outlet_reach select point, $1, $1 from outlet", START - timedelta(days=1))
    await connection.execute(_DAYS, START, DAYS, timeout=300)
    await connection.execute(_HOURS, START, DAYS, PEER_OUTLETS, timeout=300)
    await connection.execute("vacuum analyze", timeout=300)


async def measure(url: str) -> tuple[float, float, int]:
    """Median seconds of ours and of the peer, and how many outlets ours told."""
    await upgrade("ingest", url)
    db = Database(url)
    connection = await asyncpg.connect(plain_dsn(url))
    await fill(db, connection)
    store = OutletDayStore(connection)
    mine, theirs, found = [], [], 0
    for _ in range(ROUNDS):
        begin = monotonic()
        found = len(await store.counts(START, END, enterprise_id=None, outlet_id=None, limit=OUTLETS))
        mine.append(monotonic() - begin)
        begin = monotonic()
        await connection.fetch(_PEER, START, END, timeout=300)
        theirs.append(monotonic() - begin)
    await connection.close()
    await db.close()
    return statistics.median(mine), statistics.median(theirs), found


def main() -> None:
    """Measure and report."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "data") as server:
        mine, theirs, found = asyncio.run(measure(server.url("postgres")))
    ratio = (theirs / PEER_OUTLETS) / (mine / found)
    table(
        ("way", "outlets", "s", "µs an outlet"),
        [("days", found, mine, mine / found * 1e6), ("hour values", PEER_OUTLETS, theirs, theirs / PEER_OUTLETS * 1e6)],
    )
    report(
        "rates",
        figures={"quarter_10k_outlets_s": mine, "outlets": found, "days": DAYS},
        peers={"hour_values_s": theirs, "hour_values_outlets": PEER_OUTLETS},
        ratios={"days_vs_hour_values_by_outlet": ratio},
    )


if __name__ == "__main__":
    main()
