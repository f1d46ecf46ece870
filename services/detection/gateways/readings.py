"""What detection asks of ingest: rows of readings, and which factors are hazardous."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import httpx
import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from services.detection.domain.jurisdiction import Counting
from shared.clients.base import ServiceCallError
from shared.clients.ingest import IngestClient
from shared.clock import monotonic
from shared.contracts.ingest import ReadingKind
from shared.errors import TooLargeError
from shared.feed import Event

OUTLETS_A_CALL = 50
OUTLETS_A_WINDOW = 5
"""Outlets whose history is asked for at once."""
BUCKETS = {ReadingKind.REALTIME: 300, ReadingKind.MINUTE: 300, ReadingKind.HOUR: 7200, ReadingKind.DAY: 86_400}
"""Seconds: what is fetched beyond the rows an event names is at most this at either end."""
WINDOWS = {
    ReadingKind.REALTIME: 432_000, ReadingKind.MINUTE: 864_000, ReadingKind.HOUR: 31_622_400,
    ReadingKind.DAY: 31_622_400,
}  # fmt: skip
"""Seconds of history that are asked for at once."""
HAZARD_SECONDS = 600.0
UNFLAGGED = 0
UNKNOWN_FLAG = "?"

Times = npt.NDArray[np.int64]
Wanted = Mapping[tuple[UUID, ReadingKind], Times]
"""Times in epoch seconds, ascending, by outlet and kind."""


@dataclass(frozen=True)
class Column:
    """Values of one factor by time: t int64 epoch seconds ascending, v float64 (NaN missing), flag letter codes."""

    t: npt.NDArray[np.int64]
    v: npt.NDArray[np.float64]
    flags: npt.NDArray[np.uint8]

    def at(self, times: npt.NDArray[np.int64]) -> "Column":
        """Only the rows of these times."""
        wanted = np.isin(self.t, times)
        return Column(self.t[wanted], self.v[wanted], self.flags[wanted])

    def between(self, begin: float, end: float) -> "Column":
        """Only the rows from `begin` to before `end`, epoch seconds."""
        first, last = np.searchsorted(self.t, [begin, end])
        return Column(self.t[first:last], self.v[first:last], self.flags[first:last])


Fetched = dict[tuple[UUID, ReadingKind], dict[str, Column]]
"""Columns by outlet and kind, then factor."""


History = dict[tuple[str, ReadingKind], Column]
"""Columns of one outlet by factor and kind."""


@dataclass
class Readings:
    """Fetches readings as Arrow; keeps the hazardous factors and the exceedance rules for some minutes."""

    client: IngestClient
    _hazardous: frozenset[str] = field(default=frozenset())
    _asked_at: float = field(default=float("-inf"))
    _counting: Counting | None = field(default=None)
    _counted_at: float = field(default=float("-inf"))

    async def hazardous(self) -> frozenset[str]:
        """Codes of Class 1 and toxic factors."""
        if monotonic() - self._asked_at > HAZARD_SECONDS:
            self._hazardous = frozenset(f.code for f in await self.client.list_factors() if f.hazardous)
            self._asked_at = monotonic()
        return self._hazardous

    async def counting(self, jurisdiction: str) -> Counting | None:
        """Which means count as an exceedance there; None where no jurisdiction is set."""
        if jurisdiction and monotonic() - self._counted_at > HAZARD_SECONDS:
            self._counting = Counting(tuple(await self.client.list_exceedance_rules()), jurisdiction)
            self._counted_at = monotonic()
        return self._counting

    async def read_until(self, cursor: int) -> datetime | None:
        """When the first event came in that is not yet read; None where all are."""
        response = await self.client.request("GET", "/v1/feed", params={"after": cursor, "limit": 1, "wait": 0})
        waiting = orjson.loads(response.content)
        return Event.model_validate(waiting[0]).time if waiting else None

    async def fetch(self, wanted: Wanted) -> Fetched:
        """The rows of these times."""
        found: Fetched = {}
        for (kind, first, last), outlets in _spans(wanted).items():
            ids = sorted(outlets)
            for start in range(0, len(ids), OUTLETS_A_CALL):
                for table in await self._read(ids[start : start + OUTLETS_A_CALL], kind, first, last):
                    _keep(found, kind, table, wanted)
        return found

    async def history(
        self, outlet_id: UUID, kinds: Sequence[ReadingKind], since: datetime, until: datetime, most: int
    ) -> History:
        """All readings of an outlet from `since` to before `until`, a window at a time.

        Raises TooLargeError beyond `most` values.
        """
        found: History = {}
        count = 0
        for kind in kinds:
            last = int(until.timestamp()) - 1
            for first in range(int(since.timestamp()), last + 1, WINDOWS[kind]):
                for table in await self._read([outlet_id], kind, first, min(first + WINDOWS[kind] - 1, last)):
                    count += len(table)
                    if count > most:
                        raise TooLargeError(f"more than {most} readings of one outlet", limit=most)
                    for (_, factor), column in split(table).items():
                        found[factor, kind] = _joined(found.get((factor, kind)), column)
        return found

    async def history_of_outlets(
        self, ids: Sequence[UUID], kind: ReadingKind, since: datetime, until: datetime
    ) -> dict[UUID, dict[str, Column]]:
        """All readings of some outlets by factor, from `since` to before `until`, a window at a time."""
        found: dict[UUID, dict[str, Column]] = {}
        last = int(until.timestamp()) - 1
        for first in range(int(since.timestamp()), last + 1, WINDOWS[kind]):
            for start in range(0, len(ids), OUTLETS_A_WINDOW):
                some = list(ids[start : start + OUTLETS_A_WINDOW])
                for table in await self._read(some, kind, first, min(first + WINDOWS[kind] - 1, last)):
                    for (outlet_id, factor), column in split(table).items():
                        columns = found.setdefault(outlet_id, {})
                        columns[factor] = _joined(columns.get(factor), column)
        return found

    async def history_of_factor(
        self, ids: Sequence[UUID], kind: ReadingKind, factor: str, first: int, last: int
    ) -> dict[UUID, Column]:
        """One factor of up to 200 outlets from `first` to `last`, both included; without those that have no value."""
        found: dict[UUID, Column] = {}
        for table in await self._read(list(ids), kind, first, last, [factor]) if ids else []:
            for (outlet_id, code), column in split(table).items():
                if code == factor:
                    found[outlet_id] = _joined(found.get(outlet_id), column)
        return found

    async def _read(
        self, ids: list[UUID], kind: ReadingKind, first: int, last: int, factors: Sequence[str] = ()
    ) -> list[pa.Table]:
        """One call, or several where the answer would be too large."""
        try:
            return [await self.client.read_arrow(ids, kind, _moment(first), _moment(last), factors=factors)]
        except ServiceCallError as error:
            if error.status != httpx.codes.REQUEST_ENTITY_TOO_LARGE or (len(ids) == 1 and first == last):
                raise
        if len(ids) > 1:
            half = len(ids) // 2
            return [
                *(await self._read(ids[:half], kind, first, last, factors)),
                *(await self._read(ids[half:], kind, first, last, factors)),
            ]
        middle = (first + last) // 2
        return [
            *(await self._read(ids, kind, first, middle, factors)),
            *(await self._read(ids, kind, middle + 1, last, factors)),
        ]


def merged(parts: Iterable[Wanted]) -> Wanted:
    """All times that several events name."""
    together: dict[tuple[UUID, ReadingKind], list[Times]] = defaultdict(list)
    for part in parts:
        for key, times in part.items():
            together[key].append(times)
    return {key: np.unique(np.concatenate(times)) for key, times in together.items()}


def _spans(wanted: Wanted) -> dict[tuple[ReadingKind, int, int], set[UUID]]:
    """Spans to ask for: whole buckets, so that outlets that send at the same time are asked for together."""
    spans: dict[tuple[ReadingKind, int, int], set[UUID]] = defaultdict(set)
    for (outlet_id, kind), times in wanted.items():
        size = BUCKETS[kind]
        buckets = np.unique(times // size)
        for run in np.split(buckets, np.flatnonzero(np.diff(buckets) > 1) + 1):
            spans[kind, int(run[0]) * size, (int(run[-1]) + 1) * size - 1].add(outlet_id)
    return spans


def _keep(found: Fetched, kind: ReadingKind, table: pa.Table, wanted: Wanted) -> None:
    for (outlet_id, factor), column in split(table).items():
        named = column.at(wanted[outlet_id, kind])
        if len(named.t):
            columns = found.setdefault((outlet_id, kind), {})
            columns[factor] = _joined(columns.get(factor), named)


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
    flag = np.array([_letter(name) for name in names], np.uint8)[letters]
    order = np.lexsort((at, factor, outlet))
    edges = np.flatnonzero(np.diff(outlet[order] * len(factors) + factor[order])) + 1
    found = {}
    for rows in np.split(order, edges):
        key = UUID(outlets[outlet[rows[0]]]), factors[factor[rows[0]]]
        found[key] = Column(at[rows], value[rows], flag[rows])
    return found


def _letter(flag: str) -> int:
    return ord(flag[0] if flag.isascii() else UNKNOWN_FLAG) if flag else UNFLAGGED


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
