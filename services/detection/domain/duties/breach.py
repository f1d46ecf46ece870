"""What a duty answers: breaches as they stand, and how they become hits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.detection.domain.hits import Hit, SeriesKey
from shared.contracts.ingest import ReadingKind

HOUR = timedelta(hours=1)

Numbers = Callable[[UUID, str], Mapping[str, float] | None]
"""A rule's numbers for a factor of an outlet; None where the outlet is not known or not in use."""


@dataclass(frozen=True)
class Breach:
    """A duty not met from `since` on, until `until` where it is over; `value` is held against `reference`."""

    outlet_id: UUID
    factor: str
    since: datetime
    until: datetime | None
    value: float
    reference: float


class Running(NamedTuple):
    """A hit that was told and has not ended."""

    outlet_id: UUID
    factor: str
    since: datetime
    value: float
    reference: float


@dataclass(frozen=True)
class Looked:
    """What was found for one rule of one duty."""

    rule: str
    check: str
    breaches: tuple[Breach, ...]
    kind: ReadingKind = ReadingKind.HOUR


def find_news(
    looked: Looked, told: Iterable[UUID], running: Sequence[Running], now: datetime, *, closes: bool
) -> list[Hit]:
    """Hits that the breaches of a rule add to what was told, and ends of running ones that stand no more.

    A breach is told once and, while it runs, again when a day has passed, so that its severity can rise with its age.
    `closes`: the breaches are all that stand, so that a running one not among them is over.
    """
    known, open_ones = set(told), {_place(one) for one in running}
    standing = {_place(one): one for one in looked.breaches}
    hits = []
    for place, one in standing.items():
        hit = _hit(looked, one, now)
        ends = not hit.opened and place in open_ones
        ages = hit.opened and (now - one.since) % timedelta(days=1) < HOUR
        if hit.id not in known or ends or ages:
            hits.append(hit)
    for last in running if closes else ():
        if _place(last) not in standing:
            ended = Breach(last.outlet_id, last.factor, last.since, now, last.value, last.reference)
            hits.append(_hit(looked, ended, now))
    return sorted(hits, key=lambda hit: (hit.started_at, hit.key))


def go_on(breaches: Iterable[Breach], running: Iterable[Running]) -> tuple[Breach, ...]:
    """Breaches of which nobody knows when they began: one that runs goes on from its own start."""
    since = {(one.outlet_id, one.factor): one.since for one in running}
    return tuple(replace(one, since=since.get((one.outlet_id, one.factor), one.since)) for one in breaches)


def hit_id(looked: Looked, breach: Breach) -> UUID:
    """Identity of the hit that a breach is."""
    return _hit(looked, breach, breach.since).id


def _place(one: Breach | Running) -> tuple[UUID, str, datetime]:
    return one.outlet_id, one.factor, one.since


def _hit(looked: Looked, breach: Breach, now: datetime) -> Hit:
    interval = timedelta(days=1) if looked.kind is ReadingKind.DAY else HOUR
    key = SeriesKey(breach.outlet_id, breach.factor, looked.kind, interval)
    until = max(breach.until or now, breach.since)
    return Hit(
        series=key, check=looked.check, rule=looked.rule, opened=breach.until is None, started_at=breach.since,
        until=until, decided_at=now, value=breach.value, reference=breach.reference, count=1,
    )  # fmt: skip
