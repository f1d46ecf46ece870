"""What the gateway needs from whatever stores its frames."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from services.ingest.hj212.codec import Frame, Packet, ParseError, Rejected


class Received(NamedTuple):
    """One frame as it came in.

    connection: number of the TCP connection; peer: its address; received_at: aware UTC.
    Exactly one of these holds: `packet` is set (readable), `error` is set (checksum right,
    content not), or `event` is a `Rejected` (no frame at all).
    """

    connection: int
    peer: str
    received_at: datetime
    event: Frame | Rejected
    packet: Packet | None
    error: ParseError | None


class Status(StrEnum):
    """What became of a frame."""

    STORED = "stored"
    QUARANTINED = "quarantined"
    ANSWERED = "answered"
    """Nothing to keep beyond the journal: a heartbeat or a notice."""
    IGNORED = "ignored"


class Outcome(NamedTuple):
    """The sink's judgement of one frame.

    reason: stable code, for quarantined and ignored frames. answer: the sender may be given the
    answer that its packet asks for; the gateway still answers only where the standard allows it.
    late: 补传, its values came long after their time. repeat: it brought nothing that was not stored already.
    packet: as the sink read it, which for an encrypted body is more than the gateway could.
    """

    status: Status
    reason: str | None = None
    answer: bool = False
    late: bool = False
    repeat: bool = False
    packet: Packet | None = None


class Sink(Protocol):
    """Stores frames. `store` returns only when everything of the batch is durable."""

    async def store(self, batch: Sequence[Received]) -> Sequence[Outcome]:
        """One outcome per frame, in order. Raising means that nothing of the batch was stored.

        The gateway repeats a batch that failed, so storing must be idempotent; it must not
        raise because of what a frame contains, but quarantine it.
        """
        ...
