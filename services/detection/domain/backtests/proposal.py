"""The life of a proposal 重调建议 as a table: state × event → state, guards, who."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.detection.domain.backtests.life import BUREAU
from services.detection.domain.people import Person
from shared.contracts.detection.proposals import AllowedProposalEvent
from shared.contracts.detection.proposals import ProposalEvent as Event
from shared.contracts.detection.proposals import ProposalState as State
from shared.contracts.identity import Role
from shared.errors import ConflictError, ForbiddenError, InvalidError

Settings = tuple[Mapping[str, Any], ...]


class IllegalProposalEventError(ConflictError):
    """The table has no row for this event in this state."""

    code = "illegal_transition"


class ProposalBlockedError(ConflictError):
    """The row exists, a guard stands against it; `context["guard"]` names it."""

    code = "blocked"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """New settings of a rule. `former` are those it had, `tried` the candidates with what came of each."""

    id: UUID
    no: str
    rule: str
    state: State
    backtest_id: UUID
    settings: Settings
    former: Settings
    tried: tuple[Mapping[str, Any], ...]
    made_at: datetime
    decided: Person | None = None
    decision: str = ""
    ended: Person | None = None
    end_reason: str = ""
    version: int = 1


@dataclass(frozen=True, kw_only=True)
class Row:
    """In any of `sources`, `event` leads to `target`. `needs_reason`: words must be given."""

    event: Event
    sources: tuple[State, ...]
    target: State
    who: frozenset[Role]
    guards: tuple[str, ...] = ()
    needs_reason: bool = False


Guard = Callable[[Proposal, Settings | None], bool]
"""True where it stands against the event: the proposal, and the settings of its rule now (None: no such rule)."""

GUARDS: Mapping[str, Guard] = {
    "rule_changed": lambda one, now: now != one.former,
}

ROWS: tuple[Row, ...] = (
    Row(event=Event.ACCEPT, sources=(State.PROPOSED,), target=State.ACCEPTED, who=BUREAU, guards=("rule_changed",)),
    Row(event=Event.DECLINE, sources=(State.PROPOSED,), target=State.DECLINED, who=BUREAU, needs_reason=True),
    Row(event=Event.WITHDRAW, sources=(State.ACCEPTED,), target=State.WITHDRAWN, who=BUREAU, needs_reason=True),
)


def find_row(state: State, event: Event) -> Row | None:
    """The row of an event in a state, if there is one."""
    return next((row for row in ROWS if row.event is event and state in row.sources), None)


def _blocked(row: Row, one: Proposal, now: Settings | None) -> str | None:
    return next((name for name in row.guards if GUARDS[name](one, now)), None)


def offers(one: Proposal, roles: Collection[Role], now: Settings | None) -> list[AllowedProposalEvent]:
    """What a person with these roles may do with it, in the order of the table."""
    return [
        AllowedProposalEvent(event=row.event, blocked=_blocked(row, one, now))
        for row in ROWS
        if one.state in row.sources and not row.who.isdisjoint(roles)
    ]


def move(
    one: Proposal, event: Event, by: Person, roles: Collection[Role], now: Settings | None, reason: str = ""
) -> Proposal:
    """The proposal after an event at `by.at`.

    Raises IllegalProposalEventError, ForbiddenError, ProposalBlockedError or InvalidError, in this order.
    """
    row = find_row(one.state, event)
    if row is None:
        raise IllegalProposalEventError(
            f"a proposal that is {one.state} does not take {event}", state=str(one.state), event=str(event)
        )
    if row.who.isdisjoint(roles):
        raise ForbiddenError(f"{event} is not for your role", event=str(event), parties=sorted(row.who))
    guard = _blocked(row, one, now)
    if guard is not None:
        raise ProposalBlockedError(f"{event} is not possible: {guard}", guard=guard, event=str(event))
    if row.needs_reason and not reason.strip():
        message = f"{event} needs a reason in words"
        raise InvalidError(message, errors=[{"where": "reason", "message": message, "code": "missing"}])
    if event is Event.WITHDRAW:
        moved = replace(one, ended=by, end_reason=reason.strip())
    else:
        moved = replace(one, decided=by, decision=reason.strip())
    return replace(moved, state=row.target, version=one.version + 1)
