"""The quarantine 隔离区: where a refused packet stands, what may be done with it, and what its bytes still say."""

import re
from dataclasses import dataclass
from datetime import datetime

from services.ingest.domain.packets import Packet
from services.ingest.hj212.codec import Event as FrameEvent
from services.ingest.hj212.codec import Framer, ParseError, Rejected, RejectReason, crc16, crc_family, parse_segment
from shared.contracts.ingest import PacketStatus
from shared.contracts.ingest.packets import PacketAct, PacketState
from shared.errors import ConflictError, InvalidError

MOST_FIELDS = 200


@dataclass(frozen=True, kw_only=True)
class ActRow:
    """In any of `sources`, `act` leads to `target` (None: the state stays); `guards` stand against it."""

    act: PacketAct
    sources: tuple[PacketState, ...]
    target: PacketState | None
    needs_reason: bool = False
    guards: tuple[str, ...] = ()


ACTS: tuple[ActRow, ...] = (
    ActRow(act=PacketAct.RETRY, sources=(PacketState.OPEN,), target=PacketState.RETRIED, guards=("not_taken",)),
    ActRow(act=PacketAct.DISCARD, sources=(PacketState.OPEN,), target=PacketState.DISCARDED, needs_reason=True),
    ActRow(act=PacketAct.HOLD, sources=tuple(PacketState), target=None, needs_reason=True),
    ActRow(act=PacketAct.RELEASE, sources=tuple(PacketState), target=None),
)
CLOSING = {row.act: row.target for row in ACTS if row.target is not None}
"""Acts that end the open state: a re-try that was taken, a discard. Hold and release are possible at all times."""
_NEED_REASON = frozenset(row.act for row in ACTS if row.needs_reason)
_HEADER = re.compile(rb"##(\d{2,4})")
_TAIL = re.compile(rb"&&([0-9A-Fa-f]{1,4})\s*\Z")
_FIELD = re.compile(rb"(QN|ST|CN|PW|MN|Flag|PNUM|PNO|RF)\s*=([^;&,]*)", re.IGNORECASE)
_DATA = re.compile(rb"([^;,=&]+)=([^;,&]*)")
_LENGTH_DIGITS = 4
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F)}


class PacketClosedError(ConflictError):
    """The packet is not open: it was taken, tried again with success, or discarded."""

    code = "packet_closed"


@dataclass(frozen=True)
class Act:
    """What was done with a packet. closes: it is open no more."""

    packet_id: int
    at: datetime
    act: PacketAct
    actor: str
    status: PacketStatus | None = None
    reason: str | None = None
    detail: str = ""
    closes: bool = False


def state_of(packet: Packet, acts: list[Act]) -> PacketState | None:
    """Where the packet stands; None where it was never in the quarantine."""
    if packet.status is not PacketStatus.QUARANTINED:
        return None
    return next((CLOSING[act.act] for act in acts if act.closes), PacketState.OPEN)


def is_held(acts: list[Act]) -> bool:
    """Whether it is kept beyond its time. `acts` in order."""
    last = next((act.act for act in reversed(acts) if act.act in (PacketAct.HOLD, PacketAct.RELEASE)), None)
    return last is PacketAct.HOLD


def check_may_act(act: PacketAct, packet: Packet, acts: list[Act], reason: str) -> None:
    """Raise `PacketClosedError` where the act needs an open packet, `InvalidError` where it needs a reason."""
    if act in CLOSING and state_of(packet, acts) is not PacketState.OPEN:
        raise PacketClosedError(f"packet {packet.id} is not open in the quarantine", packet_id=packet.id)
    if act in _NEED_REASON and not reason.strip():
        raise InvalidError("reason: say why", field="reason")


def reframe(raw: bytes) -> FrameEvent | None:
    """The frame in the bytes of a packet, by the rules of now; None where nothing looks like one."""
    framer = Framer()
    events = [*framer.feed(raw + b"\r\n"), *framer.expire()]
    return next((event for event in events if not isinstance(event, Rejected)), events[0] if events else None)


@dataclass(frozen=True)
class Found:
    """A field of a frame and where it begins."""

    name: str
    text: str
    offset: int


@dataclass(frozen=True)
class Dissection:
    """What bytes say, as far as they can be read; names as in `PacketDetail`."""

    length_declared: int | None
    length_found: int | None
    crc_given: str | None
    crc_expected: str | None
    crc_family: str | None
    error: str | None
    error_position: int | None
    header: tuple[Found, ...]
    fields: tuple[Found, ...]
    fields_left: int


def dissect(raw: bytes) -> Dissection:
    """Take the bytes of a packet apart without judging them."""
    opening, tail = _HEADER.match(raw), _TAIL.search(raw)
    # Digits of a short length field may be followed by the segment's own letters only.
    head = min(2 + len(opening[1]), 2 + _LENGTH_DIGITS) if opening else 0
    segment = raw[head : tail.start() + 2] if tail else None
    given = tail[1].decode() if tail else None
    family = crc_family(segment, int(given, 16)) if segment is not None and given else None
    error = _error(segment) if segment is not None else None
    start = raw.find(b"CP=")
    header = raw if start < 0 else raw[:start]
    body = b"" if start < 0 else raw[start + len(b"CP=") : tail.start() if tail else len(raw)]
    sealed = error is not None and error.code == RejectReason.ENCRYPTED_BODY
    fields = [] if sealed else [_found(match, start + len(b"CP=")) for match in _DATA.finditer(body)]
    return Dissection(
        int(opening[1]) if opening else None,
        len(segment) if segment is not None else None,
        given,
        f"{crc16(segment):04X}" if segment is not None else None,
        family.value if family else None,
        error.code if error else None,
        error.position if error else None,
        tuple(_found(match, 0) for match in _FIELD.finditer(header)),
        tuple(fields[:MOST_FIELDS]),
        max(0, len(fields) - MOST_FIELDS),
    )


def _error(segment: bytes) -> ParseError | None:
    try:
        parse_segment(segment)
    except ParseError as error:
        return error
    return None


def _found(match: re.Match[bytes], offset: int) -> Found:
    name = match[1].decode("ascii", "backslashreplace").strip().translate(_ESCAPED)
    text = match[2].decode("utf-8", "backslashreplace").translate(_ESCAPED)
    return Found(name, "" if name.upper() == "PW" else text, offset + match.start())
