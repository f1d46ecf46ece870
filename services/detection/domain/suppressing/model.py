"""A suppression 抑制 and the hits it keeps quiet.

Everything is judged by data time and by the moments of approval and revocation, so that history that is read again
gives the same anomalies, whatever batches it comes in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.detection.domain.hits import Hit
from services.detection.domain.people import Person
from shared.contracts.detection.suppressions import SuppressionReason, SuppressionState
from shared.contracts.ingest import ReadingKind


@dataclass(frozen=True)
class Suppression:
    """One rule kept quiet on an outlet (`outlet_id`) or all outlets of an enterprise, on one factor or all.

    `decided` is the approval or refusal, `ended` the revocation or expiry. Bounds of the value in the factor's unit.
    """

    id: UUID
    no: str
    enterprise_id: UUID
    outlet_id: UUID | None
    factor: str | None
    rule: str
    kind: ReadingKind | None
    value_at_least: float | None
    value_at_most: float | None
    since: datetime
    until: datetime
    reason_code: SuppressionReason
    note: str
    state: SuppressionState
    proposed: Person
    decided: Person | None = None
    decision: str = ""
    ended: Person | None = None
    end_reason: str = ""
    version: int = 1

    @property
    def effect(self) -> tuple[datetime, datetime] | None:
        """Data time in which it works, the end excluded: never before its approval nor after its revocation."""
        if self.decided is None or self.state is SuppressionState.REFUSED:
            return None
        begin = max(self.since, self.decided.at)
        end = min(self.until, self.ended.at) if self.ended else self.until
        return (begin, end) if begin < end else None

    def works_at(self, at: datetime) -> bool:
        """Whether it keeps hits of that moment quiet."""
        span = self.effect
        return span is not None and span[0] <= at < span[1]

    def covers(self, hit: Hit, enterprise_id: UUID) -> bool:
        """Whether the hit, as far as it is now known, is kept quiet.

        It must have become known after the beginning, and must not reach beyond the end: a hit that outlasts the
        suppression is a matter for people again.
        """
        span = self.effect
        return (
            span is not None
            and self._is_of(hit, enterprise_id)
            and hit.decided_at + hit.series.interval > span[0]
            and hit.until <= span[1]
            and self._holds(hit.value)
        )

    def _is_of(self, hit: Hit, enterprise_id: UUID) -> bool:
        series = hit.series
        place = self.outlet_id == series.outlet_id if self.outlet_id else self.enterprise_id == enterprise_id
        return (
            place
            and self.rule == hit.rule
            and self.factor in (None, series.factor)
            and self.kind in (None, series.kind)
        )

    def _holds(self, value: float) -> bool:
        low, high = self.value_at_least, self.value_at_most
        if low is None and high is None:
            return True
        return math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)


def find_cover(suppressions: Iterable[Suppression], hit: Hit, enterprise_id: UUID) -> Suppression | None:
    """The suppression that keeps a hit quiet; of several the one that was approved first."""
    covering = [one for one in suppressions if one.covers(hit, enterprise_id)]
    return min(covering, key=lambda one: (one.decided.at if one.decided else one.since, one.id), default=None)
