"""A command to a device as it stands."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.ingest.domain.commands.catalogue import Exchange, Kind, find_kind
from shared.contracts.ingest.commands import CommandOrigin, CommandState

Pair = tuple[str, str]
MOST_RESULTS = 60


@dataclass(frozen=True)
class Person:
    """Who asked or approved; the system itself has the subject `system`."""

    subject: str
    name: str
    organisation: str = ""


SYSTEM = Person("system", "system")


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command. Times are the platform's, but for `due_at`, which is real time: a network time-out.

    number grows with each command and orders those of one device. qn is given when it is first sent and stays the
    same when it is repeated. `secret` holds a new password or key until the end, and is shown nowhere.
    """

    id: UUID
    number: int
    device_id: UUID
    outlet_id: UUID
    enterprise_id: UUID
    mn: str
    edition: str
    code: str
    params: dict[str, str]
    secret: str | None
    state: CommandState
    outcome: str | None
    return_code: int | None
    reason: str
    origin: CommandOrigin
    requested_by: Person
    requested_at: datetime
    approved_by: Person | None
    approved_at: datetime | None
    valid_until: datetime
    qn: str | None
    tries: int
    sent_at: datetime | None
    due_at: datetime | None
    accepted_at: datetime | None
    finished_at: datetime | None
    result: tuple[Pair, ...]
    frames: int
    values_arrived: int
    version: int
    changed_at: datetime

    @property
    def kind(self) -> Kind:
        """Its entry in the catalogue."""
        return find_kind(self.code)

    @property
    def by_uploads(self) -> bool:
        """Whether what comes back are uploads with a QN of their own."""
        return self.kind.exchange in (Exchange.HISTORY, Exchange.STREAM) or "since" in self.params
