"""Rule hits 规则命中: the kernel's columns as domain objects, and what they say in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from services.detection.domain.checks import CHECKS
from services.detection.domain.kernel import Hits
from shared.contracts.ingest import ReadingKind

NAMESPACE = UUID("5b0c1f2e-8f5e-5d0a-9c38-3a1f6b7f4e21")


@dataclass(frozen=True)
class SeriesKey:
    """One series: an outlet 排口, a factor 监测因子 and a kind, with its interval."""

    outlet_id: UUID
    factor: str
    kind: ReadingKind
    interval: timedelta


@dataclass(frozen=True)
class Hit:
    """One rule broken by one series, for as long as it lasts.

    `opened` True: it has begun, or goes on, and reaches `until` so far; False: it ended there. `until` is
    the moment after the last point in it, `decided_at` the data time at which it was known. `value` is the
    worst value and `reference` what it was held against, in the factor's unit; for missing data they are
    records received and expected.
    """

    series: SeriesKey
    check: str
    rule: str
    opened: bool
    started_at: datetime
    until: datetime
    decided_at: datetime
    value: float
    reference: float
    count: int

    @property
    def key(self) -> str:
        """Idempotency key: the same hit has it whenever and in whatever batch it is found."""
        series = self.series
        return f"{series.outlet_id}/{series.factor}/{series.kind}/{self.rule}/{self.started_at.isoformat()}"

    @property
    def id(self) -> UUID:
        """Identity made from the key."""
        return uuid5(NAMESPACE, self.key)

    @property
    def order(self) -> tuple[datetime, datetime, str, str, str]:
        """Hits are applied in the order in which their last readings were complete, then of their start and place."""
        series = self.series
        return (self.decided_at + series.interval, self.started_at, series.factor, series.kind.value, self.rule)

    @property
    def late(self) -> bool:
        """Made by one late point, not by the run of the series: it is told even where another hit has told it."""
        return not self.opened and self.decided_at == self.started_at < self.until

    @property
    def lasted(self) -> timedelta:
        """From the first moment to the moment after the last point."""
        return self.until - self.started_at


def read_hits(hits: Hits, series: Sequence[SeriesKey], codes: Sequence[Sequence[str | None]]) -> list[Hit]:
    """Domain hits from the kernel's columns; `series` and `codes` (of `rules.plan`) by index within the call."""
    found = []
    for i in range(len(hits)):
        place, check = int(hits.series[i]), int(hits.check[i])
        rule = codes[place][check]
        if rule is None:
            continue
        found.append(
            Hit(
                series=series[place],
                check=CHECKS[check].name,
                rule=rule,
                opened=bool(hits.opened[i]),
                started_at=_moment(hits.start[i]),
                until=_moment(hits.end[i]),
                decided_at=_moment(hits.at[i]),
                value=float(hits.value[i]),
                reference=float(hits.reference[i]),
                count=int(hits.count[i]),
            )
        )
    return found


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
