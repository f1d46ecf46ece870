"""Frames whose body is encrypted (HJ 212-2025 appendix A.2): find them, open them with a key, make them.

The checksum is that of the plain text, so such a frame cannot be judged without the device's key, and the framer has
none: it hands the bytes on as `Rejected` with `encrypted_body`. `sealed_of` reads the header, which stays plain and
names the device; `unseal` tries its keys.
"""

import re
from typing import NamedTuple

from services.ingest.hj212.codec.crc import crc16, crc_family
from services.ingest.hj212.codec.events import STRICT_LIMIT, Frame, Rejected, RejectReason, Repair, crc_repairs
from services.ingest.hj212.codec.opaque import is_text, looks_sealed
from services.ingest.hj212.codec.packet import Edition, Packet, ParseError
from services.ingest.hj212.codec.segment import parse_segment
from services.ingest.hj212.codec.sm4 import decrypt_body, encrypt_body

_FRAME = re.compile(rb"##(\d{4}|\d{2,3}(?=[A-Za-z]))([^&]*CP=&&)(.*)&&([0-9A-Fa-f]{1,4})\s*\Z", re.DOTALL)
_PRINTED = re.compile(rb"\{((?:\s*0x[0-9A-Fa-f]{2}\s*,?)+)\}")
_HEX = re.compile(rb"0x([0-9A-Fa-f]{2})")
_BODY_END = b"&&"
_CRC_DIGITS = 4


class Sealed(NamedTuple):
    """A frame with an encrypted body.

    header: the packet without its data area: device, command, QN. body: the encrypted bytes. given: the checksum's
    digits. repairs: what the wire form needed. raw and offset: as in `Frame`.
    """

    raw: bytes
    offset: int
    header: Packet
    head: bytes
    body: bytes
    given: bytes
    repairs: tuple[Repair, ...]


def must_be_sealed(cn: str) -> bool:
    """Whether the 2025 edition wants the body of this command encrypted: data, the new key, field information."""
    return cn.startswith("2") or cn in ("1014", "3020")


def sealed_of(event: Frame | Rejected) -> Sealed | None:
    """The encrypted frame in an event, or None where it is none.

    Ask for a `Rejected` with `encrypted_body`, and for a `Frame` whose segment gave the ParseError of that name: one
    encrypted frame in 256 fits its checksum by chance.
    """
    hidden = event.reason is RejectReason.ENCRYPTED_BODY if isinstance(event, Rejected) else looks_sealed(event.segment)
    match = _FRAME.match(event.raw) if hidden else None
    if match is None:
        return None
    try:
        header = parse_segment(match[2] + b"&&")
    except ParseError:
        return None
    if header.edition is not Edition.V2025:
        return None
    body, printed = _binary(match[3])
    size = len(match[2]) + len(body) + len(_BODY_END)
    repairs = [Repair.CIPHER_PRINTED] if printed else []
    if len(match[1]) != _CRC_DIGITS:
        repairs.append(Repair.LENGTH_DIGITS)
    if int(match[1]) not in (size, size + len(match[3]) - len(body)):
        repairs.append(Repair.LENGTH_WRONG)
    return Sealed(event.raw, event.offset, header, match[2], body, match[4], tuple(repairs))


def unseal(sealed: Sealed, *keys: bytes) -> Frame | Rejected:
    """The frame in plain text by the first key that fits (16 bytes each; the newest first), or Rejected.

    A key fits where the checksum holds and the body is text: the checksum alone has the strength of eight bits. The
    frame keeps the encrypted bytes in `raw`, its evidence; `segment` is plain.
    """
    for key in keys:
        plain = decrypt_body(sealed.body, key)
        if not is_text(plain):
            continue
        segment = sealed.head + plain + _BODY_END
        family = crc_family(segment, int(sealed.given, 16))
        if family is not None:
            repairs = sealed.repairs + crc_repairs(family, sealed.given)
            if len(segment) > STRICT_LIMIT:
                repairs = (*repairs, Repair.OVER_1024)
            return Frame(sealed.raw, segment, family, repairs, sealed.offset)
    return Rejected(sealed.raw, RejectReason.ENCRYPTED_BODY, sealed.offset)


def seal(segment: bytes, key: bytes) -> bytes:
    """The frame of a plain data segment with its body encrypted, CR LF included. The checksum is of the plain text."""
    start = segment.index(b"CP=&&") + len(b"CP=&&")
    end = len(segment) - len(_BODY_END)
    body = encrypt_body(segment[start:end], key)
    return b"##%04d%b%b&&%04X\r\n" % (len(segment), segment[:start], body, crc16(segment))


def _binary(body: bytes) -> tuple[bytes, bool]:
    """The body in bytes, and whether it was written as `{0xE4,0x3E,…}` with its plain rest behind."""
    match = _PRINTED.match(body)
    if match is None:
        return body, False
    return bytes(int(pair, 16) for pair in _HEX.findall(match[1])) + body[match.end() :], True
