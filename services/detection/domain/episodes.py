"""An anomaly 异常 as a value: hits of one rule on one factor of one outlet, or several of those as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.detection.domain.rules import Rule
from shared.contracts.detection import SEVERAL, AnomalyState, Frequency, Nature, Severity
from shared.contracts.ingest import ReadingKind


@dataclass(frozen=True)
class Policy:
    """How hits merge; the times are product defaults, kept as data by the service.

    `merge_window`: hits of one outlet, factor and rule at most this far apart are one anomaly. `settle_after`:
    an anomaly is declared closed when data time is this far past its end; longer than the merge window,
    because a hit may be found some hours after it began. `recurrence_window`: a new anomaly this soon after
    the last is its recurrence 复发. `corroboration_window`: two different suspicions of fraud at one outlet
    this close together support each other. `together_within`: anomalies of one rule of a nature in `together`
    that begin this close to each other on at least `together_least` factors of one outlet are one event, a lost
    link or a device, and get a parent.
    """

    rules: Mapping[str, Rule]
    merge_window: timedelta = timedelta(hours=6)
    settle_after: timedelta = timedelta(hours=12)
    recurrence_window: timedelta = timedelta(hours=72)
    corroboration_window: timedelta = timedelta(hours=24)
    history: timedelta = timedelta(days=31)
    together: frozenset[Nature] = frozenset({Nature.DATA_QUALITY, Nature.DEVICE})
    together_within: timedelta = timedelta(minutes=10)
    together_least: int = 3


@dataclass(frozen=True)
class Worst:
    """The hit that shows the anomaly best: its values, and what ranks it."""

    weight: float
    hit_id: str
    value: float
    reference: float


@dataclass(frozen=True)
class Episode:
    """An anomaly 异常: hits of one rule on one factor of one outlet, close together.

    `last_at` is the start of the last period in it, `ended_at` the moment after that once no hit is
    running, `closed_at` the same once declared closed. `running` are the open hits with their points so
    far, `done_points` the points of finished ones. `marked_by` is the mark that explains it. `key` is the
    idempotency key; `id` is made from it. `parent_id` names the parent of one among several; a parent has the
    factor `SEVERAL` and tells in `factors` whose anomalies it stands for.
    """

    id: UUID
    key: str
    outlet_id: UUID
    factor: str
    kind: ReadingKind
    check: str
    rule: str
    nature: Nature
    severity: Severity
    frequency: Frequency
    count_30d: int
    state: AnomalyState
    started_at: datetime
    last_at: datetime
    until: datetime
    detected_at: datetime
    worst: Worst
    longest: timedelta
    hazardous: bool
    hits: int = 0
    running: tuple[tuple[UUID, int], ...] = ()
    done_points: int = 0
    closed_at: datetime | None = None
    recurrence_of: UUID | None = None
    marked_by: UUID | None = None
    parent_id: UUID | None = None
    factors: tuple[str, ...] = ()

    @property
    def is_parent(self) -> bool:
        """Whether it stands for anomalies of several factors."""
        return self.factor == SEVERAL

    @property
    def points(self) -> int:
        """Readings that broke the rule; for missing data the records lost."""
        return self.done_points + sum(count for _, count in self.running)

    @property
    def ended_at(self) -> datetime | None:
        """End of the last hit, None while one is running."""
        return None if self.running else self.until


class ChangeKind(StrEnum):
    """What a hit did to an anomaly; a rise of severity or nature outranks an update."""

    OPENED = "opened"
    UPDATED = "updated"
    RAISED = "raised"
    CLOSED = "closed"
    REOPENED = "reopened"


@dataclass(frozen=True)
class Change:
    """An anomaly as it now is, and what happened to it at data time `at`."""

    kind: ChangeKind
    episode: Episode
    at: datetime


def fold(known: Iterable[Episode], changes: Iterable[Change]) -> list[Episode]:
    """The episodes after the changes, new ones at the end."""
    after = {one.id: one for one in known}
    after.update((change.episode.id, change.episode) for change in changes)
    return list(after.values())
