"""Months as Parquet: one file a kind and month, one row group an outlet, everything that is known of a value."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from services.ingest.domain.chunks import BESIDES, DAY, Day, Origin, Strand, start_of
from services.ingest.domain.columns import Columns, Track

SCHEMA_VERSION = 1
_TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema([
    ("outlet_id", pa.string()), ("factor", pa.string()), ("at", _TIME), ("value", pa.float64()), ("flag", pa.string()),
    *((name, pa.float64()) for name in BESIDES),
    ("received_at", _TIME), ("source", pa.string()), ("rev", pa.int32()),
])  # fmt: skip
READ = ("factor", "at", "value", "flag")
DECEMBER = 12


def month_of(day: date) -> date:
    """The first day of a UTC month."""
    return day.replace(day=1)


def month_after(month: date) -> date:
    """The first day of the next month."""
    return date(month.year + month.month // DECEMBER, month.month % DECEMBER + 1, 1)


def first_instant(day: date) -> datetime:
    """Midnight of a UTC day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def day_table(day: Day, outlet_id: UUID, sources: Mapping[int, str]) -> pa.Table:
    """A sealed day, by factor and time."""
    return pa.concat_tables([
        _strand_table(code, strand, day.origin, (outlet_id, sources)) for code, strand in sorted(day.strands.items())
    ]) if day.strands else SCHEMA.empty_table()  # fmt: skip


def _strand_table(code: str, strand: Strand, origin: Origin, names: tuple[UUID, Mapping[int, str]]) -> pa.Table:
    outlet_id, sources = names
    row = np.searchsorted(origin.at, strand.at)
    count = len(strand.at)
    besides = strand.besides or (np.full(count, np.nan),) * len(BESIDES)
    return pa.table([
        _same(str(outlet_id), count), _same(code, count), _times(strand.at * 1_000_000), _numbers(strand.value),
        pa.array(list(strand.flags), pa.string()), *(_numbers(part) for part in besides),
        _times(origin.received[row]), pa.array([sources[int(one)] for one in origin.source[row]], pa.string()),
        pa.array(origin.rev[row], pa.int32()),
    ], schema=SCHEMA)  # fmt: skip


def mean_table(rows: Sequence[Any], outlet_id: UUID) -> pa.Table:
    """Rows of the means: factor, at, value, flag, vmin, vmax, cou, zs, received_at, source name, rev."""
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(len(SCHEMA) - 1)]
    return pa.table([[str(outlet_id)] * len(rows), *columns], schema=SCHEMA)


def day_of_table(table: pa.Table, day: date, numbers: Mapping[str, int], layouts: Mapping[tuple[str, ...], int]) -> Day:
    """A day again from the rows of one outlet and day; `numbers` of sources, `layouts` by sorted factor codes."""
    factor, at = np.array(table["factor"].to_pylist()), _seconds(table["at"])
    inside = (at >= start_of(day)) & (at < start_of(day) + DAY)
    table, factor, at = table.filter(pa.array(inside)), factor[inside], at[inside]
    value = {name: _floats(table[name]) for name in ("value", *BESIDES)}
    flags = table["flag"].to_pylist()
    strands, codes_at = {}, dict[int, list[str]]()
    for code in sorted(set(factor.tolist())):
        mine = np.flatnonzero(factor == code)
        mine = mine[np.argsort(at[mine], kind="stable")]
        besides = tuple(value[name][mine] for name in BESIDES)
        nothing = all(bool(np.isnan(part).all()) for part in besides)
        text = "".join(flags[i] for i in mine.tolist())
        strands[str(code)] = Strand(at[mine], value["value"][mine], text, None if nothing else besides)
        for time in at[mine].tolist():
            codes_at.setdefault(time, []).append(str(code))
    times, first = np.unique(at, return_index=True)
    source = [numbers[name] for name in table["source"].take(pa.array(first)).to_pylist()]
    received = table["received_at"].cast(pa.int64()).to_numpy()[first]
    layout = [layouts[tuple(sorted(codes_at[time]))] for time in times.tolist()]
    rev = table["rev"].to_numpy()[first]
    origin = (received, np.array(layout), np.array(source), rev)
    return Day(Origin(times, *(np.asarray(column, np.int64) for column in origin)), strands)


def layouts_in(table: pa.Table) -> set[tuple[str, ...]]:
    """Sets of factors that stand at one time."""
    found: dict[int, list[str]] = {}
    for code, at in zip(table["factor"].to_pylist(), _seconds(table["at"]).tolist(), strict=True):
        found.setdefault(at, []).append(code)
    return {tuple(sorted(codes)) for codes in found.values()}


def table_columns(table: pa.Table, point: int, days: set[date]) -> Columns:
    """Values of some days of an outlet."""
    at = _seconds(table["at"])
    inside = np.isin(at // DAY, [start_of(day) // DAY for day in days])
    table = table.filter(pa.array(inside))
    factor, flag = (np.array(table[name].to_pylist(), object) for name in ("factor", "flag"))
    return Columns(np.full(len(flag), point, np.int32), factor, at[inside], _floats(table["value"]), flag).ordered()


def columns_track(columns: Columns, factor: str) -> Track:
    """One factor of them."""
    mine = columns.factor == factor
    return Track(columns.at[mine], columns.value[mine], "".join(columns.flag[mine]))


def _same(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), count)


def _times(microseconds: NDArray[np.int64]) -> pa.Array:
    return pa.array(microseconds, pa.int64()).cast(_TIME)


def _numbers(value: NDArray[np.float64]) -> pa.Array:
    return pa.array(value, pa.float64(), from_pandas=True)


def _seconds(column: pa.ChunkedArray) -> NDArray[np.int64]:
    seconds: NDArray[np.int64] = column.cast(pa.int64()).to_numpy() // 1_000_000
    return seconds


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.array(column.to_numpy(), np.float64)
