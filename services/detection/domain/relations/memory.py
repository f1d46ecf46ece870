"""What is remembered of one outlet and kind between rows: bytes beside the feed cursor."""

from __future__ import annotations

import zlib

import msgspec

from services.detection.domain.relations.machine import STATE
from services.detection.domain.relations.usual import FIT, LEVEL
from shared.errors import AppError

LAYOUT = zlib.crc32(repr((STATE, LEVEL, FIT)).encode())
BEFORE_ALL = -(2**62)


class MemoryLayoutError(AppError):
    """Stored memory was written by another set of learners: begin anew."""

    code = "memory_layout"
    status = 500


class Waiting(msgspec.Struct):
    """A row that may not be whole yet: its time, and value and flag by factor."""

    t: int
    cells: dict[str, tuple[float, int]]


class Memory(msgspec.Struct):
    """The last row judged at `last` with the factors `sent` in it (None: no row yet), all factors ever seen, the row
    that waits, and the states of levels by factor, of fits by `y~x`, of running hits by `rule|factor`.
    """

    layout: int = LAYOUT
    last: int = BEFORE_ALL
    sent: list[str] | None = None
    factors: list[str] = []
    waiting: Waiting | None = None
    levels: dict[str, list[float]] = {}
    fits: dict[str, list[float]] = {}
    hits: dict[str, list[float]] = {}


_encoder = msgspec.msgpack.Encoder(order="sorted")
_decoder = msgspec.msgpack.Decoder(Memory)


def dump(memory: Memory) -> bytes:
    """The same memory gives the same bytes."""
    return _encoder.encode(memory)


def load(data: bytes | None) -> Memory:
    """Memory from its bytes; None stands for a new outlet. Raises MemoryLayoutError for those of another layout."""
    if data is None:
        return Memory()
    try:
        memory = _decoder.decode(data)
    except msgspec.DecodeError as wrong:
        raise MemoryLayoutError(f"{len(data)} bytes are no memory: {wrong}") from None
    if memory.layout != LAYOUT:
        raise MemoryLayoutError(f"memory of layout {memory.layout}, not {LAYOUT}")
    return memory
