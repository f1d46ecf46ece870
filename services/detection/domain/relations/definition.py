"""What a relation between the factors of one outlet declares about itself, and the rows it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.detection.domain.checks.definition import Judge, Parameter, Traits
from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.points import NORMAL, STOPPED, UNFLAGGED

Flags = npt.NDArray[np.uint8]
Flag = npt.NDArray[np.bool_]
NOT_SENT = 255
"""Flag of a factor that is absent from a row."""
PATIENCE = (
    Parameter("min_points", 1.0, 100_000.0),
    Parameter("min_hours", 0.0, 8760.0),
    Parameter("calm_points", 1.0, 1000.0),
    Parameter("hold_hours", 0.0, 720.0),
)
"""What every relation has: how long rows must break it, how many rows in order end that, and the longest hole in it."""


@dataclass(frozen=True)
class Rows:
    """Rows of one outlet and kind at times `t` (n,), rising; each factor's numbers (n,), NaN where there is none.

    `usual` is the level of a factor while it runs, before each row; `expected` what one factor (first) should be by
    another (second), with how far it usually strays. NaN while unknown. `traits` of the factors that are known.
    """

    t: Integers
    interval: float
    values: Mapping[str, Floats]
    flags: Mapping[str, Flags]
    traits: Mapping[str, Traits]
    usual: Mapping[str, Floats] = field(default_factory=dict)
    expected: Mapping[tuple[str, str], tuple[Floats, Floats]] = field(default_factory=dict)
    _clean: dict[str, Floats] = field(default_factory=dict, repr=False, compare=False)

    def raw(self, code: str) -> Floats:
        """Numbers of a factor under whatever flag."""
        return self.values[code] if code in self.values else np.full(len(self.t), np.nan)

    def clean(self, code: str) -> Floats:
        """Numbers that an instrument measured: under N or no flag."""
        if code not in self._clean:
            flags = self.flag(code)
            self._clean[code] = np.where((flags == NORMAL) | (flags == UNFLAGGED), self.raw(code), np.nan)
        return self._clean[code]

    def flag(self, code: str) -> Flags:
        """Flags of a factor's values, NOT_SENT where it is absent."""
        return self.flags[code] if code in self.flags else np.full(len(self.t), NOT_SENT, dtype=np.uint8)

    def level(self, code: str) -> Floats:
        """Usual running level of a factor."""
        return self.usual[code] if code in self.usual else np.full(len(self.t), np.nan)

    def share(self, code: str) -> Floats:
        """Numbers of a factor under whatever flag, as a share of its usual level."""
        return np.asarray(self.raw(code) / self.level(code), dtype=np.float64)

    def stopped(self, code: str) -> Flag:
        """Rows in which the factor is flagged or marked as that of a source at rest."""
        return np.asarray(self.flag(code) == STOPPED)

    def step(self, code: str) -> float:
        """Smallest step of the reported number, 0 while unknown."""
        known = self.traits.get(code)
        return (known.resolution or 0.0) if known else 0.0


@dataclass(frozen=True)
class Marked:
    """What a relation says of each row about the factor it accuses: `broken` 1, in order 0, not judged NaN; the value
    and what it was held against.
    """

    factor: str
    broken: Floats
    value: Floats
    reference: Floats


Numbers = Callable[[str], Mapping[str, float] | None]
"""A rule's numbers for an accused factor; None where no rule judges it."""


@dataclass(frozen=True, kw_only=True)
class Relation(Judge):
    """A pure function of rows: `mark(rows, numbers)` gives one `Marked` for each factor that it can accuse."""

    mark: Callable[[Rows, Numbers], Iterable[Marked]]


def told(judged: Flag, broken: Flag) -> Floats:
    """1 broken, 0 in order, NaN where not judged."""
    return np.where(judged, broken.astype(np.float64), np.nan)
