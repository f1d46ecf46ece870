"""The journal of packets 报文."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

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


MOST_RETRIES = 500
"""Packets tried again by one call."""


class PacketAct(StrEnum):
    """What is done with a packet of the quarantine 隔离区. The packet itself is never changed."""

    RETRY = "retry"
    DISCARD = "discard"
    HOLD = "hold"
    """Kept beyond its time, as evidence."""
    RELEASE = "release"


class PacketState(StrEnum):
    """Where a packet of the quarantine stands."""

    OPEN = "open"
    RETRIED = "retried"
    DISCARDED = "discarded"


class PacketActOut(Wire):
    """An act on a packet. status and reason: what became of a re-try."""

    at: AwareDatetime
    act: PacketAct
    actor: str
    status: PacketStatus | None
    reason: str | None
    detail: str = ""


class FieldOut(Wire):
    """A field of a frame as its bytes say it, and where it begins. The value of PW is not repeated here."""

    name: str
    text: str
    offset: int


class PacketDetail(PacketOut):
    """One packet with its bytes and what can be read of them.

    hex: all bytes, two digits each. length_declared, length_found: bytes of the data segment by the header, and up to
    its tail. crc_given: the checksum's digits; crc_expected: by HJ 212; crc_family: which known checksum fits.
    error: code of what the parser says, at error_position in the segment. header, fields: as far as they can be read;
    `fields_left` of the data area are not listed. device_id: the device with the MN it names, whether it sent it or
    not. state: of a quarantined packet only. held: kept beyond its time.
    """

    hex: str
    size: int
    length_declared: int | None
    length_found: int | None
    crc_given: str | None
    crc_expected: str | None
    crc_family: str | None
    error: str | None
    error_position: int | None
    header: list[FieldOut]
    fields: list[FieldOut]
    fields_left: int = 0
    device_id: UUID | None
    state: PacketState | None
    held: bool
    acts: list[PacketActOut]


Why = Annotated[str, Field(max_length=300)]


class PacketActIn(Wire):
    """An act on one packet, with the reason for it; a discard needs one."""

    act: PacketAct
    reason: Why = ""


class RetryFilter(Wire):
    """Which open packets of the quarantine are tried again, the oldest first."""

    reason: Annotated[str, Field(max_length=60)] | None = None
    mn: Annotated[str, Field(max_length=64)] | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    limit: int = Field(MOST_RETRIES, ge=1, le=MOST_RETRIES)
    note: Why = ""


class RetryOut(Wire):
    """What became of one packet that was tried again."""

    packet_id: int
    status: PacketStatus
    reason: str | None
    detail: str = ""


class RetryReport(Wire):
    """What became of packets that were tried again. more: others that the filter names are still open."""

    tried: int
    closed: int
    results: list[RetryOut]
    more: bool = False
