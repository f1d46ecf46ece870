"""Numbers as few bytes, and back, bit for bit: what a sealed chunk is made of.

Times: an even grid is three numbers, a grid with gaps a bitmap, anything else its distances. Values: whole
multiples of a power of ten as small integers (a monitor reports two or three decimals), else float4 where
that loses nothing, else float8. Everything is little-endian; zstd goes over the whole once.
"""

import struct
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

VERSION = 1
MOST_DIGITS = 6
EXACT = 2.0**53
_LEVEL = 3
_EVEN, _BITMAP, _STEPS = 0, 1, 2
_INTS, _FLOAT4, _FLOAT8, _NONE = 0, 1, 2, 3
_TIMES = struct.Struct("<BIqI")
_VALUES = struct.Struct("<BBBBq")
_HEAD = struct.Struct("<BI")
_SIZE = struct.Struct("<I")


class DamagedError(Exception):
    """Bytes that are not what `pack` made."""


@cache
def _codec() -> pa.Codec:
    return pa.Codec("zstd", compression_level=_LEVEL)


def pack(parts: Sequence[bytes]) -> bytes:
    """Parts as one compressed block."""
    raw = b"".join(piece for part in parts for piece in (_SIZE.pack(len(part)), part))
    return _HEAD.pack(VERSION, len(raw)) + bytes(_codec().compress(raw, asbytes=True))


def unpack(block: bytes) -> list[bytes]:
    """The parts of a block. Raises `DamagedError`."""
    try:
        version, size = _HEAD.unpack_from(block)
        if version != VERSION:
            raise DamagedError(f"a block of version {version}; this program reads {VERSION}")
        raw = _codec().decompress(memoryview(block)[_HEAD.size :], decompressed_size=size, asbytes=True)
    except (struct.error, OSError, pa.ArrowInvalid) as error:
        raise DamagedError(f"a block of {len(block)} bytes cannot be read: {error}") from error
    parts, place = [], 0
    while place < len(raw):
        (length,) = _SIZE.unpack_from(raw, place)
        place += _SIZE.size
        parts.append(raw[place : place + length])
        place += length
    return parts


def pack_times(at: NDArray[np.int64]) -> bytes:
    """Ascending whole numbers, each once (seconds of a day)."""
    count = len(at)
    first = int(at[0]) if count else 0
    steps = np.diff(at)
    step = int(np.gcd.reduce(steps)) if count > 1 else 1
    if count < 2 or int(steps.max()) == step:  # noqa: PLR2004 - a single time is even
        return _TIMES.pack(_EVEN, count, first, step)
    places = (at - first) // step
    size = int(places[-1]) + 1
    if size <= 16 * count:
        present = np.zeros(size, np.bool_)
        present[places] = True
        return _TIMES.pack(_BITMAP, size, first, step) + np.packbits(present).tobytes()
    return _TIMES.pack(_STEPS, count, first, step) + _planes((steps // step).astype("<u4"))


def unpack_times(data: bytes) -> NDArray[np.int64]:
    """The times again."""
    mode, size, first, step = _TIMES.unpack_from(data)
    body = data[_TIMES.size :]
    if mode == _EVEN:
        places = np.arange(size, dtype=np.int64)
    elif mode == _BITMAP:
        places = np.flatnonzero(np.unpackbits(np.frombuffer(body, np.uint8), count=size))
    else:
        steps = _unplaned(body, "<u4", size - 1).astype(np.int64)
        places = np.concatenate([np.zeros(1, np.int64), np.cumsum(steps)])
    at: NDArray[np.int64] = places * step + first
    return at


def pack_values(value: NDArray[np.float64]) -> bytes:
    """Numbers with NaN for missing."""
    gaps = np.isnan(value)
    known = value[~gaps] if gaps.any() else value
    if len(known) == 0:
        return _VALUES.pack(_NONE, 0, 0, 0, 0)
    mask = np.packbits(gaps).tobytes() if len(known) < len(value) else b""
    return pack_ints_of(known, mask)


def pack_ints_of(known: NDArray[np.float64], mask: bytes) -> bytes:
    """Numbers without gaps, behind the bitmap of the gaps."""
    masked = 1 if mask else 0
    scaled = _scaled(known)
    if scaled is not None:
        digits, ints = scaled
        base, body = _small(ints)
        return _VALUES.pack(_INTS, digits, masked, 0, base) + mask + body
    with np.errstate(over="ignore"):  # what overflows is not equal, and stays a float8
        small = known.astype("<f4")
    if np.array_equal(small.astype(np.float64).view(np.int64), known.view(np.int64)):
        return _VALUES.pack(_FLOAT4, 0, masked, 0, 0) + mask + _planes(small)
    return _VALUES.pack(_FLOAT8, 0, masked, 0, 0) + mask + _planes(known.astype("<f8"))


def unpack_values(data: bytes, count: int) -> NDArray[np.float64]:
    """The numbers again; `count` of them with the missing ones."""
    mode, digits, masked, _, base = _VALUES.unpack_from(data)
    value = np.full(count, np.nan)
    if mode == _NONE:
        return value
    place = _VALUES.size
    known = np.ones(count, np.bool_)
    if masked:
        size = -(-count // 8)
        known = np.unpackbits(np.frombuffer(data, np.uint8, size, place), count=count) == 0
        place += size
    body, amount = data[place:], int(known.sum())
    if mode == _INTS:
        ints = _unsmall(body, base, amount)
        value[known] = ints / 10.0**digits if digits else ints
    else:
        value[known] = _unplaned(body, "<f4" if mode == _FLOAT4 else "<f8", amount)
    return value


def pack_ints(number: NDArray[np.int64]) -> bytes:
    """Whole numbers: their first value, width and small form."""
    base, body = _small(number)
    return struct.pack("<q", base) + body


def unpack_ints(data: bytes, count: int) -> NDArray[np.int64]:
    """The whole numbers again."""
    return _unsmall(data[8:], struct.unpack_from("<q", data)[0], count)


def _scaled(known: NDArray[np.float64]) -> tuple[int, NDArray[np.int64]] | None:
    """(decimals, whole numbers) that give exactly these values again; None where there are none."""
    bits = known.view(np.int64)
    if not np.isfinite(known).all():
        return None
    greatest = float(np.abs(known).max())
    for digits in range(MOST_DIGITS + 1):
        if greatest * 10.0**digits >= EXACT:
            return None
        ints = np.rint(known * 10.0**digits).astype(np.int64)
        if np.array_equal((ints / 10.0**digits).view(np.int64), bits):
            return digits, ints
    return None


def _small(ints: NDArray[np.int64]) -> tuple[int, bytes]:
    """The base, and distances from it or from one number to the next, whichever is smaller under zstd."""
    if len(ints) == 0:
        return 0, b"\x01\x00"
    first = int(ints[0])
    steps = np.diff(ints, prepend=ints[:1])
    zigzag = _narrow((steps << 1) ^ (steps >> 63))
    low = int(ints.min())
    plain = _narrow(ints - low)
    codec = _codec()
    if codec.compress(_planes(zigzag)).size < codec.compress(_planes(plain)).size:
        return first, bytes((zigzag.itemsize, 1)) + _planes(zigzag)
    return low, bytes((plain.itemsize, 0)) + _planes(plain)


def _unsmall(data: bytes, base: int, count: int) -> NDArray[np.int64]:
    if count == 0:
        return np.empty(0, np.int64)
    width, stepwise = data[0], data[1]
    number = _unplaned(data[2:], f"<u{width}", count).astype(np.int64)
    if stepwise:
        number = np.cumsum((number >> 1) ^ -(number & 1))
    return number + base


def _narrow(number: NDArray[np.int64]) -> NDArray[Any]:
    greatest = int(number.max())
    width = next(width for width in (1, 2, 4, 8) if greatest < 1 << (8 * width - (width == 8)))  # noqa: PLR2004
    return number.astype(f"<u{width}")


def _planes(number: NDArray[Any]) -> bytes:
    """All first bytes, then all second bytes, …: bytes of one rank resemble each other."""
    if number.dtype.itemsize == 1:
        return number.tobytes()
    return number.view(np.uint8).reshape(len(number), -1).T.tobytes()


def _unplaned(data: bytes, kind: str, count: int) -> NDArray[Any]:
    dtype = np.dtype(kind)
    planes = np.frombuffer(data, np.uint8, count * dtype.itemsize).reshape(dtype.itemsize, count)
    return np.ascontiguousarray(planes.T).view(dtype).reshape(-1)
