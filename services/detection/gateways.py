"""What detection asks of ingest: rows of readings, and which factors are hazardous."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shared.clients.ingest import IngestClient
from shared.clock import monotonic
from shared.contracts.ingest import ReadingKind, ReadingsBatch

OUTLETS_A_CALL = 50
HAZARD_SECONDS = 600.0
UNFLAGGED = 0


@dataclass(frozen=True)
class Column:
    """Values of one factor by time: t int64 epoch seconds ascending, v float64 (NaN missing), flag letter codes."""

    t: npt.NDArray[np.int64]
    v: npt.NDArray[np.float64]
    flags: npt.NDArray[np.uint8]

    def at(self, times: npt.NDArray[np.int64]) -> "Column":
        """Only the rows of these times."""
        wanted = np.isin(self.t, times, assume_unique=True)
        return Column(self.t[wanted], self.v[wanted], self.flags[wanted])


Fetched = dict[tuple[UUID, ReadingKind], dict[str, Column]]
"""Columns by outlet and kind, then factor."""


@dataclass
class Readings:
    """Fetches readings as Arrow and keeps the hazardous factors for some minutes."""

    client: IngestClient
    _hazardous: frozenset[str] = field(default=frozenset())
    _asked_at: float = field(default=float("-inf"))

    async def hazardous(self) -> frozenset[str]:
        """Codes of Class 1 and toxic factors."""
        if monotonic() - self._asked_at > HAZARD_SECONDS:
            self._hazardous = frozenset(f.code for f in await self.client.list_factors() if f.hazardous)
            self._asked_at = monotonic()
        return self._hazardous

    async def fetch(self, batches: Sequence[ReadingsBatch]) -> Fetched:
        """All rows that these parts of events name (and others between them, which the caller leaves out)."""
        found: Fetched = {}
        for (kind, first, last), outlets in _spans(batches).items():
            ids = sorted(outlets)
            for start in range(0, len(ids), OUTLETS_A_CALL):
                part = ids[start : start + OUTLETS_A_CALL]
                table = await self.client.read_arrow(part, kind, _moment(first), _moment(last))
                for (outlet_id, factor), column in split(table).items():
                    columns = found.setdefault((outlet_id, kind), {})
                    columns[factor] = _joined(columns.get(factor), column)
        return found


def _spans(batches: Iterable[ReadingsBatch]) -> dict[tuple[ReadingKind, int, int], set[UUID]]:
    """Spans to ask for: those of one outlet that touch are joined, outlets with the same span go together."""
    by_series: dict[tuple[UUID, ReadingKind], list[tuple[int, int]]] = defaultdict(list)
    for batch in batches:
        by_series[batch.outlet_id, batch.kind].append((batch.times[0], batch.times[-1]))
    spans: dict[tuple[ReadingKind, int, int], set[UUID]] = defaultdict(set)
    for (outlet_id, kind), pieces in by_series.items():
        for first, last in _merged(pieces, _reach(kind)):
            spans[kind, first, last].add(outlet_id)
    return spans


def _reach(kind: ReadingKind) -> int:
    steps = {ReadingKind.DAY: timedelta(days=2), ReadingKind.HOUR: timedelta(hours=2)}
    return int(steps.get(kind, timedelta(minutes=30)).total_seconds())


def _merged(pieces: list[tuple[int, int]], reach: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(pieces):
        if merged and first <= merged[-1][1] + reach:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def split(table: pa.Table) -> dict[tuple[UUID, str], Column]:
    """An Arrow table outlet_id, factor, at, value, flag as columns by outlet and factor, in time order."""
    if len(table) == 0:
        return {}
    outlet, outlets = _codes(table["outlet_id"])
    factor, factors = _codes(table["factor"])
    at = table["at"].cast(pa.timestamp("s", tz="UTC")).cast(pa.int64()).to_numpy()
    value = table["value"].cast(pa.float64()).to_numpy()
    letters, names = _codes(pc.fill_null(table["flag"], ""))
    flag = np.array([ord(name[0]) & 0x7F if name else UNFLAGGED for name in names], np.uint8)[letters]
    order = np.lexsort((at, factor, outlet))
    edges = np.flatnonzero(np.diff(outlet[order] * len(factors) + factor[order])) + 1
    found = {}
    for rows in np.split(order, edges):
        key = UUID(outlets[outlet[rows[0]]]), factors[factor[rows[0]]]
        found[key] = Column(at[rows], value[rows], flag[rows])
    return found


def _codes(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], list[str]]:
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def _joined(before: Column | None, more: Column) -> Column:
    if before is None:
        return more
    t = np.concatenate([before.t, more.t])
    _, first = np.unique(t, return_index=True)
    v, flags = np.concatenate([before.v, more.v]), np.concatenate([before.flags, more.flags])
    return Column(t[first], v[first], flags[first])
