"""Jobs that import and export: model and life cycle as a table.

queued → running → done, failed or cancelled. A job whose process died is taken up again from the start,
which is why every handler must do the same thing twice without harm; after `MOST_ATTEMPTS` it fails.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shared.contracts.ingest.transfers import TransferDirection
from shared.contracts.ingest.transfers import TransferEvent as Event
from shared.contracts.ingest.transfers import TransferState as State
from shared.errors import ConflictError

MOST_ATTEMPTS = 3
BEAT = timedelta(seconds=5)
LEASE = timedelta(seconds=20)
"""A running job without a beat for so long has lost its process."""
KEPT = timedelta(days=7)
"""Files stay so long after the end of their job."""
MOST_OPEN = 20
"""Jobs an organisation may have waiting or running."""
OWNER = "owner"
SYSTEM = "system"


class IllegalTransferError(ConflictError):
    """The job's state does not take this event."""

    code = "illegal_transition"


class SealedError(ConflictError):
    """The job is writing its rows and can no longer be stopped."""

    code = "transfer_sealed"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """In any of `sources`, `event` leads to `target`; `by` is the owner or the system; `guards` stand against it."""

    event: Event
    sources: tuple[State, ...]
    target: State
    by: str
    guards: tuple[str, ...] = ()


TRANSFERS: tuple[Rule, ...] = (
    Rule(event=Event.START, sources=(State.QUEUED,), target=State.RUNNING, by=SYSTEM),
    Rule(event=Event.FINISH, sources=(State.RUNNING,), target=State.DONE, by=SYSTEM),
    Rule(event=Event.FAIL, sources=(State.QUEUED, State.RUNNING), target=State.FAILED, by=SYSTEM),
    Rule(event=Event.TAKE_UP_AGAIN, sources=(State.RUNNING,), target=State.QUEUED, by=SYSTEM),
    Rule(
        event=Event.CANCEL, sources=(State.QUEUED, State.RUNNING), target=State.CANCELLED, by=OWNER, guards=("sealed",)
    ),
)
ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED})


def rule_of(state: State, event: Event) -> Rule | None:
    """The row of an event in a state."""
    return next((rule for rule in TRANSFERS if rule.event is event and state in rule.sources), None)


def move(state: State, event: Event, *, sealed: bool = False) -> State:
    """The state after an event. Raises `IllegalTransferError`, or `SealedError` where the guard stands."""
    rule = rule_of(state, event)
    if rule is None:
        raise IllegalTransferError(f"a job that is {state} does not take {event}", state=state, event=event)
    if sealed and "sealed" in rule.guards:
        raise SealedError("the rows are being written; wait for the end", state=state, event=event)
    return rule.target


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A job. `source_id` is the job whose file this one imports; `caller` is who it acts for."""

    id: UUID
    kind: str
    direction: TransferDirection
    state: State
    parameters: dict[str, Any]
    caller: dict[str, Any]
    owner: str
    created_at: datetime
    file_name: str = ""
    file_size: int | None = None
    source_id: UUID | None = None
    organisation: UUID | None = None
    tenant: UUID | None = None
    total: int = 0
    done: int = 0
    result: dict[str, Any] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)
    error_count: int = 0
    reason: str = ""
    sealed: bool = False
    attempts: int = 0
    beat_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def may_cancel(self) -> bool:
        """Whether the owner can still stop it."""
        return not self.sealed and rule_of(self.state, Event.CANCEL) is not None

    @property
    def may_apply(self) -> bool:
        """Whether it is a check that found rows to import, its file still here."""
        checked = self.direction is TransferDirection.IMPORT and self.parameters.get("mode") == "check"
        rows = self.result.get("good", 0)
        return checked and self.state is State.DONE and self.file_size is not None and bool(rows)
