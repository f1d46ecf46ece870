"""A consumer as a process of its own, to be killed: python consumer_process.py DATABASE FEED TOKEN HOLD."""

import asyncio
import sys
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clients.base import ServiceClient
from shared.db import Database
from shared.feed import Event, FeedConsumer


async def main(database: str, feed: str, token: str, hold: float) -> None:
    async def own_token() -> str:
        return token

    async def handle(session: AsyncSession, events: Sequence[Event]) -> None:
        for event in events:
            await session.execute(
                text("insert into effects(event_id, seq) values(:id, :seq)"), {"id": event.id, "seq": event.seq}
            )
        sys.stdout.write("effect\n")
        sys.stdout.flush()
        await asyncio.sleep(hold)  # written, not committed: the moment to be killed

    consumer = FeedConsumer("casework", ServiceClient(feed, own_token), Database(database), handle, wait=5)
    await consumer.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
