"""The life of a suppression 抑制 as a table: state × event → state, guards, who."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from services.detection.domain.people import Person
from services.detection.domain.suppressing.model import Suppression
from shared.contracts.detection.suppressions import AllowedSuppressionEvent
from shared.contracts.detection.suppressions import SuppressionEvent as Event
from shared.contracts.detection.suppressions import SuppressionState as State
from shared.contracts.identity import Role
from shared.errors import ConflictError, ForbiddenError, InvalidError

BUREAU = frozenset({Role.OFFICER, Role.SECTION_HEAD})
PROPOSERS = frozenset({Role.SUPERVISOR, Role.SUPERVISOR_LEAD}) | BUREAU
CLOCK: frozenset[Role] = frozenset()
"""Nobody: the service itself, when the time has come."""


class IllegalSuppressionEventError(ConflictError):
    """The table has no row for this event in this state."""

    code = "illegal_transition"


class SuppressionBlockedError(ConflictError):
    """The row exists, a guard stands against it; `context["guard"]` names it."""

    code = "blocked"


@dataclass(frozen=True, kw_only=True)
class Row:
    """In any of `sources`, `event` leads to `target`. `needs_reason`: words must be given."""

    event: Event
    sources: tuple[State, ...]
    target: State
    who: frozenset[Role]
    guards: tuple[str, ...] = ()
    needs_reason: bool = False


Guard = Callable[[Suppression, str, datetime], bool]
"""True where it stands against the event: the suppression, the subject of who acts, and now."""

GUARDS: Mapping[str, Guard] = {
    "own_proposal": lambda one, subject, _: one.proposed.subject == subject,
    "window_over": lambda one, _, now: one.until <= now,
    "window_not_over": lambda one, _, now: one.until > now,
}

ROWS: tuple[Row, ...] = (
    Row(event=Event.APPROVE, sources=(State.PROPOSED,), target=State.APPROVED, who=BUREAU,
        guards=("own_proposal", "window_over")),
    Row(event=Event.REFUSE, sources=(State.PROPOSED,), target=State.REFUSED, who=BUREAU, needs_reason=True),
    # To end one only makes detection stricter: whoever may propose may do it.
    Row(event=Event.REVOKE, sources=(State.PROPOSED, State.APPROVED), target=State.REVOKED, who=PROPOSERS,
        guards=("window_over",), needs_reason=True),
    Row(event=Event.EXPIRE, sources=(State.PROPOSED, State.APPROVED), target=State.EXPIRED, who=CLOCK,
        guards=("window_not_over",)),
)  # fmt: skip


def find_row(state: State, event: Event) -> Row | None:
    """The row of an event in a state, if there is one."""
    return next((row for row in ROWS if row.event is event and state in row.sources), None)


def _blocked(row: Row, one: Suppression, subject: str, now: datetime) -> str | None:
    return next((name for name in row.guards if GUARDS[name](one, subject, now)), None)


def offers(one: Suppression, roles: Collection[Role], subject: str, now: datetime) -> list[AllowedSuppressionEvent]:
    """What a person with these roles may do with it, in the order of the table."""
    return [
        AllowedSuppressionEvent(event=row.event, blocked=_blocked(row, one, subject, now))
        for row in ROWS
        if one.state in row.sources and not row.who.isdisjoint(roles)
    ]


def move(one: Suppression, event: Event, by: Person, roles: Collection[Role], reason: str = "") -> Suppression:
    """The suppression after an event at `by.at`.

    Raises IllegalSuppressionEventError, ForbiddenError, SuppressionBlockedError or InvalidError, in this order.
    """
    row = find_row(one.state, event)
    if row is None:
        raise IllegalSuppressionEventError(
            f"a suppression in state {one.state} does not take {event}", state=str(one.state), event=str(event),
            allowed=[str(offer.event) for offer in offers(one, roles, by.subject, by.at)],
        )  # fmt: skip
    if row.who is not CLOCK and row.who.isdisjoint(roles):
        raise ForbiddenError(f"{event} is not for your role", event=str(event), parties=sorted(row.who))
    guard = _blocked(row, one, by.subject, by.at)
    if guard is not None:
        raise SuppressionBlockedError(f"{event} is not possible: {guard}", guard=guard, event=str(event))
    if row.needs_reason and not reason.strip():
        message = f"{event} needs a reason in words"
        raise InvalidError(message, errors=[{"where": "reason", "message": message, "code": "missing"}])
    if event in (Event.APPROVE, Event.REFUSE):
        moved = replace(one, decided=by, decision=reason.strip())
    else:
        moved = replace(one, ended=by, end_reason=reason.strip())
    return replace(moved, state=row.target, version=one.version + 1)
