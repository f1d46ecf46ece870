"""The life cycle of a mark 标记 as a table: buttons, refusals, docs/states and tests are read from it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.ingest.domain.marks.model import Mark
from services.ingest.domain.marks.rules import catalogue, rules_at
from shared.contracts.ingest.marks import AllowedMarkEvent, MarkAct, MarkSource
from shared.contracts.ingest.marks import MarkEvent as Event
from shared.contracts.ingest.marks import MarkState as State
from shared.errors import ConflictError, ForbiddenError, InvalidError


class Party(StrEnum):
    """Who acts on marks: scope `marks:write`, scope `marks:review`, and the service itself."""

    ENTERPRISE = "enterprise"
    REVIEWER = "reviewer"
    SYSTEM = "system"


class IllegalMarkEventError(ConflictError):
    """The table has no row for this event in this state."""

    code = "illegal_transition"


class MarkBlockedError(ConflictError):
    """The row exists, a guard stands against it; `context["guard"]` names it."""

    code = "blocked"


@dataclass(frozen=True, kw_only=True)
class Row:
    """In any of `sources`, `event` leads to `target` (None: the state stays)."""

    event: Event
    sources: tuple[State, ...]
    target: State | None
    party: Party
    needs: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()


def _window_over(mark: Mark, now: datetime) -> bool:
    return mark.until is not None and now > mark.until + rules_at(mark.since).correction


def _from_flags(mark: Mark, _now: datetime) -> bool:
    return mark.source is MarkSource.AUTO


def _has_ended(mark: Mark, _now: datetime) -> bool:
    return mark.until is not None


def _evidence_missing(mark: Mark, _now: datetime) -> bool:
    return catalogue().codes[mark.code].evidence and not mark.evidence


GUARDS: dict[str, Callable[[Mark, datetime], bool]] = {
    "window_over": _window_over,
    "from_flags": _from_flags,
    "has_ended": _has_ended,
    "evidence_missing": _evidence_missing,
}
"""True where the guard stands against the event."""

_STANDING = (State.PENDING, State.QUERIED, State.ACCEPTED)

ROWS: tuple[Row, ...] = (
    Row(event=Event.CONFIRM, sources=(State.PROPOSED,), target=State.PENDING, party=Party.ENTERPRISE,
        needs=("reason",), guards=("window_over",)),
    Row(event=Event.CORRECT, sources=(State.PROPOSED, State.PENDING, State.ACCEPTED), target=State.PENDING,
        party=Party.ENTERPRISE, needs=("reason",), guards=("window_over",)),
    Row(event=Event.ANSWER, sources=(State.QUERIED,), target=State.PENDING, party=Party.ENTERPRISE,
        needs=("reason",)),
    Row(event=Event.FINISH, sources=(State.PENDING, State.QUERIED, State.ACCEPTED), target=None,
        party=Party.ENTERPRISE, needs=("until",), guards=("has_ended",)),
    Row(event=Event.WITHDRAW, sources=(State.PROPOSED, State.PENDING, State.QUERIED), target=State.WITHDRAWN,
        party=Party.ENTERPRISE, needs=("reason",), guards=("from_flags", "window_over")),
    Row(event=Event.ACCEPT, sources=(State.PENDING, State.QUERIED), target=State.ACCEPTED, party=Party.REVIEWER,
        guards=("evidence_missing",)),
    Row(event=Event.QUERY, sources=(State.PENDING, State.ACCEPTED), target=State.QUERIED, party=Party.REVIEWER,
        needs=("reason",)),
    Row(event=Event.REJECT, sources=_STANDING, target=State.REJECTED, party=Party.REVIEWER, needs=("reason",)),
    Row(event=Event.FOLLOW, sources=(State.PROPOSED, *_STANDING), target=None, party=Party.SYSTEM),
    Row(event=Event.REVOKE, sources=(State.PROPOSED, State.ACCEPTED), target=State.WITHDRAWN, party=Party.SYSTEM),
    Row(event=Event.EXPIRE, sources=(State.PROPOSED, State.PENDING, State.QUERIED), target=State.EXPIRED,
        party=Party.SYSTEM),
)  # fmt: skip


def find(state: State, event: Event) -> Row | None:
    """The row of an event in a state, if there is one."""
    return next((row for row in ROWS if row.event is event and state in row.sources), None)


def allowed(mark: Mark, parties: Collection[Party], now: datetime) -> list[AllowedMarkEvent]:
    """What somebody may do now, in the order of the table."""
    return [
        AllowedMarkEvent(event=row.event, needs=list(row.needs), blocked=_blocked(row, mark, now))
        for row in ROWS
        if mark.state in row.sources and row.party in parties
    ]


def check(mark: Mark, act: MarkAct, parties: Collection[Party], now: datetime) -> Row:
    """The row to walk, or the refusal that fits: 409, 403, 409 with the guard, 422 with the field."""
    row = find(mark.state, act.event)
    if row is None:
        names = [item.event.value for item in allowed(mark, parties, now)]
        raise IllegalMarkEventError(
            f"a mark in state {mark.state} does not take {act.event}", state=mark.state.value, allowed=names
        )
    if row.party not in parties:
        raise ForbiddenError(f"{act.event} is not for your role", event=act.event.value, party=row.party.value)
    guard = _blocked(row, mark, now)
    if guard is not None:
        raise MarkBlockedError(f"{act.event} is not possible now: {guard}", guard=guard, event=act.event.value)
    for field in row.needs:
        value = getattr(act, field)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise InvalidError(f"{act.event} needs {field}", field=field)
    return row


def _blocked(row: Row, mark: Mark, now: datetime) -> str | None:
    return next((code for code in row.guards if GUARDS[code](mark, now)), None)
