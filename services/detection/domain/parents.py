"""Parents: anomalies of one rule that begin together on several factors of an outlet are one event.

A lost link takes all factors at once, a broken sampling line all gases. The parent says so in one place; each factor's
anomaly goes on by itself and names it. What a parent is follows from its children alone, so it is the same however the
feed was cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from services.detection.domain.episodes import Change, ChangeKind, Episode, Policy, fold
from services.detection.domain.grades import frequency
from services.detection.domain.hits import NAMESPACE
from shared.contracts.detection import SEVERAL, AnomalyState

COMPUTED = ("-Zs", "-Cou")
"""Endings of values computed from a factor (HJ 212-2017 折算值, 排放量): no further factor is in trouble."""


def measured(factor: str) -> str:
    """The factor that a value is computed from, or itself."""
    for ending in COMPUTED:
        factor = factor.removesuffix(ending)
    return factor


def gather(known: Sequence[Episode], changes: Sequence[Change], *, policy: Policy) -> list[Change]:
    """The changes with what they do to parents: new ones, children that join, parents whose children changed."""
    told = list(changes)
    if not any(one.kind is ChangeKind.OPENED or one.episode.parent_id for one in changes):
        return told
    after = {one.id: one for one in fold(known, changes)}
    for change in changes:
        if change.kind is ChangeKind.OPENED:
            told = _adopted(told, after, change, policy)
    parents = {one.episode.parent_id: one.at for one in told if one.episode.parent_id is not None}
    for parent_id, at in parents.items():
        told += _renewed(after, parent_id, at, {one.id for one in known})
    return told


def _adopted(told: list[Change], after: dict[UUID, Episode], change: Change, policy: Policy) -> list[Change]:
    """The changes after a new anomaly has found the parent it belongs to, or has made one with others."""
    fresh = after[change.episode.id]
    if policy.rules[fresh.rule].nature not in policy.together:
        return told
    near = [
        one
        for one in after.values()
        if (one.outlet_id, one.rule) == (fresh.outlet_id, fresh.rule)
        and abs(one.started_at - fresh.started_at) <= policy.together_within
    ]
    parent = min((one for one in near if one.is_parent), key=lambda one: (one.started_at, one.id), default=None)
    orphans = [one for one in near if not one.is_parent and one.parent_id is None]
    if parent is None:
        if len({measured(one.factor) for one in orphans}) < policy.together_least:
            return told
        parent = _found(orphans, after.values(), change.at, policy)
        after[parent.id] = parent
    joined = {one.id: replace(one, parent_id=parent.id) for one in orphans}
    after.update(joined)
    return _with(told, joined, change.at)


def _with(told: list[Change], joined: Mapping[UUID, Episode], at: datetime) -> list[Change]:
    """The changes with the children as they now are; those that had not changed are updated."""
    seen = {one.episode.id for one in told}
    kept = [replace(one, episode=joined.get(one.episode.id, one.episode)) for one in told]
    return kept + [Change(ChangeKind.UPDATED, one, at) for one in joined.values() if one.id not in seen]


def _found(orphans: Sequence[Episode], known: Iterable[Episode], at: datetime, policy: Policy) -> Episode:
    """A new parent, not yet filled from its children."""
    first = min(orphans, key=lambda one: (one.started_at, one.factor))
    key = f"{first.outlet_id}/{SEVERAL}/{first.rule}/{first.started_at.isoformat()}"
    own = [one for one in known if one.is_parent and (one.outlet_id, one.rule) == (first.outlet_id, first.rule)]
    last = max((one for one in own if one.until <= first.started_at), key=lambda one: one.until, default=None)
    recurs = last is not None and first.started_at - last.until <= policy.recurrence_window
    often, count = frequency([one.started_at for one in own], first.started_at)
    return replace(
        first,
        id=uuid5(NAMESPACE, key),
        key=key,
        factor=SEVERAL,
        frequency=often,
        count_30d=count,
        detected_at=at,
        recurrence_of=last.id if recurs and last is not None else None,
        marked_by=None,
        parent_id=None,
    )


def _renewed(after: dict[UUID, Episode], parent_id: UUID, at: datetime, known: set[UUID]) -> list[Change]:
    """What became of a parent, if anything did."""
    before = after[parent_id]
    parent = _filled(before, [one for one in after.values() if one.parent_id == parent_id])
    after[parent_id] = parent
    if parent_id not in known:
        return [Change(ChangeKind.OPENED, parent, at)]
    return [Change(_kind(before, parent), parent, at)] if parent != before else []


def _filled(parent: Episode, children: Sequence[Episode]) -> Episode:
    """The parent as its children make it: it is open while one of them is, and as grave as the gravest."""
    gravest = min(children, key=lambda one: (one.severity, -int(one.nature.value[1:]), one.factor))
    opened = any(one.state is AnomalyState.OPEN for one in children)
    until = max(one.until for one in children)
    marks = {one.marked_by for one in children}
    return replace(
        parent,
        nature=gravest.nature,
        severity=gravest.severity,
        state=AnomalyState.OPEN if opened else AnomalyState.CLOSED,
        started_at=min(one.started_at for one in children),
        last_at=max(one.last_at for one in children),
        until=until,
        closed_at=None if opened else until,
        worst=max((one.worst for one in children), key=lambda worst: (worst.weight, worst.hit_id)),
        longest=max(one.longest for one in children),
        hazardous=any(one.hazardous for one in children),
        hits=sum(one.hits for one in children),
        running=tuple(sorted(hit for one in children for hit in one.running)),
        done_points=sum(one.done_points for one in children),
        marked_by=marks.pop() if len(marks) == 1 else None,
        factors=tuple(sorted({one.factor for one in children})),
    )


def _kind(before: Episode, after: Episode) -> ChangeKind:
    if before.state is not after.state:
        return ChangeKind.CLOSED if after.state is AnomalyState.CLOSED else ChangeKind.REOPENED
    if (before.severity, before.nature) != (after.severity, after.nature):
        return ChangeKind.RAISED
    return ChangeKind.UPDATED
