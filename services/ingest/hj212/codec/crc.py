"""The checksum of HJ 212 and the three wrong ones that devices in the field send instead.

The standard's loop (HJ 212-2017 appendix A) drops the low byte of the register before each
exclusive or, so only eight bits of state pass from byte to byte. That state moves by a linear
map of order eight: bytes eight apart reach the result through the same power of the map. The
segment can therefore be folded into eight bytes by exclusive or before the table is used, and
a frame of 1,000 bytes costs little more than one of 100. Tests hold it equal to the plain loop.
"""

from collections.abc import Iterable
from enum import StrEnum

POLYNOMIAL = 0xA001
_WORD_BITS = 64


class CrcFamily(StrEnum):
    """Which checksum a frame carries. Only HJ212 is right; the others are repairs."""

    HJ212 = "hj212"
    MODBUS = "modbus"
    MODBUS_SWAPPED = "modbus_swapped"
    CHARACTERS = "characters"
    """The right loop run over UTF-16 units instead of bytes (Java, C#): differs for Chinese text."""


def _rounds(register: int) -> int:
    for _ in range(8):
        register = (register >> 1) ^ (POLYNOMIAL if register & 1 else 0)
    return register


_TABLE = tuple(_rounds(value) for value in range(256))
_STEP = tuple(value >> 8 for value in _TABLE)
_FOLDS = tuple((_WORD_BITS << n, (1 << (_WORD_BITS << n)) - 1) for n in range(11))
"""(shift, mask) in bits: 64, 128, … 65,536; the last folds a segment of 16 KiB."""
_PLANS = tuple(_FOLDS[:n][::-1] for n in range(len(_FOLDS) + 1))
"""The folds, widest first, for a segment whose size in 8-byte words needs n bits."""
_FOLD_LIMIT = 8 << len(_FOLDS)

_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
_FACTOR = 0x8003
_SPARSE = tuple((15 << n, 1 << n, (1 << (15 << n)) - 1) for n in range(14))[::-1]
"""(shift of the high part, its second place, mask of the low part) for each power, the widest first."""


def crc16(segment: bytes) -> int:
    """The checksum of a data segment (数据段), HJ 212-2017 appendix A.

    Takes the bytes between the length field and the checksum; returns 0 to 65535, printed as
    four upper-case hexadecimal digits. An empty segment gives the start value 0xFFFF.
    """
    size = len(segment)
    if not 0 < size <= _FOLD_LIMIT:
        return crc16_by_table(segment)
    # The start state 0xFF acts as if it were added to the first byte.
    folded = int.from_bytes(segment, "big") ^ (0xFF << ((size - 1) << 3))
    for shift, mask in _PLANS[((size - 1) >> 3).bit_length()]:
        folded = (folded >> shift) ^ (folded & mask)
    step = _STEP
    b0, b1, b2, b3, b4, b5, b6, b7 = folded.to_bytes(8, "big")
    state = step[step[step[step[step[step[step[b0] ^ b1] ^ b2] ^ b3] ^ b4] ^ b5] ^ b6]
    return _TABLE[state ^ b7]


def crc16_by_table(segment: bytes) -> int:
    """The same checksum byte by byte, for any length."""
    register = 0xFFFF
    for byte in segment:
        register = _TABLE[(register >> 8) ^ byte]
    return register


def crc16_of_units(units: Iterable[int]) -> int:
    """The standard's loop over 16-bit units, as devices compute it that count characters."""
    register = 0xFFFF
    for unit in units:
        register = _rounds((register >> 8) ^ unit)
    return register


def modbus(segment: bytes) -> int:
    """CRC-16/MODBUS: what many devices send by mistake.

    Its polynomial is (x + 1)(x¹⁵ + x + 1), and the 2ᵏ-th power of the second factor is as sparse as itself:
    x^(15·2ᵏ) is x^(2ᵏ) + 1 there. So a segment folds in a few steps to its remainder by that factor; parity
    is its remainder by the first, and both together are the checksum. `modbus_by_table` is the plain loop.
    """
    size = len(segment)
    if not 1 < size <= _FOLD_LIMIT:
        return modbus_by_table(segment)
    # Bits go in with the lowest first; the start value 0xFFFF is added to the first two bytes.
    rest = (int.from_bytes(segment.translate(_REVERSED), "big") ^ (0xFFFF << ((size << 3) - 16))) << 16
    odd = rest.bit_count() & 1
    for shift, low, mask in _SPARSE[-(size.bit_length() + 2) :]:
        high = rest >> shift
        while high:
            rest = (rest & mask) ^ high ^ (high << low)
            high = rest >> shift
    if rest.bit_count() & 1 != odd:
        rest ^= _FACTOR
    return int(f"{rest:016b}"[::-1], 2)


def modbus_by_table(segment: bytes) -> int:
    """The same checksum byte by byte, for any length."""
    register = 0xFFFF
    for byte in segment:
        register = (register >> 8) ^ _TABLE[(register ^ byte) & 0xFF]
    return register


def modbus_swapped(segment: bytes) -> int:
    """CRC-16/MODBUS with its two bytes exchanged."""
    value = modbus(segment)
    return (value >> 8) | ((value & 0xFF) << 8)


def crc_family(segment: bytes, given: int) -> CrcFamily | None:
    """Which of the known checksums of `segment` equals `given`, or None."""
    return CrcFamily.HJ212 if crc16(segment) == given else wrong_family(segment, given)


def wrong_family(segment: bytes, given: int) -> CrcFamily | None:
    """Which of the wrong checksums that are known equals `given`, or None."""
    value = modbus(segment)
    if value == given:
        return CrcFamily.MODBUS
    if (value >> 8) | ((value & 0xFF) << 8) == given:
        return CrcFamily.MODBUS_SWAPPED
    if not segment.isascii() and _crc_of_characters(segment) == given:
        return CrcFamily.CHARACTERS
    return None


def _crc_of_characters(segment: bytes) -> int | None:
    """The checksum over UTF-16 units of the decoded text; None where it does not decode."""
    for encoding in ("utf-8", "gbk"):
        try:
            units = segment.decode(encoding).encode("utf-16-be")
        except UnicodeDecodeError:
            continue
        return crc16_of_units(int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2))
    return None
