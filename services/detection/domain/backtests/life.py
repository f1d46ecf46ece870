"""The life of a backtest as a table: state × event → state, and who.

queued → running → done, failed or cancelled. A run whose process died is taken up again from its start, which changes
nothing, since a backtest only reads; after too many attempts it fails.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from shared.contracts.detection.backtests import BacktestEvent as Event
from shared.contracts.detection.backtests import BacktestState as State
from shared.contracts.identity import Role
from shared.errors import ConflictError, ForbiddenError

BUREAU = frozenset({Role.OFFICER, Role.SECTION_HEAD})
STARTERS = frozenset({Role.SUPERVISOR, Role.SUPERVISOR_LEAD, Role.ADMIN}) | BUREAU
SYSTEM: frozenset[Role] = frozenset()
"""Nobody: the service itself."""
ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED})


class IllegalBacktestEventError(ConflictError):
    """The table has no row for this event in this state."""

    code = "illegal_transition"


@dataclass(frozen=True, kw_only=True)
class Row:
    """In any of `sources`, `event` leads to `target`."""

    event: Event
    sources: tuple[State, ...]
    target: State
    who: frozenset[Role]


ROWS: tuple[Row, ...] = (
    Row(event=Event.START, sources=(State.QUEUED,), target=State.RUNNING, who=SYSTEM),
    Row(event=Event.FINISH, sources=(State.RUNNING,), target=State.DONE, who=SYSTEM),
    Row(event=Event.FAIL, sources=(State.RUNNING,), target=State.FAILED, who=SYSTEM),
    Row(event=Event.TAKE_UP_AGAIN, sources=(State.RUNNING,), target=State.QUEUED, who=SYSTEM),
    Row(event=Event.CANCEL, sources=(State.QUEUED, State.RUNNING), target=State.CANCELLED, who=STARTERS),
)


def find_row(state: State, event: Event) -> Row | None:
    """The row of an event in a state, if there is one."""
    return next((row for row in ROWS if row.event is event and state in row.sources), None)


def move(state: State, event: Event, roles: Collection[Role] = ()) -> State:
    """The state after an event; raises IllegalBacktestEventError or ForbiddenError."""
    row = find_row(state, event)
    if row is None:
        raise IllegalBacktestEventError(f"a backtest that is {state} does not take {event}", state=state, event=event)
    if row.who and row.who.isdisjoint(roles):
        raise ForbiddenError(f"{event} is not for your role", event=event, parties=sorted(row.who))
    return row.target
