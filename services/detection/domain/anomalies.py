"""Hits become anomalies 异常: merged, counted, graded and explained.

    changes = apply_hit(known, hit, policy=policy)      for every hit, in the order of the kernel
    changes = settle(known, watermark, policy=policy)   when data time has moved on

Data time decides everything, so that replayed history gives the same anomalies on any day. `known` are
the outlet's episodes of the last `policy.history` of data time, open ones always included; the caller
replaces an episode by the one in a change before the next call (`fold` does it for a list).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from services.detection.domain.grades import Grounds, frequency, grade
from services.detection.domain.hits import NAMESPACE, Hit
from services.detection.domain.rules import Rule
from shared.contracts.detection import AnomalyState, Frequency, Nature, Severity
from shared.contracts.ingest import ReadingKind


@dataclass(frozen=True)
class Policy:
    """How hits merge; the times are product defaults, kept as data by the service.

    `merge_window`: hits of one outlet, factor and rule at most this far apart are one anomaly. `settle_after`:
    an anomaly is declared closed when data time is this far past its end; longer than the merge window,
    because a hit may be found some hours after it began. `recurrence_window`: a new anomaly this soon after
    the last is its recurrence 复发. `corroboration_window`: two different suspicions of fraud at one outlet
    this close together support each other.
    """

    rules: Mapping[str, Rule]
    merge_window: timedelta = timedelta(hours=6)
    settle_after: timedelta = timedelta(hours=12)
    recurrence_window: timedelta = timedelta(hours=72)
    corroboration_window: timedelta = timedelta(hours=24)
    history: timedelta = timedelta(days=31)


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
    idempotency key; `id` is made from it.
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


def apply_hit(known: Sequence[Episode], hit: Hit, *, policy: Policy, hazardous: bool = False) -> list[Change]:
    """Changes that one reported, or still running, hit makes; none if it says nothing new.

    `hazardous`: the factor is Class 1 or toxic. Raises KeyError for a rule that the policy does not know.
    """
    own = [one for one in known if _same(one, hit)]
    target = _target(own, hit, policy)
    if target is None:
        fresh = _open(own, hit, policy, hazardous=hazardous)
        changes = [Change(ChangeKind.OPENED, _graded(_join(fresh, hit, policy), known, policy), hit.decided_at)]
    else:
        changed = _graded(_join(target, hit, policy), known, policy)
        if changed == target:
            return []
        changes = [Change(_kind(target, changed), changed, hit.decided_at)]
    return changes + _corroborated(known, changes[0], policy)


def settle(known: Iterable[Episode], watermark: datetime, *, policy: Policy) -> list[Change]:
    """Close the anomalies whose last hit ended `settle_after` before `watermark`, the outlet's data time."""
    return [
        Change(ChangeKind.CLOSED, replace(one, state=AnomalyState.CLOSED, closed_at=one.until), one.until)
        for one in known
        if one.state is AnomalyState.OPEN and not one.running and one.until + policy.settle_after <= watermark
    ]


def fold(known: Iterable[Episode], changes: Iterable[Change]) -> list[Episode]:
    """The episodes after the changes, new ones at the end."""
    after = {one.id: one for one in known}
    after.update((change.episode.id, change.episode) for change in changes)
    return list(after.values())


def _same(episode: Episode, hit: Hit) -> bool:
    where = (hit.series.outlet_id, hit.series.factor, hit.rule)
    return (episode.outlet_id, episode.factor, episode.rule) == where


def _target(own: Sequence[Episode], hit: Hit, policy: Policy) -> Episode | None:
    """The episode that already runs with this hit, else the latest one near enough."""
    for one in own:
        if any(hit_id == hit.id for hit_id, _ in one.running):
            return one
    near = [
        one
        for one in own
        if (one.running or hit.started_at <= one.until + policy.merge_window)
        and hit.until >= one.started_at - policy.merge_window
    ]
    return max(near, key=lambda one: (one.started_at, one.id), default=None)


def _open(own: Sequence[Episode], hit: Hit, policy: Policy, *, hazardous: bool) -> Episode:
    rule = policy.rules[hit.rule]
    key = f"{hit.series.outlet_id}/{hit.series.factor}/{hit.rule}/{hit.started_at.isoformat()}"
    earlier = [one for one in own if one.until <= hit.started_at]
    last = max(earlier, key=lambda one: one.until, default=None)
    recurs = last is not None and hit.started_at - last.until <= policy.recurrence_window
    often, count = frequency([one.started_at for one in own], hit.started_at)
    return Episode(
        id=uuid5(NAMESPACE, key),
        key=key,
        outlet_id=hit.series.outlet_id,
        factor=hit.series.factor,
        kind=hit.series.kind,
        check=hit.check,
        rule=hit.rule,
        nature=rule.nature,
        severity=rule.severity,
        frequency=often,
        count_30d=count,
        state=AnomalyState.OPEN,
        started_at=hit.started_at,
        last_at=hit.started_at,
        until=hit.started_at,
        detected_at=hit.decided_at,
        worst=Worst(-1.0, "", hit.value, hit.reference),
        longest=timedelta(0),
        hazardous=hazardous,
        recurrence_of=last.id if recurs and last is not None else None,
    )


def _join(episode: Episode, hit: Hit, policy: Policy) -> Episode:
    """The episode with this hit begun, brought up to date or ended in it."""
    running = dict(episode.running)
    new = hit.id not in running
    running.pop(hit.id, None)
    if hit.opened:
        running[hit.id] = hit.count
    weight = float(hit.count) if policy.rules[hit.rule].check.by_count else abs(hit.value - hit.reference)
    worst = Worst(weight, str(hit.id), hit.value, hit.reference)
    ranks = (worst.weight, worst.hit_id) >= (episode.worst.weight, episode.worst.hit_id)
    return replace(
        episode,
        state=AnomalyState.OPEN,
        closed_at=None,
        started_at=min(episode.started_at, hit.started_at),
        last_at=max(episode.last_at, hit.until - hit.series.interval),
        until=max(episode.until, hit.until),
        worst=worst if ranks else episode.worst,
        longest=max(episode.longest, hit.lasted),
        hits=episode.hits + int(new),
        running=tuple(sorted(running.items())),
        done_points=episode.done_points + (0 if hit.opened else hit.count),
    )


def _graded(episode: Episode, known: Iterable[Episode], policy: Policy) -> Episode:
    """Nature and severity by the rule, the longest hit, the factor, and what supports the suspicion."""
    rule = policy.rules[episode.rule]
    alone = Grounds(lasted=episode.longest, hazardous=episode.hazardous, supported=False)
    nature, _ = grade(rule, alone)
    supported = nature is Nature.SUSPECTED_FRAUD and any(
        _supports(one, episode, policy) for one in known if one.nature is Nature.SUSPECTED_FRAUD
    )
    nature, severity = grade(rule, replace(alone, supported=supported))
    return replace(episode, nature=nature, severity=min(severity, episode.severity))


def _supports(one: Episode, other: Episode, policy: Policy) -> bool:
    window = policy.corroboration_window
    return (
        one.outlet_id == other.outlet_id
        and one.rule != other.rule
        and one.started_at <= other.until + window
        and other.started_at <= one.until + window
    )


def _corroborated(known: Sequence[Episode], change: Change, policy: Policy) -> list[Change]:
    """Other suspicions at the outlet that the changed one now supports."""
    if change.episode.nature is not Nature.SUSPECTED_FRAUD:
        return []
    after = [change.episode]
    raised = ((one, _graded(one, after, policy)) for one in known if one.id != change.episode.id)
    return [Change(ChangeKind.RAISED, new, change.at) for one, new in raised if new != one]


def _kind(before: Episode, after: Episode) -> ChangeKind:
    if before.state is AnomalyState.CLOSED:
        return ChangeKind.REOPENED
    if (before.severity, before.nature) != (after.severity, after.nature):
        return ChangeKind.RAISED
    return ChangeKind.UPDATED
