"""Replay 数据回放: a stretch of old values sent again, digit for digit.

Every window of m values is hashed in 64 bits as it rolls, and looked up among the windows that ended
before it began; a match is compared value by value, so that no collision is ever reported.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import boolean, int64

from services.detection.domain.compiled import Integers, compiled, entry, given
from services.detection.domain.surveys.finding import Finding, Span, require, require_positive, too_few
from services.detection.domain.surveys.series import Series, breaks

_COLUMNS = 3
_MOST_POINTS = 2**31 - 1


@dataclass(frozen=True)
class Settings:
    """`window` values must repeat, with at least `changes` (half of them when None) steps from one to the next.

    24 for hours and 60 for minutes are the configurable defaults: honest series repeat 12 hours by chance.
    """

    window: int = 24
    changes: int | None = None

    def __post_init__(self) -> None:
        require(self.window >= 2, "window", "must have two values or more")  # noqa: PLR2004
        least = self.least_changes
        require(1 <= least < self.window, "changes", f"must lie between 1 and {self.window - 1}, not {least}")

    @property
    def least_changes(self) -> int:
        """Steps a window must have; less is a constant run, which is another signature."""
        return (self.window + 1) // 2 if self.changes is None else self.changes


@dataclass(frozen=True)
class Pair:
    """A stretch and its copy: `points` values each, `distance` 0 when exact."""

    original: Span
    copy: Span
    points: int
    distance: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Replay(Finding):
    """`statistic` is the number of windows that repeat an older one, `reference` 0; `pairs` merged, by copy."""

    pairs: tuple[Pair, ...] = ()


def survey_replay(
    series: Series, interval: float, step: float | None = None, settings: Settings | None = None
) -> Replay:
    """Find copies in `series` sampled every `interval` seconds; windows do not reach over gaps.

    Values are compared as they are, or in units of `step` when given. Linear in the number of points.
    """
    settings = settings or Settings()
    apart = breaks(series.t, interval)
    require(len(series) < _MOST_POINTS, "v", f"must have fewer than {_MOST_POINTS} points")
    if step is not None:
        require_positive(step=step)
    few = too_few(len(series), 2 * settings.window)
    if few:
        return Replay(span=series.span, points=len(series), unjudged=few)
    windows, rows = _search(_codes(series, step), apart, settings)
    pairs = tuple(_pair(series.t, row, settings.window) for row in rows.tolist())
    return Replay(
        span=series.span,
        points=len(series),
        statistic=float(windows),
        reference=0.0,
        found=windows > 0,
        pairs=pairs,
    )


def _codes(series: Series, step: float | None) -> Integers:
    """Whole numbers that are equal where values are."""
    if step is None:
        return np.ascontiguousarray(series.v + 0.0).view(np.int64)  # adding zero turns -0 into 0
    scaled = np.rint(series.v / step)
    require(bool(np.all(np.abs(scaled) < 2.0**62)), "step", "is too small for these values")
    return scaled.astype(np.int64)


def _search(codes: Integers, apart: npt.NDArray[np.bool_], settings: Settings) -> tuple[int, Integers]:
    bits = max(4, int(2 * len(codes) - 1).bit_length())
    table = np.zeros(2**bits, dtype=np.int64)
    hashes = np.zeros(len(codes), dtype=np.int64)
    room = 1024
    while True:
        rows = np.empty((room, _COLUMNS), dtype=np.int64)
        counted = np.zeros(2, dtype=np.int64)
        _roll(codes, apart, settings.window, settings.least_changes, table, hashes, rows, counted)
        if counted[1] <= room:
            return int(counted[0]), rows[: counted[1]]
        room = int(counted[1])
        table[:] = 0


def _pair(t: Integers, row: list[int], window: int) -> Pair:
    original, copy, windows = row
    reach = windows + window - 2
    return Pair(Span(int(t[original]), int(t[original + reach])), Span(int(t[copy]), int(t[copy + reach])), reach + 1)


@compiled
def _slot(table: Integers, hashes: Integers, sought: int, mask: int) -> int:
    """Where the latest window of this hash stands in the table, or the free place it may take."""
    slot = (sought >> 1) & mask
    while table[slot] != 0 and hashes[table[slot] - 1] != sought:
        slot = (slot + 1) & mask
    return slot


@compiled
def _same(codes: Integers, one: int, other: int, first: int, window: int) -> bool:
    """Whether two windows agree from their value `first` on."""
    for k in range(first, window):  # noqa: SIM110 - a generator does not compile
        if codes[one + k] != codes[other + k]:
            return False
    return True


@compiled
def _spread_bits(code: int) -> int:
    """A value as a term of the rolling sum, its high bits mixed into the low ones."""
    return (code ^ (code >> 32)) * 2685821657736338717


@compiled
def _seal(rolling: int) -> int:
    """The 64-bit hash of a rolling sum; never 0, which means not to be compared."""
    mixed = (rolling ^ ((rolling >> 29) & 0x7FFFFFFFF)) * -7046029254386353131
    return mixed ^ ((mixed >> 32) & 0xFFFFFFFF) | 1


@compiled
def _tell(rows: Integers, counted: Integers, original: int, copy: int, run: int) -> None:
    """Put a match into the rows, or lengthen the last one; count it where there is no room."""
    counted[0] += 1
    if run == 1:
        counted[1] += 1
    at = counted[1] - 1
    if at < rows.shape[0]:
        rows[at, 0], rows[at, 1], rows[at, 2] = original - run + 1, copy - run + 1, run


@entry(given(int64), given(boolean), int64, int64, int64[::1], int64[::1], int64[:, ::1], int64[::1])
def _roll(  # noqa: PLR0913
    codes: Integers,
    apart: npt.NDArray[np.bool_],
    window: int,
    changes: int,
    table: Integers,
    hashes: Integers,
    rows: Integers,
    counted: Integers,
) -> None:
    """Fill `rows` with (original, copy, windows) and `counted` with windows and rows, also those without room.

    Windows are named by their first point. `table` and `hashes` are zero when called.
    """
    base, top = 6364136223846793005, 1
    for _ in range(window):
        top *= base
    mask = table.shape[0] - 1
    rolling, moved, whole, before, run = 0, 0, 0, -1, 0
    for i in range(codes.shape[0]):
        rolling = rolling * base + _spread_bits(codes[i])
        whole = 1 if apart[i] else whole + 1
        moved += 1 if i > 0 and codes[i] != codes[i - 1] else 0
        start = i - window + 1
        if start < 0:
            continue
        if start > 0:
            rolling -= _spread_bits(codes[start - 1]) * top
            moved -= 1 if codes[start] != codes[start - 1] else 0
        hashes[start] = _seal(rolling) if whole >= window and moved >= changes else 0
        # Only windows that ended before this one starts may be found.
        old = start - window
        if old >= 0 and hashes[old] != 0:
            table[_slot(table, hashes, hashes[old], mask)] = old + 1
        match = table[_slot(table, hashes, hashes[start], mask)] - 1 if hashes[start] != 0 else -1
        going = before >= 0 and match == before + 1
        if match >= 0 and _same(codes, match, start, window - 1 if going else 0, window):
            run = run + 1 if going else 1
            _tell(rows, counted, match, start, run)
            before = match
        else:
            before = -1
