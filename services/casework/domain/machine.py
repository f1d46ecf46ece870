"""Life cycles as tables: one generic walker for cases, visits and findings.

A table is a tuple of `Row`s. What somebody may do, the buttons that are shown, `docs/states.md` and the
tests are all read from it; nothing else knows a transition.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from shared.contracts.casework import ReasonCode
from shared.errors import ConflictError, ForbiddenError, InvalidError

KEEP = "keep"
"""The clock that runs goes on."""
STOP = "stop"
"""No clock runs afterwards."""


class Party(StrEnum):
    """Who acts (the roles of a token, and the system itself)."""

    ENTERPRISE = "enterprise"
    SUPERVISOR = "supervisor"
    SUPERVISOR_LEAD = "supervisor_lead"
    OFFICER = "officer"
    SECTION_HEAD = "section_head"
    SYSTEM = "system"


BUREAU = frozenset({Party.OFFICER, Party.SECTION_HEAD})
SUPERVISORS = frozenset({Party.SUPERVISOR, Party.SUPERVISOR_LEAD})
STAFF = BUREAU | SUPERVISORS
FIRM = frozenset({Party.ENTERPRISE})
MACHINE = frozenset({Party.SYSTEM})


@dataclass(frozen=True)
class Actor:
    """Who acts. `tenant` is the one enterprise an enterprise user belongs to."""

    subject: str
    name: str
    organisation: str
    parties: frozenset[Party]
    tenant: UUID | None = None

    def is_any(self, parties: frozenset[Party]) -> bool:
        """Whether the actor is one of these."""
        return not self.parties.isdisjoint(parties)


SYSTEM = Actor("system", "system", "", MACHINE)


class IllegalTransitionError(ConflictError):
    """The table has no row for this event in this state."""

    code = "illegal_transition"


class BlockedError(ConflictError):
    """The row exists, a guard stands against it; `context["guard"]` names it."""

    code = "blocked"


class Stateful(Protocol):
    """A thing with a state."""

    @property
    def state(self) -> StrEnum:
        """Where it stands."""


Thing = TypeVar("Thing", bound=Stateful)
Guard = Callable[[Thing, Actor, datetime], bool]
"""True where the guard stands against the event."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: in any of `sources`, `event` leads to `target` (None: the state stays).

    `clock` names the clock that is started, or KEEP, or STOP. Every other clock ends with the move.
    """

    event: StrEnum
    sources: tuple[StrEnum, ...]
    target: StrEnum | None
    parties: frozenset[Party]
    guards: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    reasons: tuple[ReasonCode, ...] = ()
    clock: str = STOP


@dataclass(frozen=True)
class Offer:
    """An event somebody may do now. `blocked` names the guard that stands against it."""

    event: StrEnum
    needs: tuple[str, ...]
    reasons: tuple[ReasonCode, ...]
    blocked: str | None = None


def _knows_nothing(_thing: Any, _field: str) -> bool:
    return False


@dataclass(frozen=True)
class Machine(Generic[Thing]):
    """A table with its guards. `known(thing, field)` says a needed field was given earlier."""

    name: str
    states: type[StrEnum]
    events: type[StrEnum]
    rows: tuple[Row, ...]
    guards: Mapping[str, Guard[Thing]]
    known: Callable[[Thing, str], bool] = _knows_nothing

    def find(self, state: StrEnum, event: StrEnum) -> Row | None:
        """The row of an event in a state, if there is one."""
        return next((row for row in self.rows if row.event == event and state in row.sources), None)

    def allowed(self, thing: Thing, actor: Actor, now: datetime) -> list[Offer]:
        """What this actor may do now, in the order of the table."""
        return [
            Offer(row.event, self._needs(row, thing), row.reasons, self._blocked(row, thing, actor, now))
            for row in self.rows
            if thing.state in row.sources and actor.is_any(row.parties)
        ]

    def check(self, thing: Thing, event: StrEnum, actor: Actor, now: datetime, given: Mapping[str, Any]) -> Row:
        """The row to walk, or the refusal that fits: 409, 403, 409 with the guard, 422 with the fields."""
        row = self.find(thing.state, event)
        if row is None:
            raise IllegalTransitionError(
                f"{self.name} in state {thing.state} does not take {event}",
                state=str(thing.state), event=str(event),
                allowed=[str(offer.event) for offer in self.allowed(thing, actor, now)],
            )  # fmt: skip
        if not actor.is_any(row.parties):
            raise ForbiddenError(
                f"{event} is not for your role", event=str(event), parties=sorted(str(party) for party in row.parties)
            )
        guard = self._blocked(row, thing, actor, now)
        if guard is not None:
            raise BlockedError(
                f"{event} is not possible now: {guard}", guard=guard, state=str(thing.state), event=str(event)
            )
        _check_fields(row, self._needs(row, thing), given)
        return row

    def _needs(self, row: Row, thing: Thing) -> tuple[str, ...]:
        return tuple(field for field in row.needs if not self.known(thing, field))

    def _blocked(self, row: Row, thing: Thing, actor: Actor, now: datetime) -> str | None:
        return next((code for code in row.guards if self.guards[code](thing, actor, now)), None)


def _check_fields(row: Row, needs: tuple[str, ...], given: Mapping[str, Any]) -> None:
    errors = [
        {"where": field, "message": f"{row.event} needs {field}", "code": "missing"}
        for field in needs
        if not given.get(field)
    ]
    reason_code = given.get("reason_code")
    if row.reasons and reason_code and reason_code not in row.reasons:
        names = ", ".join(row.reasons)
        errors.append(
            {"where": "reason_code", "message": f"for {row.event} give one of {names}", "code": "not_allowed"}
        )
    if reason_code == ReasonCode.OTHER and not str(given.get("reason", "")).strip():
        errors.append({"where": "reason", "message": "tell the reason in words", "code": "missing"})
    if errors:
        raise InvalidError("; ".join(error["message"] for error in errors), errors=errors)
