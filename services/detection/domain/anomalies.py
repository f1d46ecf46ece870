"""Hits become anomalies 异常: merged, counted, graded and explained.

    changes = apply_hit(known, hit, policy=policy)      for every hit, in the order of the kernel
    changes = settle(known, watermark, policy=policy)   when data time has moved on

Data time decides everything, so that replayed history gives the same anomalies on any day. `known` are
the outlet's episodes of the last `policy.history` of data time, open ones always included; the caller
replaces an episode by the one in a change before the next call (`fold` does it for a list).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid5

from services.detection.domain.episodes import Change, ChangeKind, Episode, Policy, Worst, fold
from services.detection.domain.grades import Grounds, frequency, grade
from services.detection.domain.hits import NAMESPACE, Hit
from services.detection.domain.parents import gather
from shared.contracts.detection import AnomalyState, Nature

__all__ = ["Change", "ChangeKind", "Episode", "Policy", "Worst", "apply_hit", "fold", "settle"]

STILLNESS = frozenset({"constant", "flat", "cap", "calm", "smoothness"})
"""Checks that see one and the same thing, values too still: on one factor they are no two signs of fraud."""


def apply_hit(known: Sequence[Episode], hit: Hit, *, policy: Policy, hazardous: bool = False) -> list[Change]:
    """Changes that one reported, or still running, hit makes; none if it says nothing new.

    `hazardous`: the factor is Class 1 or toxic. Raises KeyError for a rule that the policy does not know.
    """
    single = [one for one in known if not one.is_parent]
    own = [one for one in single if _same(one, hit)]
    target = _target(own, hit, policy)
    if target is None:
        fresh = _open(own, hit, policy, hazardous=hazardous)
        changes = [Change(ChangeKind.OPENED, _graded(_join(fresh, hit, policy), single, policy), hit.decided_at)]
    else:
        changed = _graded(_join(target, hit, policy), single, policy)
        if changed == target:
            return []
        changes = [Change(_kind(target, changed), changed, hit.decided_at)]
    return gather(known, changes + _corroborated(single, changes[0], policy), policy=policy)


def settle(known: Iterable[Episode], watermark: datetime, *, policy: Policy) -> list[Change]:
    """Close the anomalies whose last hit ended `settle_after` before `watermark`, the outlet's data time."""
    listed = list(known)
    closed = [
        Change(ChangeKind.CLOSED, replace(one, state=AnomalyState.CLOSED, closed_at=one.until), one.until)
        for one in listed
        if one.state is AnomalyState.OPEN
        and not one.is_parent
        and not one.running
        and one.until + policy.settle_after <= watermark
    ]
    return gather(listed, closed, policy=policy)


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
        and not (one.factor == other.factor and {one.check, other.check} <= STILLNESS)
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
