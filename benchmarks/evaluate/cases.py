"""What is judged: a case is the lines of one place with what is known to be wrong there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from park.virtual.natural import NATURAL
from services.detection.domain.backtest import Columns
from services.detection.domain.checks.definition import Traits
from services.detection.domain.evaluation import Span
from services.detection.domain.hits import Hit
from shared.contracts.ingest import Medium, ReadingKind

MOST_DECIMALS = 6
STEPS = (1.0, 2.0, 5.0, 10.0)
ABSENT = frozenset({"missing"})
"""In a file of real data a record that is absent is a fact, not a finding to be judged."""


def is_natural(kind: str) -> bool:
    """Whether a label is of something that went wrong by itself, not injected."""
    return kind.endswith(f" {NATURAL}")


def is_injected(kind: str) -> bool:
    """Whether a label was put in, or is the owner's of real data."""
    return not is_natural(kind)


@dataclass(frozen=True)
class Line:
    """One series: its traits, its points, and limits (n, 2)."""

    traits: Traits
    columns: Columns
    limits: np.ndarray


@dataclass(frozen=True)
class Case:
    """Lines that share labels; alarms on any of them count. `ignore` are checks that are not judged,
    `fits` the checks that are right for a kind of label.

    `kinds`: labels say what is wrong, so that each kind of alarm is an episode of its own. `neighbours` are hits that
    come of other places too, found before cases are judged one by one.
    """

    group: str
    name: str
    lines: tuple[Line, ...]
    labels: tuple[Span, ...] = ()
    kinds: bool = False
    ignore: frozenset[str] = ABSENT
    fits: Mapping[str, frozenset[str]] = field(default_factory=dict)
    neighbours: tuple[Hit, ...] = ()


def line(
    factor: str, medium: Medium, interval: float, t: Sequence[int] | np.ndarray, v: np.ndarray, *, flags: str = ""
) -> Line:
    """A line whose resolution and span are read from its values; `flags` a letter a point, all N by default."""
    kind = ReadingKind.HOUR if interval >= 3600 else ReadingKind.MINUTE
    known = np.frombuffer((flags or "N" * len(v)).encode(), dtype=np.uint8)
    traits = Traits(kind, medium, factor, float(interval), resolution_of(v), span_of(v))
    columns = Columns(np.asarray(t, dtype=np.int64), np.asarray(v, dtype=np.float64), known)
    return Line(traits, columns, np.full((len(v), 2), np.nan))


def resolution_of(v: np.ndarray) -> float | None:
    """Smallest step of the reported numbers: the power of ten of which 99 % of the values are multiples."""
    present = v[np.isfinite(v)]
    for decimals in range(MOST_DECIMALS + 1):
        if len(present) and np.mean(np.abs(present - np.round(present, decimals)) < 1e-9) >= 0.99:
            return float(10.0**-decimals)
    return None


def span_of(v: np.ndarray) -> float | None:
    """An instrument's upper limit as one would order it: 1, 2 or 5 times a power of ten, twice the usual or more, and
    not below anything that it has reported.
    """
    present = v[np.isfinite(v)]
    usual = float(max(2.0 * np.quantile(present, 0.995), present.max())) if len(present) else 0.0
    if usual <= 0.0:
        return None
    power = 10.0 ** np.floor(np.log10(usual))
    return float(next(step for step in STEPS if step * power >= usual * (1 - 1e-12)) * power)


def part(whole: Line, begin: int, end: int) -> Line:
    """Points begin to end of a line; the traits stay those of the whole."""
    columns = whole.columns
    cut = Columns(columns.t[begin:end], columns.v[begin:end], columns.flags[begin:end])
    return Line(whole.traits, cut, whole.limits[begin:end])


def stretches(mask: np.ndarray, shortest: int) -> list[tuple[int, int]]:
    """Runs of True of at least `shortest` points: first, and the one after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8))).reshape(-1, 2)
    return [(int(begin), int(end)) for begin, end in edges if end - begin >= shortest]
