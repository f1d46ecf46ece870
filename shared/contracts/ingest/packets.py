"""The journal of packets 报文."""

from enum import StrEnum

from pydantic import AwareDatetime

from shared.contracts.ingest.base import Wire


class PacketStatus(StrEnum):
    """What became of a packet 报文."""

    STORED = "stored"
    ANSWERED = "answered"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


class PacketOut(Wire):
    """A line of the journal. `raw` is the frame as received, with bytes that are not UTF-8 escaped."""

    id: int
    received_at: AwareDatetime
    remote: str
    mn: str | None
    cn: str | None
    status: PacketStatus
    reason: str | None
    detail: str = ""
    repairs: list[str] = []
    late: bool = False
    """Its values came long after their time (补传)."""
    raw: str
