"""Taking readings in: the one way into the store, for the bulk API and for the gateway."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.flat import AnyRow, FlatRow, as_row, divide
from services.ingest.domain.readings import MEANS, Fate, fates, fold, news_of
from services.ingest.store.archive_files import ArchiveFiles
from services.ingest.store.dictionaries import Dictionaries
from services.ingest.store.frames import LayoutsMissingError, layout_of
from services.ingest.store.partitions import Partitions
from services.ingest.store.readings import ReadingStore
from services.ingest.store.thawing import SEALED_STATE, Horizon, ThawStore
from shared import feed
from shared.clock import wall
from shared.contracts.ingest import READINGS_ACCEPTED
from shared.db import Database, raw
from shared.logging import get_logger

log = get_logger(__name__)

ATTEMPTS = 6
ROWS_AN_EVENT = 1000
RETRY_STATES = frozenset({"40001", "40P01"})
"""Serialization failure, deadlock."""
NO_PARTITION = "23514"

Result = TypeVar("Result")
Work = Callable[[AsyncSession, ReadingStore], Awaitable[Result]]


class Intake:
    """Held by the process: knows dictionaries and partitions, and runs transactions that write readings."""

    def __init__(self, db: Database, archive: ArchiveFiles | None = None) -> None:
        self.dictionaries = Dictionaries(db, archive)
        self._db = db
        self._partitions = Partitions(db)
        self._horizon = Horizon()

    async def run(self, rows: Sequence[AnyRow], work: Work[Result]) -> Result:
        """Run `work` in one transaction, committed on return; again after a deadlock and the like.

        What the rows need besides (numbers, partitions) is there before the transaction begins, so that no
        transaction waits for another one's dictionary.
        """
        await self._prepare(rows)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._db.transaction() as session:
                    connection = await raw(session)
                    if cold := await self._horizon.cold(connection, rows):
                        await ThawStore(connection, self.dictionaries).thaw(cold, wall())
                    return await work(session, ReadingStore(connection, self.dictionaries))
            except LayoutsMissingError as missing:
                await self.dictionaries.learn(layouts=missing.layouts)
            except (asyncpg.PostgresError, DBAPIError) as error:
                await self._recover(error, attempt, rows)
        raise RuntimeError(f"a write of readings met {ATTEMPTS} obstacles in a row")

    async def ensure_partitions(self, table: str, times: Sequence[int]) -> None:
        """Make partitions ahead of their time."""
        await self._partitions.ensure(table, times)

    async def _prepare(self, rows: Sequence[AnyRow]) -> None:
        layouts = {row.layout for row in rows if isinstance(row, FlatRow)}
        others = [row for row in rows if not isinstance(row, FlatRow)]
        codes = {code for layout in layouts for code in layout} | {code for row in others for code in row.values}
        layouts |= {layout_of(row.values) for row in others if row.key.kind not in MEANS}
        await self.dictionaries.learn(factors=codes, sources={row.source for row in rows}, layouts=layouts)
        await self._partitions.ensure("frame", {row.key.at for row in rows if row.key.kind not in MEANS})
        await self._partitions.ensure("reading_value", {row.key.at for row in others if row.key.kind in MEANS})

    async def _recover(self, error: asyncpg.PostgresError | DBAPIError, attempt: int, rows: Sequence[AnyRow]) -> None:
        state = _state_of(error)
        if attempt == ATTEMPTS or state not in {*RETRY_STATES, NO_PARTITION, SEALED_STATE}:
            raise error
        log.warning("write_again", attempt=attempt, state=state)
        if state in {NO_PARTITION, SEALED_STATE}:
            self._horizon.forget()
            self._partitions.forget()
            await self._prepare(rows)
        await asyncio.sleep(0.01 * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - jitter


def _state_of(error: asyncpg.PostgresError | DBAPIError) -> str | None:
    state: str | None = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)
    return state


async def put(
    session: AsyncSession, store: ReadingStore, rows: Sequence[AnyRow], outlets: Mapping[int, UUID], *, at: datetime
) -> list[Fate]:
    """Write rows and tell others what is new, in the caller's transaction; call it last. `outlets` by point number.

    Flat rows that are new go straight in; the rest is folded and merged, which has the effect of the rows one by one.
    """
    flat, others = divide(rows)
    left_out = {flat[place][0] for place in await store.add_flat([row for _, row in flat], at)}
    fresh = [row.key for number, row in flat if number not in left_out]
    others = sorted([*others, *left_out])
    rounds = fold([as_row(rows[number]) for number in others])
    changes = await store.write(rounds, at)
    for chunk in news_of(changes, ROWS_AN_EVENT, fresh):
        batches = [
            {
                "outlet_id": str(outlets[news.point]),
                "kind": news.kind.value,
                "times": news.times,
                "corrected": news.corrected,
            }
            for news in chunk
        ]
        # In the form of `ReadingsEvent`, written as it is: a batch of the gateway names a thousand outlets.
        await feed.publish(session, READINGS_ACCEPTED, "readings", {"batches": batches}, at=at)
    result = [Fate.STORED] * len(rows)
    for number, fate in zip(others, fates(rounds, changes, len(others)), strict=True):
        result[number] = fate
    return result
