from datetime import timedelta

import asyncpg

from services.ingest.jobs import jobs_of
from shared.clock import wall
from shared.contracts.ingest import ReadingKind, ReadingRow, ReadingsIn
from shared.db import plain_dsn
from tests.ingest.conftest import NOW, Ingest


async def test_partitions_are_made_ahead_and_old_keys_forgotten(ingest: Ingest) -> None:
    outlet = await ingest.outlet()
    row = ReadingRow(at=NOW, values={"w01018": 1.0})
    bulk = ReadingsIn(outlet_id=outlet, kind=ReadingKind.HOUR, rows=[row])
    await ingest.client.post_readings(bulk, key="old")
    await ingest.client.post_readings(bulk, key="young")
    connection = await asyncpg.connect(plain_dsn(ingest.url))
    try:
        day_ago = wall() - timedelta(hours=24, minutes=1)
        await connection.execute("update idempotency_key set at = $1 where key = 'old'", day_ago)
        state = ingest.app.state
        for job in jobs_of(state.db, state.intake, state.clock, state.transfers):
            await job.run()
            await job.run()
        tables = await connection.fetch(
            "select relname from pg_class where relname ~ '^(frame|reading_value)_p[0-9]+$'"
        )
        keys = await connection.fetch("select key from idempotency_key")
    finally:
        await connection.close()

    assert {row["relname"] for row in tables} == {
        "frame_p20260301", "frame_p20260302", "frame_p20260303", "frame_p20260304", "reading_value_p202603",
    }  # fmt: skip
    assert [row["key"] for row in keys] == ["young"]
