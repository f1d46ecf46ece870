"""Tolerance as a value: which departures from the standard are put right, and which refuse a frame.

The framer and the parser know many habits of real devices and name each one they met (`Frame.repairs`,
`Packet.notes`). A `Tolerance` says which of them are taken. `LENIENT` takes all; `STRICT` takes what departs from
nothing; between them lies what a device has been seen to need: `STRICT.allowing(["crc_modbus", "gbk"])`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.ingest.hj212.codec.events import (
    STRICT_LIMIT,
    TOLERANT_LIMIT,
    Event,
    Frame,
    Rejected,
    RejectReason,
    Repair,
)
from services.ingest.hj212.codec.packet import Note, Packet, ParseError
from services.ingest.hj212.codec.segment import parse_segment

REMARKS: frozenset[str] = frozenset({Note.SURFACE_WATER_PROFILE, Repair.TAIL_MISSING})
"""Names that blame nothing on the frame they come with: a profile of the standard; a tail missing before it."""
_NAMES: frozenset[str] = frozenset((*Repair, *Note))
_REASONS = {
    Repair.LENGTH_DIGITS: RejectReason.BAD_HEADER,
    Repair.LENGTH_WRONG: RejectReason.BAD_LENGTH,
    Repair.OVER_1024: RejectReason.OVERSIZED,
    Repair.CIPHER_PRINTED: RejectReason.ENCRYPTED_BODY,
}
"""What an unrepaired frame would have been; a checksum where nothing is said."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Names of repairs and notes that are taken (values of `Repair` and `Note`), and the longest segment in bytes."""

    taken: frozenset[str]
    limit: int = TOLERANT_LIMIT

    def forbids(self, names: Iterable[str]) -> tuple[str, ...]:
        """Of a frame's repairs and a packet's notes, those that are not taken, in their order."""
        return tuple(str(name) for name in names if name not in self.taken)

    def allowing(self, names: Iterable[str]) -> "Tolerance":
        """The same and some more. Raises ValueError for a name that is none."""
        return replace(self, taken=self.taken | _known(names))

    def refusing(self, names: Iterable[str]) -> "Tolerance":
        """The same without some. Raises ValueError for a name that is none."""
        return replace(self, taken=self.taken - _known(names))

    def judge(self, event: Event) -> Event:
        """The event, or a `Rejected` in place of a frame that needed a repair which is not taken.

        The reason is what the frame would have been without it: `bad_crc`, `bad_length`, `bad_header`, `oversized`.
        """
        if isinstance(event, Rejected):
            return event
        refused = self.forbids(event.repairs)
        if not refused:
            return event
        reason = _REASONS.get(Repair(refused[0]), RejectReason.BAD_CRC)
        return Rejected(event.raw, reason, event.offset)


LENIENT = Tolerance(_NAMES)
STRICT = Tolerance(REMARKS, STRICT_LIMIT)


def read_packet(frame: Frame, tolerance: Tolerance = LENIENT) -> Packet:
    """Parse a frame's segment under a tolerance.

    Raises ParseError as `parse_segment` does, and with code `not_permitted` where a repair or note is not taken.
    """
    packet = parse_segment(frame.segment)
    refused = tolerance.forbids((*frame.repairs, *packet.notes))
    if refused:
        raise ParseError("not_permitted", f"not taken from this device: {', '.join(refused)}")
    return packet


def _known(names: Iterable[str]) -> frozenset[str]:
    given = frozenset(str(name) for name in names)
    if strangers := given - _NAMES:
        raise ValueError(f"no repair or note: {', '.join(sorted(strangers))}")
    return given
