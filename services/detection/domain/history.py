"""The history of one outlet through all rules: what backtests and the evaluation call, and live must equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.detection.domain.backtest import Choice, find_hits
from services.detection.domain.checks.definition import Traits
from services.detection.domain.hits import Hit, SeriesKey
from services.detection.domain.kernel import Batch
from services.detection.domain.rules import Rule
from services.detection.domain.thresholds.timeline import ALWAYS_DEFAULT, Timeline
from shared.contracts.ingest import ReadingKind

HOUR_MEANS = frozenset({"EX-H", "EX-TREND", "HUG", "STEP", "LOWVAR"})
"""Judged on minutes only where an outlet sends no hour means."""


@dataclass(frozen=True)
class Line:
    """One series of an outlet: what is known of it, its key, its points with limits, and numbers of its `own`."""

    traits: Traits
    key: SeriesKey
    batch: Batch
    own: Timeline = ALWAYS_DEFAULT


def find_hits_of_outlet(rules: Sequence[Rule], lines: Sequence[Line], choice: Choice | None = None) -> list[Hit]:
    """Hits of all series of one outlet in the order in which they became known.

    A factor with hour means in the history is judged as one that sends them from its first day on.
    """
    choice, hits = choice or Choice(), []
    by_hours = replace(choice, off=choice.off | HOUR_MEANS)
    hourly = {line.traits.factor for line in lines if line.traits.kind is ReadingKind.HOUR and len(line.batch.t)}
    for line in lines:
        minutes = line.traits.kind is ReadingKind.MINUTE and line.traits.factor in hourly
        used = by_hours if minutes else choice
        hits += find_hits(rules, line.traits, line.batch, key=line.key, choice=used, own=line.own)[0]
    return hits if len(lines) == 1 else sorted(hits, key=lambda hit: hit.order)
