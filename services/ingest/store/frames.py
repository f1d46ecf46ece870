"""Writing real-time and minute readings: one row a point and time, arrays by layout.

Nearly every row is new, so a round is one `INSERT … ON CONFLICT DO NOTHING`; rows that were there (repeats,
parts of a split packet, corrections) are locked, merged factor by factor and written back; a value that was
replaced is kept with its source and time. Arrays of a
whole batch travel as one flat array and are sliced by the server: a missing value is NaN, because an array
without nulls is sliced in constant time.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import asyncpg

from services.ingest.domain.readings import KIND_NUMBERS, NORMAL, Change, Changes, Key, Round, Value, merge
from services.ingest.store.dictionaries import Dictionaries, Layout

NAN = math.nan
KINDS = {number: kind for kind, number in KIND_NUMBERS.items()}
_COLUMNS = ("avg", "vmin", "vmax", "cou", "zs")


class LayoutsMissingError(Exception):
    """A merge needs layouts that have no number yet: learn them and begin the transaction again."""

    def __init__(self, layouts: set[Layout]) -> None:
        super().__init__(f"{len(layouts)} layouts are not known yet")
        self.layouts = layouts


class _Line(NamedTuple):
    """A row ready to be written."""

    key: Key
    layout: Layout
    values: list[Value]
    source: str


@lru_cache(maxsize=4096)
def _sorted(codes: tuple[str, ...]) -> Layout:
    return tuple(sorted(codes))


def layout_of(values: Iterable[str]) -> Layout:
    """The layout of a set of factors: their codes in order. A device sends the same set again and again."""
    return _sorted(tuple(values))


_ROWS = """select q.point, q.kind, to_timestamp(q.at) as at, q.layout, q.source, q.flags,
  ($7::float8[])[q.low:q.high] as avg,
  case when q.has & 1 > 0 then ($9::float8[])[q.low:q.high] end as vmin,
  case when q.has & 2 > 0 then ($10::float8[])[q.low:q.high] end as vmax,
  case when q.has & 4 > 0 then ($11::float8[])[q.low:q.high] end as cou,
  case when q.has & 8 > 0 then ($12::float8[])[q.low:q.high] end as zs
from (select point, kind, at, layout, source, flags, low, low + size - 1 as high, has
  from unnest($1::int[], $2::smallint[], $3::bigint[], $4::int[], $5::int[], $6::text[], $8::int[], $13::int[],
    $14::int[]) as u(point, kind, at, layout, source, flags, low, size, has)) q"""

_INSERT = f"""insert into frame(point, kind, at, layout, source, flags, avg, vmin, vmax, cou, zs, received_at, rev)
select r.point, r.kind, r.at, r.layout, r.source, r.flags, r.avg, r.vmin, r.vmax, r.cou, r.zs, $15, 0
from ({_ROWS}) r
on conflict do nothing returning point, kind, extract(epoch from at)::bigint as at"""

_UPDATE = f"""update frame f set layout = r.layout, source = r.source, flags = r.flags, avg = r.avg, vmin = r.vmin,
  vmax = r.vmax, cou = r.cou, zs = r.zs, received_at = $15, rev = f.rev + 1
from ({_ROWS}) r where f.point = r.point and f.kind = r.kind and f.at = r.at and f.at between $16 and $17"""

_HISTORY = """insert into reading_revision
    (point, factor, kind, at, rev, value, vmin, vmax, cou, zs, flag, source, received_at, replaced_at)
  values ($1, $2, $3, to_timestamp($4), $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict do nothing"""

_LOCK = """select f.point, f.kind, extract(epoch from f.at)::bigint as at, f.layout, f.flags, f.rev, f.source,
  f.received_at, f.avg, f.vmin, f.vmax, f.cou, f.zs
from unnest($1::int[], $2::smallint[], $3::bigint[]) as q(point, kind, at)
join frame f on f.point = q.point and f.kind = q.kind and f.at = to_timestamp(q.at)
where f.at between $4 and $5 order by f.point, f.kind, f.at for update of f"""


class FrameStore:
    """Writes rounds in the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection, dictionaries: Dictionaries) -> None:
        self._connection = connection
        self._dictionaries = dictionaries

    async def write(self, round_: Round, received_at: datetime) -> Changes:
        """Write one round; what it changed. Raises `LayoutsMissingError` before any harm is done."""
        lines = [
            _Line(key, layout := layout_of(folded.values), [folded.values[code] for code in layout], folded.source)
            for key, folded in sorted(round_.items(), key=lambda item: _order(item[0]))
        ]
        rows = await self._connection.fetch(_INSERT, *self._parameters(lines), received_at)
        fresh = {Key(row["point"], KINDS[row["kind"]], row["at"]) for row in rows}
        changes: Changes = {key: Change(added=set(round_[key].values)) for key in fresh}
        if len(fresh) < len(lines):
            changes |= await self._merge([line for line in lines if line.key not in fresh], received_at)
        return changes

    async def _merge(self, lines: list[_Line], received_at: datetime) -> Changes:
        stored = await self._stored([line.key for line in lines])
        changes: Changes = {}
        merged, history = [], []
        for line in lines:
            old, (rev, source, came) = stored[line.key]
            values, change = _merge_values(old, dict(zip(line.layout, line.values, strict=True)))
            history += [
                (line.key.point, self._dictionaries.factor(code), KIND_NUMBERS[line.key.kind], line.key.at, rev,
                 value.value, value.vmin, value.vmax, value.cou, value.zs, value.flag, source, came, received_at)
                for code, value in old.items() if code in change.replaced
            ]  # fmt: skip
            if change.added or change.replaced:
                layout = layout_of(values)
                merged.append(_Line(line.key, layout, [values[code] for code in layout], line.source))
                changes[line.key] = change
        unknown = {line.layout for line in merged if self._dictionaries.find_layout(line.layout) is None}
        if unknown:
            raise LayoutsMissingError(unknown)
        if merged:
            span = _span([line.key for line in merged])
            await self._connection.execute(_UPDATE, *self._parameters(merged), received_at, *span)
        if history:
            await self._connection.executemany(_HISTORY, history)
        return changes

    async def _stored(self, keys: list[Key]) -> dict[Key, tuple[dict[str, Value], tuple[int, int, datetime]]]:
        """Values of the rows, and their revision, source and receipt; the rows are locked."""
        columns = [key.point for key in keys], [KIND_NUMBERS[key.kind] for key in keys], [key.at for key in keys]
        rows = await self._connection.fetch(_LOCK, *columns, *_span(keys))
        layouts = await self._dictionaries.layout_factors(self._connection, {row["layout"] for row in rows})
        return {
            Key(row["point"], KINDS[row["kind"]], row["at"]): (
                values_of(row, layouts[row["layout"]]),
                (row["rev"], row["source"], row["received_at"]),
            )
            for row in rows
        }

    def _parameters(self, lines: list[_Line]) -> tuple[Any, ...]:
        values = [value for line in lines for value in line.values]
        more = [
            _floats(value.vmin for value in values),
            _floats(value.vmax for value in values),
            _floats(value.cou for value in values),
            _floats(value.zs for value in values),
        ]
        sizes = [len(line.values) for line in lines]
        lows, low = [], 1
        for size in sizes:
            lows.append(low)
            low += size
        layouts = [self._dictionaries.find_layout(line.layout) for line in lines]
        if None in layouts:
            raise LayoutsMissingError({line.layout for line in lines})
        return (
            [line.key.point for line in lines],
            [KIND_NUMBERS[line.key.kind] for line in lines],
            [line.key.at for line in lines],
            layouts,
            [self._dictionaries.source(line.source) for line in lines],
            [_flags(line.values) for line in lines],
            _floats(value.value for value in values),
            lows,
            *more,
            sizes,
            [_columns_of(line.values) for line in lines],
        )


def _order(key: Key) -> tuple[int, int, int]:
    return key.point, KIND_NUMBERS[key.kind], key.at


def _span(keys: Sequence[Key]) -> tuple[datetime, datetime]:
    """Bounds of the times, so that the planner looks at few partitions."""
    times = [key.at for key in keys]
    return datetime.fromtimestamp(min(times), UTC), datetime.fromtimestamp(max(times), UTC)


def _floats(numbers: Iterable[float | None]) -> list[float]:
    return [NAN if number is None else number for number in numbers]


def _flags(values: list[Value]) -> str | None:
    text = "".join(value.flag for value in values)
    return None if text == NORMAL * len(values) else text


def _columns_of(values: list[Value]) -> int:
    """Which of `_COLUMNS` after the first hold any number, a bit each: an array of nothing is not stored."""
    columns = zip(*(value[2:] for value in values), strict=True)
    return sum(1 << place for place, column in enumerate(columns) if column.count(None) < len(column))


def values_of(row: Any, layout: Layout) -> dict[str, Value]:
    """Values of a stored row by factor."""
    flags = row["flags"] or NORMAL * len(layout)
    columns = [row[name] or [None] * len(layout) for name in _COLUMNS]
    return {
        code: Value(_known(columns[0][i]), flags[i], *(_known(column[i]) for column in columns[1:]))
        for i, code in enumerate(layout)
    }


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _merge_values(old: dict[str, Value], new: dict[str, Value]) -> tuple[dict[str, Value], Change]:
    result, change = dict(old), Change()
    for code, value in new.items():
        if code not in old:
            result[code] = value
            change.added.add(code)
            continue
        merged = merge(old[code], value)
        if merged != old[code]:
            result[code] = merged
            change.replaced.add(code)
    return result, change
