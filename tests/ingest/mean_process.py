"""A process that makes means until it is killed: `python -m tests.ingest.mean_process URL NOW`."""

import asyncio
import sys
from datetime import datetime

from services.ingest.service.intake import Intake
from services.ingest.service.mean_work import MeanWork
from shared.clock import FixedClock
from shared.db import Database


async def main(url: str, now: str) -> None:
    db = Database(url)
    work = MeanWork(db, Intake(db), FixedClock(datetime.fromisoformat(now)), "CN")
    print("ready", flush=True)  # noqa: T201 - the test waits for it
    while await work.run(60):
        pass
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
