"""What of an outlet's data somebody looks at: factors, averaging, span; and what stands out in it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from shared.clock import PARK_ZONE
from shared.contracts.ingest import FactorOut, OutletOut, ReadingKind, Series
from web.acts import local_time
from web.charts import RANGES, Band, Window
from web.labels import name_of

MOST_FACTORS = 6
LONGEST = timedelta(days=400)
DEFAULT_RANGE = "24h"
MINUTE_SPAN = timedelta(days=3)
FETCHES = {ReadingKind.MINUTE: "fetch_minutes", ReadingKind.HOUR: "fetch_hours", ReadingKind.DAY: "fetch_days"}
VALID_FLAGS = frozenset({"N", "F"})


@dataclass(frozen=True)
class Look:
    """One look at an outlet. `problem` says what of the address was not understood; then the default is shown."""

    outlet: OutletOut
    names: dict[str, FactorOut]
    factors: tuple[str, ...]
    kind: ReadingKind
    window: Window
    range: str
    problem: str = ""

    def name(self, code: str) -> str:
        """Name of a factor code."""
        return name_of(self.names[code]) if code in self.names else code

    def query(self, **changes: str | Sequence[str]) -> str:
        """The look as a query string."""
        values: dict[str, str | Sequence[str]] = {"factor": list(self.factors), "kind": self.kind.value}
        if self.range:
            values["range"] = self.range
        else:
            values |= {"since": local_time(self.window.since), "until": local_time(self.window.until)}
        values |= changes
        return urlencode({key: value for key, value in values.items() if value}, doseq=True)

    def fetch(self, gap: "Gap") -> str:
        """The address of a command that fetches what is missing from the logger; empty where there is none."""
        code = FETCHES.get(self.kind)
        if code is None:
            return ""
        span = {"since": local_time(gap.since), "until": local_time(gap.until)}
        return f"/commands/new?{urlencode({'outlet': str(self.outlet.id), 'code': code, **span})}"

    @property
    def since_text(self) -> str:
        """The start as a time field takes it."""
        return local_time(self.window.since)

    @property
    def until_text(self) -> str:
        """The end as a time field takes it."""
        return local_time(self.window.until)

    def moved(self, steps: int) -> str:
        """The query of the span as long as this one, `steps` lengths later."""
        by = (self.window.until - self.window.since) * steps
        until = local_time(self.window.until + by)
        return self.query(range="", since=local_time(self.window.since + by), until=until)


def read_window(since: str, until: str, range_: str, now: datetime) -> tuple[Window, str, bool]:
    """(span, name of its range or nothing, whether the given times were understood)."""
    chosen = range_ if range_ in RANGES else DEFAULT_RANGE
    usual = Window(now - RANGES[chosen], now)
    if not since and not until:
        return usual, chosen, True
    try:
        start, end = (_time(text) for text in (since, until))
    except ValueError:
        return usual, chosen, False
    if not timedelta() < end - start <= LONGEST:
        return usual, chosen, False
    return Window(start, end), "", True


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=PARK_ZONE)).astimezone(UTC)


def read_kind(text: str, window: Window) -> ReadingKind:
    """The averaging asked for, or the one that suits the span."""
    if text in set(ReadingKind):
        return ReadingKind(text)
    return ReadingKind.MINUTE if window.until - window.since <= MINUTE_SPAN else ReadingKind.HOUR


def read_factors(given: Sequence[str], outlet: OutletOut) -> tuple[str, ...]:
    """Factors asked for that the outlet monitors; the first one where none was."""
    known = [item.factor for item in outlet.factors]
    asked = tuple(code for code in dict.fromkeys(given) if code in known)[:MOST_FACTORS]
    return asked or tuple(known[:1])


@dataclass(frozen=True)
class Gap:
    """A stretch without values between or after others."""

    since: datetime
    until: datetime
    missing: int


def gaps_of(series: Series, now: datetime) -> list[Gap]:
    """Stretches of missing values of a whole series, up to now; none of an envelope, whose gaps are only wide ones."""
    if series.agg != "raw":
        return []
    end = min(len(series.v), max(0, math.floor((now.timestamp() - series.t0) / series.step)))
    gaps, start = [], None
    for index in range(end + 1):
        missing = index < end and series.v[index] is None
        if missing and start is None:
            start = index
        elif not missing and start is not None:
            since, until = (datetime.fromtimestamp(series.t0 + at * series.step, UTC) for at in (start, index))
            gaps.append(Gap(since, until, index - start))
            start = None
    return gaps


def gap_bands(gaps: Sequence[Gap]) -> list[Band]:
    """Gaps as bands of a chart."""
    return [Band(gap.since, gap.until, "gap") for gap in gaps]


@dataclass(frozen=True)
class Summary:
    """A series in numbers. Shares are of the values expected in the span until now."""

    least: float | None
    mean: float | None
    greatest: float | None
    present: float | None
    valid: float | None
    over: int
    """Values above the limit that holds at their time, for the averaging shown."""


def summary_of(series: Series, now: datetime) -> Summary:
    """Numbers of a whole series; shares and the count over the limit only where it is not an envelope."""
    values = [value for value in series.v if value is not None]
    low, high = min(values, default=None), max(values, default=None)
    if series.agg != "raw" or not values:
        return Summary(low, None, high, None if series.agg != "raw" else 0.0, None, 0)
    expected = min(len(series.v), max(1, math.floor((now.timestamp() - series.t0) / series.step)))
    marked = sum(1 for index, flag in series.flags.items() if flag not in VALID_FLAGS and series.v[index] is not None)
    return Summary(
        low, sum(values) / len(values), high, min(1.0, len(values) / expected),
        min(1.0, (len(values) - marked) / expected), _over(series),
    )  # fmt: skip


def _over(series: Series) -> int:
    limits = [
        (limit.valid_from.timestamp(), limit.valid_to.timestamp() if limit.valid_to else math.inf, limit.upper)
        for limit in series.limits
        if limit.upper is not None and limit.averaging is series.kind
    ]
    times = ((series.t0 + index * series.step, value) for index, value in enumerate(series.v) if value is not None)
    return sum(1 for at, value in times if any(since <= at < until and value > v for since, until, v in limits))


Row = tuple[datetime, list[tuple[float | None, str]]]


def rows_of(series: Sequence[Series]) -> list[Row]:
    """Values and flags of all factors by time, the newest first; times without any value are left out."""
    by_time: dict[int, dict[int, tuple[float | None, str]]] = {}
    for column, one in enumerate(series):
        for index, value in enumerate(one.v):
            flag = one.flags.get(index, "N")
            if value is not None or flag != "N":
                by_time.setdefault(one.t0 + index * one.step, {})[column] = (value, flag)
    return [
        (datetime.fromtimestamp(at, UTC), [found.get(column, (None, "")) for column in range(len(series))])
        for at, found in sorted(by_time.items(), reverse=True)
    ]


def columns_of(table: Mapping[str, Sequence[Any]], factors: Sequence[str]) -> list[Row]:
    """Readings in one column (`factor`, `at`, `value`, `flag`) as rows with a cell a factor, the oldest first."""
    place = {code: column for column, code in enumerate(factors)}
    by_time: dict[datetime, list[tuple[float | None, str]]] = {}
    for code, at, value, flag in zip(table["factor"], table["at"], table["value"], table["flag"], strict=True):
        if code in place:
            cells = by_time.setdefault(at, [(None, "")] * len(factors))
            cells[place[code]] = (value, flag)
    return sorted(by_time.items())
