"""What a `Framer` finds in a stream: frames, and bytes that failed to be one."""

from enum import StrEnum
from typing import NamedTuple

from services.ingest.hj212.codec.crc import CrcFamily

STRICT_LIMIT = 1024
"""Bytes of a data segment, HJ 212-2017 table 2."""
TOLERANT_LIMIT = 4096
"""Segments of 1,025, 1,045 and 1,623 bytes are seen in the field."""


class Repair(StrEnum):
    """What was wrong with a frame and put right. Counted and shown per device."""

    CRC_LOWER_CASE = "crc_lower_case"
    CRC_ZERO_LOST = "crc_zero_lost"
    CRC_MODBUS = "crc_modbus"
    CRC_MODBUS_SWAPPED = "crc_modbus_swapped"
    CRC_CHARACTERS = "crc_characters"
    LENGTH_DIGITS = "length_digits"
    LENGTH_WRONG = "length_wrong"
    OVER_1024 = "over_1024"
    CIPHER_PRINTED = "cipher_printed"
    """An encrypted body written as `{0xE4,0x3E,…}` instead of as bytes."""
    TAIL_MISSING = "tail_missing"
    """The frame before this one in the stream did not end in CR LF."""


class RejectReason(StrEnum):
    """Why bytes that looked like a frame are not one. Stable codes."""

    BAD_HEADER = "bad_header"
    OVERSIZED = "oversized"
    BAD_CRC = "bad_crc"
    BAD_LENGTH = "bad_length"
    TRUNCATED = "truncated"
    ENCRYPTED_BODY = "encrypted_body"


class Frame(NamedTuple):
    """One frame whose checksum holds.

    raw: from `##` to the checksum, without CR LF. segment: the data segment (数据段).
    offset: where raw begins, counted from the first byte of the stream.
    """

    raw: bytes
    segment: bytes
    crc: CrcFamily
    repairs: tuple[Repair, ...]
    offset: int


class Rejected(NamedTuple):
    """Bytes that began like a frame and could not be read as one, kept as evidence."""

    raw: bytes
    reason: RejectReason
    offset: int


Event = Frame | Rejected


_FAMILY_REPAIR = {
    CrcFamily.MODBUS: Repair.CRC_MODBUS,
    CrcFamily.MODBUS_SWAPPED: Repair.CRC_MODBUS_SWAPPED,
    CrcFamily.CHARACTERS: Repair.CRC_CHARACTERS,
}
_CRC_DIGITS = 4


def crc_repairs(family: CrcFamily, given: bytes) -> tuple[Repair, ...]:
    """What had to be forgiven about a checksum that fits: digits lost, another family, lower case."""
    repairs: tuple[Repair, ...] = ()
    if len(given) < _CRC_DIGITS:
        repairs = (Repair.CRC_ZERO_LOST,)
    if family in _FAMILY_REPAIR:
        repairs = (*repairs, _FAMILY_REPAIR[family])
    return repairs if given == given.upper() else (*repairs, Repair.CRC_LOWER_CASE)
