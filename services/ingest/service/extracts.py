"""Many readings at once: pages of JSON, and tables one after the other for files of any length."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import numpy as np
import pyarrow as pa

from services.ingest.domain.columns import Columns, to_table
from services.ingest.domain.readings import EARLIEST, Point
from services.ingest.service.intake import Intake
from services.ingest.store.readings import ReadingStore
from services.ingest.store.registry import OutletNotFoundError, RegistryStore
from shared.auth import Principal
from shared.contracts.ingest import ReadingKind
from shared.db import Database, raw
from shared.errors import InvalidError, TooLargeError

MAX_OUTLETS = 200
MAX_VALUES = 500_000
"""Values held at once."""
MAX_STREAMED = 50_000_000
INSTANT = timedelta(seconds=1)
WINDOWS = {
    ReadingKind.REALTIME: timedelta(days=5),
    ReadingKind.MINUTE: timedelta(days=10),
    ReadingKind.HOUR: timedelta(days=366),
    ReadingKind.DAY: timedelta(days=3660),
}
"""Spans read at once for a file: some hundred thousand values of an outlet with ten factors."""


class Ask(NamedTuple):
    """Readings of outlets and one kind, from `since` to `until`, both included; `factors` empty means all."""

    outlet_ids: Sequence[UUID]
    kind: ReadingKind
    since: datetime
    until: datetime
    factors: Sequence[str] = ()


class After(NamedTuple):
    """The last value of a page."""

    outlet_id: UUID
    factor: str
    at: int


class ColumnPage(NamedTuple):
    """A page of values, the outlet of each point number, and the value to go on after (None: the last page)."""

    columns: Columns
    outlets: dict[int, UUID]
    last: After | None


class ExtractService:
    """Readings in bulk for who may read them. Each read is a transaction of its own."""

    def __init__(self, db: Database, intake: Intake, caller: Principal) -> None:
        self._db = db
        self._intake = intake
        self._caller = caller

    async def read_page(self, ask: Ask, after: After | None, limit: int) -> ColumnPage:
        """Up to `limit` values by outlet, factor and time."""
        points = await self._points(ask)
        outlets = {point.number: point.outlet_id for point in points}
        numbers = _from(points, after)
        at_once = await self._read(ask, numbers)
        parts: list[Columns] = []
        count, cut = 0, False
        for number in [None] if at_once is not None else numbers:
            columns = at_once if at_once is not None else await self._read(ask, [number or 0])
            if columns is None:
                raise TooLargeError(
                    f"more than {MAX_VALUES} values of an outlet; ask for less time, or for csv, parquet or arrow",
                    limit=MAX_VALUES,
                )
            columns = _beyond(columns, after, outlets)
            cut = count + len(columns) > limit
            parts.append(columns.part(0, limit - count))
            count += len(parts[-1])
            if cut:
                break
        page = Columns.of(parts)
        return ColumnPage(page, outlets, _last(page, outlets) if cut else None)

    async def read_tables(self, ask: Ask) -> AsyncIterator[pa.Table]:
        """All values as Arrow: at once and ordered where they are few, else by outlet and span of time.

        Checked before the first table is given: who may see the outlets, and that there are not too many values.
        """
        points = await self._points(ask)
        outlets = {point.number: point.outlet_id for point in points}
        numbers = sorted(outlets)
        columns = await self._read(ask, numbers)
        if columns is None:
            await self._check_size(ask, numbers)
        return self._tables(ask, numbers, outlets, columns)

    async def _tables(
        self, ask: Ask, numbers: list[int], outlets: dict[int, UUID], columns: Columns | None
    ) -> AsyncIterator[pa.Table]:
        if columns is not None:
            yield to_table(columns, outlets)
            return
        for number in numbers:
            for since, until in windows(ask):
                async for part in self._windowed(ask._replace(since=since, until=until), number):
                    yield to_table(part, outlets)

    async def _windowed(self, ask: Ask, number: int) -> AsyncIterator[Columns]:
        columns = await self._read(ask, [number])
        if columns is not None:
            if len(columns):
                yield columns
            return
        middle = ask.since + ((ask.until - ask.since) / 2).__floordiv__(INSTANT) * INSTANT
        if middle <= ask.since:
            raise TooLargeError(f"more than {MAX_VALUES} values in {ask.until - ask.since}", limit=MAX_VALUES)
        for half in (ask._replace(until=middle - INSTANT), ask._replace(since=middle)):
            async for part in self._windowed(half, number):
                yield part

    async def _read(self, ask: Ask, numbers: list[int]) -> Columns | None:
        async with self._db.transaction() as session:
            store = ReadingStore(await raw(session), self._intake.dictionaries)
            return await store.read(numbers, ask.kind, ask.since, ask.until, limit=MAX_VALUES, factors=ask.factors)

    async def _check_size(self, ask: Ask, numbers: list[int]) -> None:
        async with self._db.transaction() as session:
            store = ReadingStore(await raw(session), self._intake.dictionaries)
            count = await store.count(numbers, ask.kind, ask.since, ask.until, limit=MAX_STREAMED)
        if count > MAX_STREAMED:
            raise TooLargeError(f"more than {MAX_STREAMED} values; ask for less", limit=MAX_STREAMED)

    async def _points(self, ask: Ask) -> list[Point]:
        check_span(ask)
        wanted, tenant = set(ask.outlet_ids), self._caller.tenant
        if len(wanted) > MAX_OUTLETS:
            raise TooLargeError(f"at most {MAX_OUTLETS} outlets at once", limit=MAX_OUTLETS, given=len(wanted))
        async with self._db.transaction() as session:
            points = await RegistryStore(session).list_points(wanted)
        found = [point for point in points if tenant is None or point.enterprise_id == tenant]
        missing = wanted - {point.outlet_id for point in found}
        if missing:
            raise OutletNotFoundError("no such outlet", outlet_id=str(min(missing)))
        return sorted(found, key=lambda point: point.number)


def check_span(ask: Ask) -> None:
    """Raise `InvalidError` unless the span can hold readings."""
    if ask.until < ask.since:
        raise InvalidError("until must not be before since", field="until")
    if ask.since.timestamp() < EARLIEST:
        raise InvalidError("there is nothing before the year 2000", field="since")


def windows(ask: Ask) -> list[tuple[datetime, datetime]]:
    """Spans, both ends included, that make up the ask."""
    spans, start = [], ask.since
    while start <= ask.until:
        end = min(start + WINDOWS[ask.kind] - INSTANT, ask.until)
        spans.append((start, end))
        start = end + INSTANT
    return spans


def _from(points: Sequence[Point], after: After | None) -> list[int]:
    numbers = [point.number for point in points]
    if after is None:
        return numbers
    start = next((point.number for point in points if point.outlet_id == after.outlet_id), None)
    if start is None:
        raise InvalidError("the cursor is not of this list; start again without it", field="cursor")
    return [number for number in numbers if number >= start]


def _beyond(columns: Columns, after: After | None, outlets: dict[int, UUID]) -> Columns:
    """What comes after the last value of the page before."""
    if after is None or not len(columns):
        return columns
    start = next(number for number, outlet_id in outlets.items() if outlet_id == after.outlet_id)
    mine = columns.point == start
    seen = mine & ((columns.factor < after.factor) | ((columns.factor == after.factor) & (columns.at <= after.at)))
    return columns.part(int(np.flatnonzero(seen)[-1]) + 1, None) if seen.any() else columns


def _last(page: Columns, outlets: dict[int, UUID]) -> After:
    return After(outlets[int(page.point[-1])], str(page.factor[-1]), int(page.at[-1]))
