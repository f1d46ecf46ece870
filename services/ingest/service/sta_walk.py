"""Observations in order without knowing where they lie: windows of growing width, from one end to the other."""

import math
from datetime import UTC, datetime
from typing import NamedTuple

from services.ingest.domain.readings import Key
from services.ingest.domain.sta.filters import Wanted
from services.ingest.store.readings import ReadingStore
from shared.contracts.ingest import ReadingKind
from shared.errors import TooLargeError

DAY = 86_400
FIRST_WINDOW = {
    ReadingKind.REALTIME: DAY,
    ReadingKind.MINUTE: DAY,
    ReadingKind.HOUR: 60 * DAY,
    ReadingKind.DAY: 900 * DAY,
}
"""Seconds that hold about a page of values; empty stretches are then crossed in doubling steps."""
MOST_VALUES = 1_100_000

Found = tuple[int, float | None, str]
"""(time, value, flag)."""


class Stretch(NamedTuple):
    """One series from `since` to before `until`, Unix seconds."""

    point: int
    kind: ReadingKind
    factor: str
    since: int
    until: int


async def walk(
    store: ReadingStore, stretch: Stretch, wanted: Wanted, *, descending: bool = False, skip: int = 0, limit: int
) -> list[Found]:  # fmt: skip
    """Up to `limit` values that are wanted after the first `skip`, by time."""
    found: list[Found] = []
    width = FIRST_WINDOW[stretch.kind]
    low, high = stretch.since, stretch.until
    while low < high and len(found) < skip + limit:
        start, end = (max(low, high - width), high) if descending else (low, min(high, low + width))
        values = await _values(store, stretch, start, end)
        kept = [item for item in values if wanted.keeps(item[1], item[2])]
        found += kept[::-1] if descending else kept
        low, high = (low, start) if descending else (end, high)
        if not values:
            width *= 2
    return found[skip : skip + limit]


async def count_between(store: ReadingStore, stretch: Stretch, wanted: Wanted) -> int:
    """How many values are wanted. Raises `TooLargeError` where the stretch holds too many to look at."""
    values = await _values(store, stretch, stretch.since, stretch.until)
    return sum(1 for _, value, flag in values if wanted.keeps(value, flag))


async def _values(store: ReadingStore, stretch: Stretch, since: int, until: int) -> list[Found]:
    if since >= until:
        return []
    key = Key(stretch.point, stretch.kind, since)
    track = await store.read_track(key, stretch.factor, datetime.fromtimestamp(until, UTC), limit=MOST_VALUES)
    if track is None:
        raise TooLargeError(f"more than {MOST_VALUES} values; ask for less time", limit=MOST_VALUES)
    return [
        (at, None if math.isnan(value) else value, flag)
        for at, value, flag in zip(track.at.tolist(), track.value.tolist(), track.flags, strict=True)
    ]
