"""The life of a command as a table: state × event → state, guards, who.

HJ 212-2017 6.1, 6.2: a request is answered by 9011 (QnRtn), executed, and ended by 9012 (ExeRtn); without 9011 in
time it is sent again; without news after that it has failed. Real devices leave answers out (9012 without 9011,
neither of them, 9013 late), so the rows take those ways too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.ingest.domain.commands.catalogue import Exchange
from services.ingest.domain.commands.model import Command, Person
from services.ingest.domain.commands.policy import policy
from shared.contracts.ingest.commands import CommandEvent as Event
from shared.contracts.ingest.commands import CommandState as State
from shared.errors import ConflictError

PEOPLE = "people"
GATEWAY = "gateway"
FINAL = frozenset({State.DONE, State.REFUSED, State.FAILED, State.TIMED_OUT, State.CANCELLED, State.EXPIRED})
IN_FLIGHT = frozenset({State.SENT, State.ACCEPTED, State.RUNNING})
"""A device has one command in one of these states at most."""
UNDER_WAY = (State.SENT, State.ACCEPTED, State.RUNNING)
NO_RESULT = "no_result"
NO_ANSWER = "no_answer"


class IllegalCommandEventError(ConflictError):
    """The table has no row for this event in this state."""

    code = "illegal_transition"


class CommandBlockedError(ConflictError):
    """The row exists, a guard stands against it; `context["guard"]` names it."""

    code = "blocked"


@dataclass(frozen=True, kw_only=True)
class Row:
    """In any of `sources`, `event` leads to `target`. `outcome` is what is noted then."""

    event: Event
    sources: tuple[State, ...]
    target: State
    who: str = GATEWAY
    guards: tuple[str, ...] = ()
    outcome: str | None = None


Guard = Callable[[Command, str], bool]
"""True where it stands against the event; the second argument is the subject of who acts."""

GUARDS: Mapping[str, Guard] = {
    "own_command": lambda command, subject: command.requested_by.subject == subject,
    "not_repeatable": lambda command, _: not command.kind.repeats,
    "no_tries_left": lambda command, _: command.tries >= policy().tries,
    "nothing_arrived": lambda command, _: command.frames == 0,
    "not_after_time_out": lambda command, _: command.outcome not in (NO_RESULT, NO_ANSWER),
}
LATE = (State.TIMED_OUT, State.FAILED)

ROWS: tuple[Row, ...] = (
    Row(event=Event.APPROVE, sources=(State.AWAITING_APPROVAL,), target=State.QUEUED, who=PEOPLE,
        guards=("own_command",)),
    Row(event=Event.CANCEL, sources=(State.AWAITING_APPROVAL, State.QUEUED), target=State.CANCELLED, who=PEOPLE,
        outcome="cancelled"),
    Row(event=Event.EXPIRE, sources=(State.AWAITING_APPROVAL, State.QUEUED), target=State.EXPIRED,
        outcome="never_online"),
    Row(event=Event.SEND, sources=(State.QUEUED,), target=State.SENT),
    Row(event=Event.NOT_SENT, sources=(State.SENT,), target=State.QUEUED),
    Row(event=Event.ACCEPT, sources=(State.SENT,), target=State.ACCEPTED),
    Row(event=Event.REFUSE, sources=UNDER_WAY, target=State.REFUSED, outcome="refused"),
    Row(event=Event.DATA, sources=UNDER_WAY, target=State.RUNNING),
    Row(event=Event.SUCCEED, sources=UNDER_WAY, target=State.DONE, outcome="success"),
    Row(event=Event.FAIL, sources=(State.QUEUED, *UNDER_WAY), target=State.FAILED, outcome="failed"),
    Row(event=Event.RETRY, sources=(State.SENT,), target=State.QUEUED, guards=("not_repeatable", "no_tries_left")),
    Row(event=Event.GIVE_UP, sources=(State.SENT,), target=State.TIMED_OUT, outcome=NO_ANSWER),
    Row(event=Event.SETTLE, sources=(State.RUNNING,), target=State.DONE, guards=("nothing_arrived",),
        outcome="success_without_result"),
    Row(event=Event.BREAK_OFF, sources=(State.ACCEPTED, State.RUNNING), target=State.FAILED, outcome=NO_RESULT),
    # What comes after the time-out still tells the truth.
    Row(event=Event.SUCCEED, sources=LATE, target=State.DONE, guards=("not_after_time_out",), outcome="success"),
    Row(event=Event.FAIL, sources=LATE, target=State.FAILED, guards=("not_after_time_out",), outcome="failed"),
    Row(event=Event.REFUSE, sources=(State.TIMED_OUT,), target=State.REFUSED, guards=("not_after_time_out",),
        outcome="refused"),
)  # fmt: skip


@dataclass(frozen=True)
class Offer:
    """An event a person may do now; `blocked` names the guard against it."""

    event: Event
    blocked: str | None = None


def find_row(state: State, event: Event) -> Row | None:
    """The row of an event in a state, if there is one."""
    return next((row for row in ROWS if row.event is event and state in row.sources), None)


def _blocked(row: Row, command: Command, subject: str) -> str | None:
    return next((name for name in row.guards if GUARDS[name](command, subject)), None)


def takes(command: Command, event: Event) -> bool:
    """Whether this event can happen to the command now."""
    row = find_row(command.state, event)
    return row is not None and _blocked(row, command, "") is None


def offers(command: Command, subject: str) -> list[Offer]:
    """What a person with the right to command may do with it, in the order of the table."""
    return [
        Offer(row.event, _blocked(row, command, subject))
        for row in ROWS
        if row.who == PEOPLE and command.state in row.sources
    ]


def move(command: Command, event: Event, now: datetime, *, subject: str = "", code: int | None = None) -> Command:
    """The command after an event. Raises where the table or a guard does not allow it.

    code: QnRtn or ExeRtn that came with it. What a state needs besides (QN, due time) the caller adds.
    """
    row = find_row(command.state, event)
    if row is None:
        raise IllegalCommandEventError(
            f"a command in state {command.state} does not take {event}", state=str(command.state), event=str(event),
            allowed=[str(offer.event) for offer in offers(command, subject)],
        )  # fmt: skip
    guard = _blocked(row, command, subject)
    if guard is not None:
        raise CommandBlockedError(
            f"{event} is not possible: {guard}", guard=guard, state=str(command.state), event=str(event)
        )
    final = row.target in FINAL
    secret_over = final and row.outcome not in (NO_ANSWER, NO_RESULT)
    return replace(
        command, state=row.target, outcome=row.outcome, return_code=code if code is not None else command.return_code,
        finished_at=now if final else None, due_at=None if final or row.target is State.QUEUED else command.due_at,
        accepted_at=now if row.target is State.ACCEPTED else command.accepted_at,
        secret=None if secret_over else command.secret, version=command.version + 1, changed_at=now,
    )  # fmt: skip


def approve(command: Command, by: Person, now: datetime) -> Command:
    """Approved by a second person: it waits for its device from now on."""
    moved = move(command, Event.APPROVE, now, subject=by.subject)
    return replace(moved, approved_by=by, approved_at=now, valid_until=now + policy().valid)


def send(command: Command, qn: str, now: datetime, wall: datetime) -> Command:
    """On its way: the same QN at every try, so that a device can see a repeat."""
    moved = move(command, Event.SEND, now)
    due = wall + timedelta(seconds=policy().answer_seconds)
    return replace(moved, qn=qn, tries=command.tries + 1, sent_at=command.sent_at or now, due_at=due)


def overdue(command: Command, now: datetime) -> Command:
    """What follows when nothing came in time."""
    if command.state is State.SENT:
        return move(command, Event.RETRY if takes(command, Event.RETRY) else Event.GIVE_UP, now)
    settled = command.state is State.RUNNING and command.kind.exchange is not Exchange.SET
    return move(command, Event.SETTLE if settled and takes(command, Event.SETTLE) else Event.BREAK_OFF, now)


def extended(command: Command, wall: datetime) -> Command:
    """The time-out begins anew: there was news."""
    if command.state not in IN_FLIGHT:
        return command
    seconds = command.kind.execution_seconds or policy().execution_seconds
    return replace(command, due_at=wall + timedelta(seconds=seconds))
