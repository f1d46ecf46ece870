"""The life of a threshold 阈值 as a table: state × event → state, guards, who."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from services.detection.domain.people import Person
from services.detection.domain.thresholds.model import Threshold, Version
from shared.contracts.detection.thresholds import AllowedThresholdEvent, ThresholdOrigin
from shared.contracts.detection.thresholds import ThresholdEvent as Event
from shared.contracts.detection.thresholds import ThresholdState as State
from shared.contracts.identity import Role
from shared.errors import ConflictError, ForbiddenError, InvalidError

DECIDERS = frozenset({Role.SUPERVISOR_LEAD, Role.OFFICER, Role.SECTION_HEAD})
PROPOSERS = DECIDERS | {Role.SUPERVISOR}
LEARNING: frozenset[Role] = frozenset()
"""Nobody: the service itself, by night."""
FREE = (State.DEFAULT, State.LEARNT, State.RELEASED)
"""States in which learning may write a version."""


class IllegalThresholdEventError(ConflictError):
    """The table has no row for this event in this state."""

    code = "illegal_transition"


class ThresholdBlockedError(ConflictError):
    """The row exists, a guard stands against it; `context["guard"]` names it."""

    code = "blocked"


@dataclass(frozen=True, kw_only=True)
class Row:
    """In any of `sources`, `event` leads to `target`; None: back to the state before the proposal.

    `by_hand` is the target where the numbers at hand were put forward by a person. `needs_reason`: words must be
    given.
    """

    event: Event
    sources: tuple[State, ...]
    target: State | None
    who: frozenset[Role]
    by_hand: State | None = None
    guards: tuple[str, ...] = ()
    needs_reason: bool = False


Guard = Callable[[Threshold, str], bool]
"""True where it stands against the event: the threshold, and the subject of who acts."""

GUARDS: Mapping[str, Guard] = {
    "own_proposal": lambda one, subject: one.pending is not None and one.pending.made.subject == subject,
}

ROWS: tuple[Row, ...] = (
    Row(event=Event.LEARN, sources=FREE, target=State.LEARNT, who=LEARNING),
    Row(event=Event.SUGGEST, sources=FREE, target=State.PROPOSED, who=LEARNING),
    Row(event=Event.PROPOSE, sources=(*FREE, State.FROZEN), target=State.PROPOSED, who=PROPOSERS, needs_reason=True),
    # What a person set is frozen: learning must not change it.
    Row(event=Event.ACCEPT, sources=(State.PROPOSED,), target=State.LEARNT, by_hand=State.FROZEN, who=DECIDERS,
        guards=("own_proposal",)),
    Row(event=Event.REFUSE, sources=(State.PROPOSED,), target=None, who=DECIDERS, needs_reason=True),
    Row(event=Event.FREEZE, sources=FREE, target=State.FROZEN, who=PROPOSERS, needs_reason=True),
    Row(event=Event.RELEASE, sources=(State.FROZEN,), target=State.RELEASED, who=DECIDERS, needs_reason=True),
)  # fmt: skip


def find_row(state: State, event: Event) -> Row | None:
    """The row of an event in a state, if there is one."""
    return next((row for row in ROWS if row.event is event and state in row.sources), None)


def _blocked(row: Row, one: Threshold, subject: str) -> str | None:
    return next((name for name in row.guards if GUARDS[name](one, subject)), None)


def offers(one: Threshold, roles: Collection[Role], subject: str) -> list[AllowedThresholdEvent]:
    """What a person with these roles may do with it, in the order of the table."""
    return [
        AllowedThresholdEvent(event=row.event, blocked=_blocked(row, one, subject))
        for row in ROWS
        if one.state in row.sources and not row.who.isdisjoint(roles)
    ]


def check(one: Threshold, event: Event, subject: str, roles: Collection[Role], reason: str) -> Row:
    """The row of the event, if it may happen.

    Raises IllegalThresholdEventError, ForbiddenError, ThresholdBlockedError or InvalidError, in this order.
    """
    row = find_row(one.state, event)
    if row is None:
        raise IllegalThresholdEventError(
            f"a threshold in state {one.state} does not take {event}", state=str(one.state), event=str(event),
            allowed=[str(offer.event) for offer in offers(one, roles, subject)],
        )  # fmt: skip
    if row.who is not LEARNING and row.who.isdisjoint(roles):
        raise ForbiddenError(f"{event} is not for your role", event=str(event), parties=sorted(row.who))
    guard = _blocked(row, one, subject)
    if guard is not None:
        raise ThresholdBlockedError(f"{event} is not possible: {guard}", guard=guard, event=str(event))
    if row.needs_reason and not reason.strip():
        message = f"{event} needs a reason in words"
        raise InvalidError(message, errors=[{"where": "reason", "message": message, "code": "missing"}])
    return row


def add(one: Threshold, event: Event, made: Version, roles: Collection[Role] = ()) -> Threshold:
    """The threshold with a version more: learnt, suggested by learning, or proposed by a person.

    `made` has its `valid_from` where it holds without a person's word. Raises as `check`.
    """
    row = check(one, event, made.made.subject, roles, made.note)
    version = replace(made, accepted=True if event is Event.LEARN else None)
    return _moved(one, row, made.made.at, versions=(version, *one.versions), before=one.state)


def decide(
    one: Threshold, event: Event, by: Person, roles: Collection[Role], reason: str, *, valid_from: datetime
) -> Threshold:
    """The threshold after a person's act at `by.at`; what is accepted holds for data from `valid_from` on.

    Raises as `check`.
    """
    row = check(one, event, by.subject, roles, reason)
    if event in (Event.FREEZE, Event.RELEASE):
        numbers = one.newest.numbers if one.newest and event is Event.FREEZE else one.confirmed
        return _moved(one, row, by.at, held=by, held_reason=reason.strip(), confirmed=numbers)
    if one.pending is None:
        raise IllegalThresholdEventError("no version waits for a decision", state=str(one.state), event=str(event))
    taken = event is Event.ACCEPT
    decided = replace(one.pending, accepted=taken, valid_from=valid_from if taken else None, decided=by,
                      decision=reason.strip())  # fmt: skip
    versions = tuple(decided if version is one.pending else version for version in one.versions)
    confirmed = decided.numbers if taken else one.confirmed
    by_hand = decided.origin is ThresholdOrigin.MANUAL
    return _moved(one, row, by.at, by_hand=by_hand, versions=versions, confirmed=confirmed)


def _moved(one: Threshold, row: Row, at: datetime, *, by_hand: bool = False, **changes: object) -> Threshold:
    target = (row.by_hand if by_hand else None) or row.target or one.before
    return replace(one, state=target, changed_at=at, version=one.version + 1, **changes)  # type: ignore[arg-type]
