"""Which mean counts as an exceedance 超标认定 where the park lies: the hour's or the day's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from services.detection.domain.hits import Hit
from shared.clock import PARK_ZONE
from shared.contracts.ingest import Medium, ReadingKind
from shared.contracts.ingest.standards import ExceedanceRule

ANY = "*"


@dataclass(frozen=True)
class Counting:
    """Exceedance rules as ingest has them, and the code of the park's jurisdiction, such as CN-35."""

    rules: tuple[ExceedanceRule, ...]
    jurisdiction: str

    def counts(self, medium: Medium, trade: str, factor: str, averaging: ReadingKind, on: date) -> bool:
        """Whether a mean of this averaging over its limit is an exceedance; otherwise it is a warning.

        The most particular rule holds: of the nearest jurisdiction, then of the trade, then of named factors. Where
        none fits, every limit counts.
        """
        rule = self._rule(medium, trade, factor, on)
        return rule is None or (rule.averaging is averaging and factor not in rule.excluded)

    def warns_only(self, hit: Hit, medium: Medium, trade: str) -> bool:
        """Whether the mean of a hit is not the one that counts; minutes are judged by the hour."""
        averaging = ReadingKind.DAY if hit.series.kind is ReadingKind.DAY else ReadingKind.HOUR
        day = hit.started_at.astimezone(PARK_ZONE).date()
        return not self.counts(medium, trade, hit.series.factor, averaging, day)

    def _rule(self, medium: Medium, trade: str, factor: str, on: date) -> ExceedanceRule | None:
        places = _places(self.jurisdiction)
        fitting = [
            (places.index(rule.jurisdiction), rule.trade == ANY, not rule.factors, rule.id)
            for rule in self.rules
            if rule.jurisdiction in places
            and rule.medium is medium
            and rule.trade in {trade, ANY}
            and (not rule.factors or factor in rule.factors)
            and rule.valid_from <= on
            and (rule.valid_to is None or on < rule.valid_to)
        ]
        best = min(fitting, default=None)
        return next((rule for rule in self.rules if best is not None and rule.id == best[-1]), None)


def _places(code: str) -> Sequence[str]:
    """A jurisdiction and those it lies in, the nearest first: CN-35-02, CN-35, CN, any."""
    parts = code.split("-")
    return [*("-".join(parts[:n]) for n in range(len(parts), 0, -1)), ANY]
