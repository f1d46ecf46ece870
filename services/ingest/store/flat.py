"""Writing flat rows: one binary `COPY` straight into `frame`, built in columns.

Rows of one layout have the same length on the wire, so a batch is a numpy record array a layout and no object a
value. `COPY` knows no `on conflict`: it runs under a savepoint, and where a row was there already the new ones are
copied again without it. The caller merges what was left out, by the way of `FrameStore`.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import asyncpg
import numpy as np

from services.ingest.domain.flat import FlatRow
from services.ingest.domain.readings import KIND_NUMBERS, Key
from services.ingest.store.binary import EPOCH, HEADER, POSTGRES_EPOCH, TRAILER, copy
from services.ingest.store.dictionaries import Dictionaries
from services.ingest.store.frames import LayoutsMissingError

_FIELDS = ("at", "received_at", "point", "layout", "source", "kind", "rev", "avg", "vmin", "vmax", "cou", "zs", "flags")
_FIXED = {"at": ">i8", "received_at": ">i8", "point": ">i4", "layout": ">i4", "source": ">i4", "kind": ">i2",
          "rev": ">i2"}  # fmt: skip
_FLOAT8 = 701
_ELEMENT = np.dtype([("size", ">i4"), ("number", ">f8")])
_ARRAY_HEAD = 5
_ABSENT = -1

_EXISTING = """select q.number from unnest($1::int[], $2::smallint[], $3::bigint[], $4::int[])
  as q(point, kind, at, number)
join frame f on f.point = q.point and f.kind = q.kind and f.at = to_timestamp(q.at)
where f.at between $5 and $6"""


class FlatStore:
    """Writes flat rows in the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection, dictionaries: Dictionaries) -> None:
        self._connection = connection
        self._dictionaries = dictionaries

    async def add(self, rows: Sequence[FlatRow], received_at: datetime) -> list[int]:
        """Add the rows whose key is not there yet; numbers of those that were left out.

        Each key stands once in `rows`. Raises `LayoutsMissingError`.
        """
        if await self._copy(rows, received_at):
            return []
        there = set(await self._existing(rows))
        if await self._copy([row for number, row in enumerate(rows) if number not in there], received_at):
            return sorted(there)
        return list(range(len(rows)))  # another writer is at the same rows: merge them all

    async def _copy(self, rows: Sequence[FlatRow], received_at: datetime) -> bool:
        if not rows:
            return True
        data = self._encode(rows, received_at)
        try:
            async with self._connection.transaction():
                await copy(self._connection, "frame", _FIELDS, data)
        except asyncpg.UniqueViolationError:
            return False
        return True

    async def _existing(self, rows: Sequence[FlatRow]) -> list[int]:
        keys = [row.key for row in rows]
        times = [key.at for key in keys]
        found = await self._connection.fetch(
            _EXISTING, [key.point for key in keys], [KIND_NUMBERS[key.kind] for key in keys], times,
            list(range(len(keys))), datetime.fromtimestamp(min(times), UTC), datetime.fromtimestamp(max(times), UTC),
        )  # fmt: skip
        return [row["number"] for row in found]

    def _encode(self, rows: Sequence[FlatRow], received_at: datetime) -> bytes:
        groups: dict[Any, list[int]] = defaultdict(list)
        for number, row in enumerate(rows):
            groups[row.layout, row.columns, row.flags is None].append(number)
        parts: list[tuple[Key, bytes]] = []
        for members in groups.values():
            group = [rows[number] for number in members]
            records = self._records(group, received_at)
            size, data = records.dtype.itemsize, records.tobytes()
            parts += [(row.key, data[n * size : (n + 1) * size]) for n, row in enumerate(group)]
        # In the order of the key, as every writer: two that meet on a row wait for each other in one direction.
        parts.sort(key=lambda part: (part[0].point, part[0].at))
        return b"".join((HEADER, *[data for _, data in parts], TRAILER))

    def _records(self, group: Sequence[FlatRow], received_at: datetime) -> np.ndarray[Any, Any]:
        """Rows of one layout as they go over the wire."""
        first = group[0]
        layout = self._dictionaries.find_layout(first.layout)
        if layout is None:
            raise LayoutsMissingError({first.layout})
        width = len(first.layout)
        records: np.ndarray[Any, Any] = np.repeat(_blank(width, first.columns, first.flags is not None), len(group))
        records["at"] = (np.array([row.key.at for row in group], np.int64) - POSTGRES_EPOCH) * 1_000_000
        records["received_at"] = (received_at - EPOCH) // timedelta(microseconds=1)
        records["point"] = [row.key.point for row in group]
        records["layout"] = layout
        records["source"] = [self._dictionaries.source(row.source) for row in group]
        records["kind"] = [KIND_NUMBERS[row.key.kind] for row in group]
        numbers = np.array([row.numbers for row in group], np.float64)
        for place, name in enumerate(first.columns):
            records[_column(name)]["number"] = numbers[:, place * width : (place + 1) * width]
        if first.flags is not None:
            records["flags"] = [(row.flags or "").encode("ascii") for row in group]
        return records


def _column(name: str) -> str:
    return "avg" if name == "value" else name


@lru_cache(maxsize=4096)
def _blank(width: int, columns: tuple[str, ...], flagged: bool) -> np.ndarray[Any, Any]:  # noqa: FBT001
    """One row of the wire format with all that is the same for its layout: sizes, array heads, what is absent."""
    arrays = {_column(name) for name in columns}
    types: list[Any] = [("fields", ">i2")]
    for name in _FIELDS:
        types.append((f"{name}_size", ">i4"))
        if name in _FIXED:
            types.append((name, _FIXED[name]))
        elif name in arrays:
            types += [(f"{name}_head", ">i4", (_ARRAY_HEAD,)), (name, _ELEMENT, (width,))]
        elif name == "flags" and flagged:
            types.append((name, f"S{width}"))
    blank: np.ndarray[Any, Any] = np.zeros(1, np.dtype(types))
    blank["fields"] = len(_FIELDS)
    for name in _FIELDS:
        blank[f"{name}_size"] = _ABSENT if name not in blank.dtype.names else _size(blank.dtype, name)
        if name in arrays:
            blank[f"{name}_head"] = (1, 0, _FLOAT8, width, 1)
            blank[name]["size"] = np.dtype(">f8").itemsize
    return blank


def _size(record: np.dtype[Any], name: str) -> int:
    head = record[f"{name}_head"].itemsize if f"{name}_head" in (record.names or ()) else 0
    size: int = head + record[name].itemsize
    return size
