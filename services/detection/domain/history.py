"""The history of one outlet through all rules: what backtests and the evaluation call, and live must equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.detection.domain.backtest import Choice, find_hits
from services.detection.domain.checks.definition import Traits
from services.detection.domain.hits import Hit, SeriesKey
from services.detection.domain.kernel import Batch
from services.detection.domain.rules import Rule


@dataclass(frozen=True)
class Line:
    """One series of an outlet: what is known of it, its key, and its points with limits."""

    traits: Traits
    key: SeriesKey
    batch: Batch


def find_hits_of_outlet(rules: Sequence[Rule], lines: Sequence[Line], choice: Choice | None = None) -> list[Hit]:
    """Hits of all series of one outlet in the order in which they became known."""
    hits: list[Hit] = []
    for line in lines:
        hits += find_hits(rules, line.traits, line.batch, key=line.key, choice=choice)[0]
    return hits if len(lines) == 1 else sorted(hits, key=lambda hit: hit.decided_at + hit.series.interval)
