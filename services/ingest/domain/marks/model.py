"""A mark 标记 as a value."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shared.contracts.ingest.marks import MarkEffect, MarkKind, MarkSource, MarkState

EFFECTIVE = frozenset({MarkState.PENDING, MarkState.QUERIED, MarkState.ACCEPTED})
"""States in which every mark has its effect."""
OPEN = EFFECTIVE | {MarkState.PROPOSED}
"""States in which a mark is still spoken of."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A file that proves a mark or a quality-assurance record; the content is found by its SHA-256 (hex)."""

    id: UUID
    subject_id: UUID
    name: str
    media_type: str
    size: int
    sha256: str
    uploaded_at: datetime
    uploaded_by: str


@dataclass(frozen=True, kw_only=True)
class Version:
    """What a mark said after a change."""

    version: int
    at: datetime
    by: str
    event: str
    content: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A mark from `since` to before `until` (None: it runs on). No factors means all of the outlet.

    `flag`: what the logger said, of an automatic mark. `follows`: its span still follows the logger's flags,
    which reach to `seen_until`.
    """

    id: UUID
    serial: int
    enterprise_id: UUID
    outlet_id: UUID
    device_id: UUID | None
    kind: MarkKind
    code: str
    effect: MarkEffect
    since: datetime
    until: datetime | None
    factors: tuple[str, ...]
    source: MarkSource
    flag: str | None
    follows: bool
    seen_until: datetime | None
    reason: str
    state: MarkState
    submitted_at: datetime | None
    submitted_by: str
    due_at: datetime
    evidence_due_at: datetime | None
    reviewed_at: datetime | None
    reviewed_by: str
    review_reason: str
    untrue: bool
    version: int
    changed_at: datetime
    evidence: tuple[Evidence, ...] = ()

    @property
    def no(self) -> str:
        """The number people use."""
        return f"M{self.serial:06d}"

    @property
    def effective(self) -> bool:
        """Whether it has its effect: what a logger says holds before anybody confirms it."""
        if self.state is MarkState.PROPOSED:
            return self.source is MarkSource.AUTO
        if self.state is MarkState.EXPIRED:
            return self.effect is MarkEffect.VALID
        return self.state in EFFECTIVE

    def is_late(self, now: datetime) -> bool:
        """Handed in after the deadline, or not handed in and past it."""
        return (self.submitted_at or now) > self.due_at

    def end(self, now: datetime) -> datetime:
        """Where it ends; a running one at `now`, or where the logger's flags reach."""
        if self.until is not None:
            return self.until
        return self.seen_until if self.follows and self.seen_until else max(now, self.since)

    def overlaps(self, since: datetime, until: datetime | None) -> bool:
        """Whether it has a moment in common with a span; an open end reaches for ever."""
        return (until is None or self.since < until) and (self.until is None or self.until > since)

    def shares_factor(self, factors: tuple[str, ...]) -> bool:
        """Whether both speak of some factor; none named means all."""
        return not self.factors or not factors or not set(self.factors).isdisjoint(factors)

    def content(self) -> dict[str, Any]:
        """What it says, for its versions and the audit trail."""
        return {
            "code": self.code, "effect": self.effect, "since": self.since.isoformat(),
            "until": self.until.isoformat() if self.until else None, "factors": list(self.factors),
            "reason": self.reason, "state": self.state, "source": self.source, "untrue": self.untrue,
            "review_reason": self.review_reason, "evidence": [file.sha256 for file in self.evidence],
        }  # fmt: skip

    def changed(self, at: datetime, **fields: Any) -> "Mark":
        """The next version."""
        return replace(self, version=self.version + 1, changed_at=at, **fields)

    def changed_deadlines(self, due_at: datetime, evidence_due_at: datetime | None) -> "Mark":
        """The same version with its deadlines."""
        return replace(self, due_at=due_at, evidence_due_at=evidence_due_at)


def length(mark: Mark, now: datetime) -> timedelta:
    """How long it lasts, a running one up to now."""
    return mark.end(now) - mark.since
