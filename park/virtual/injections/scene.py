"""Where an event happens: an outlet's columns, the rows of its span, and what its own past says is usual."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from park.model import DAY, HOUR, Times, Values
from park.virtual.columns import CONVERTED, Column, Flags, Role, VirtualOutlet
from park.virtual.physics import sampled
from park.virtual.plan import OXYGEN

HISTORY = 30 * DAY
"""How far back an event looks for what is usual, and how much honest history stands before the first event."""


class Change(NamedTuple):
    """New values within the span; new flags, or None where they stay. Without flags only usable rows change."""

    v: Values
    flags: Flags | None = None


Changes = dict[str, Change]


@dataclass(frozen=True)
class Scene:
    """One event about to be written: `codes` are what it is aimed at, `size` how strong it is.

    `outlet` is the honest one: what is usual, and what is replayed, never comes from another event.
    """

    outlet: VirtualOutlet
    times: Times
    step: int
    rows: slice
    codes: tuple[str, ...]
    size: float
    rng: np.random.Generator
    other: VirtualOutlet | None = None

    @property
    def length(self) -> int:
        """Rows of the span."""
        return int(self.rows.stop - self.rows.start)

    @property
    def share(self) -> Values:
        """0 to 1 over the span."""
        return np.linspace(0.0, 1.0, self.length)

    @property
    def hours(self) -> Values:
        """Hours since the start, by row."""
        return np.arange(self.length) * self.step / HOUR

    def column(self, code: str) -> Column:
        """The whole column."""
        return self.outlet.columns[code]

    def now(self, code: str) -> Values:
        """A copy of the honest values of the span."""
        return self.column(code).v[self.rows].copy()

    def seen(self, code: str) -> Values:
        """The honest values of the span, NaN where they are marked or missing."""
        return np.where(self.column(code).usable[self.rows], self.now(code), np.nan)

    def flags(self, code: str) -> Flags:
        """A copy of the honest flags of the span."""
        return self.column(code).flags[self.rows].copy()

    def past(self, code: str) -> Values:
        """Usable values of the 30 days before."""
        first = max(0, self.rows.start - HISTORY // self.step)
        column = self.column(code)
        return column.v[first : self.rows.start][column.usable[first : self.rows.start]]

    def level(self, code: str) -> float:
        """The usual value."""
        return float(np.median(self.past(code)))

    def spread(self, code: str) -> float:
        """The usual standard deviation."""
        return float(np.std(self.past(code)))

    def jitter(self, code: str) -> float:
        """The usual change from one reading to the next, robust; never under two steps of the reading."""
        moves = np.abs(np.diff(self.past(code)))
        moves = moves[moves > 0]
        usual = 1.4826 * float(np.median(moves)) if len(moves) else 0.0
        return max(usual, 2 * self.column(code).instrument.resolution)

    def ceiling(self, code: str) -> Values:
        """The limit by row in the unit of the reading: a gas limit holds for the converted value, so O2 decides.

        Raises ValueError for a factor without a limit.
        """
        upper = self.column(code).instrument.upper
        if upper is not None:
            return np.full(self.length, upper)
        twin = self.outlet.columns.get(code + CONVERTED)
        made = self.outlet.plan.trade.o2
        if twin is None or twin.instrument.upper is None or made is None:
            raise ValueError(f"{code} has no limit")
        o2 = np.where(np.isfinite(self.seen(OXYGEN)), self.seen(OXYGEN), self.level(OXYGEN))
        return np.asarray(twin.instrument.upper * (21 - o2) / (21 - made.ref))

    def grain(self, code: str) -> Values:
        """Noise of variance 1 by row, repeated as long as the analyser repeats a sample."""
        if not self.column(code).instrument.hold:
            return self.rng.standard_normal(self.length)
        _, back = np.unique(sampled(self.outlet.plan, self.times[self.rows]), return_inverse=True)
        return self.rng.standard_normal(int(back.max()) + 1)[back]

    def held(self, code: str, values: Values) -> Values:
        """`values` by row as the analyser would show them: a water analyser repeats the one of its sample."""
        if not self.column(code).instrument.hold:
            return values
        _, first, back = np.unique(
            sampled(self.outlet.plan, self.times[self.rows]), return_index=True, return_inverse=True
        )
        return np.asarray(values[first][back])

    def shape(self, code: str) -> Values:
        """The honest course of the span relative to what is usual, about 1."""
        return np.asarray(self.now(code) / self.level(code))

    def pollutants(self) -> tuple[str, ...]:
        """All pollutants of the outlet."""
        return self.outlet.of(Role.POLLUTANT)
