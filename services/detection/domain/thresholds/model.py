"""The threshold 阈值 of one rule on one series, and its versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from services.detection.domain.people import Person
from shared.contracts.detection.thresholds import ThresholdOrigin, ThresholdState, VersionState
from shared.contracts.ingest import ReadingKind

NAMESPACE = UUID("0d6f1f6e-4a51-5f0c-9a53-6f1b8b3f0c77")
Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Basis:
    """What learnt numbers rest on: the span, days with enough readings, readings used and left out.

    `numbers` hold by parameter the quantile, what was observed at it, and the least and most that learning may give.
    """

    since: datetime
    until: datetime
    days: int
    readings: int
    excluded: int
    numbers: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Version:
    """Numbers by name of parameter, all that the series has of its own for the rule.

    `accepted` None while a person has to decide; `valid_from` is the data time from which it holds, the start of a
    day in the park.
    """

    number: int
    origin: ThresholdOrigin
    numbers: Numbers
    made: Person
    note: str = ""
    basis: Basis | None = None
    accepted: bool | None = None
    valid_from: datetime | None = None
    decided: Person | None = None
    decision: str = ""


@dataclass(frozen=True)
class Threshold:
    """The threshold of one rule on one series: `versions` newest first.

    `before` is the state to which a refused proposal leads back; `confirmed` the numbers a person decided last, None
    where nobody has; `held` who froze or released it last.
    """

    id: UUID
    enterprise_id: UUID
    outlet_id: UUID
    factor: str
    kind: ReadingKind
    rule: str
    changed_at: datetime
    state: ThresholdState = ThresholdState.DEFAULT
    before: ThresholdState = ThresholdState.DEFAULT
    confirmed: Numbers | None = None
    held: Person | None = None
    held_reason: str = ""
    version: int = 0
    versions: tuple[Version, ...] = ()

    @property
    def pending(self) -> Version | None:
        """The version that waits for a person."""
        return next((one for one in self.versions if one.accepted is None), None)

    @property
    def newest(self) -> Version | None:
        """The accepted version that holds last, whether it has begun or not."""
        return next(iter(in_order(self.versions)), None)

    @property
    def refused(self) -> Version | None:
        """The version that was refused last."""
        return next((one for one in self.versions if one.accepted is False), None)

    def at(self, moment: datetime) -> Version | None:
        """The version that holds for data of that time; None: the rule's own numbers."""
        begun = (one for one in in_order(self.versions) if one.valid_from is not None and one.valid_from <= moment)
        return next(begun, None)


def threshold_id(outlet_id: UUID, factor: str, kind: ReadingKind, rule: str) -> UUID:
    """Identity of the threshold of a rule on a series: there is one."""
    return uuid5(NAMESPACE, f"{outlet_id}/{factor}/{kind}/{rule}")


def in_order(versions: Sequence[Version]) -> list[Version]:
    """Accepted versions, the one that holds last first: of two that begin together the later one made."""
    accepted = [one for one in versions if one.accepted and one.valid_from is not None]
    return sorted(accepted, key=lambda one: (one.valid_from, one.number), reverse=True)


def standing(versions: Sequence[Version], now: datetime) -> dict[int, tuple[VersionState, datetime | None]]:
    """By number, where a version stands for data of `now`, and the data time at which a later one takes its place."""
    found: dict[int, tuple[VersionState, datetime | None]] = {
        one.number: (VersionState.PROPOSED if one.accepted is None else VersionState.REFUSED, None) for one in versions
    }
    end: datetime | None = None
    for one in in_order(versions):
        begin = one.valid_from
        if begin is None or (end is not None and end <= now):
            state = VersionState.SUPERSEDED
        elif begin > now:
            state = VersionState.SUPERSEDED if end == begin else VersionState.COMING
        else:
            state = VersionState.IN_FORCE
        found[one.number] = state, end
        end = begin
    return found
