"""Cut a data area (数据区) into keys and texts, and know the order of its keys from earlier packets.

A device sends the same keys again and again. Their order, checked once, is remembered as a `Shape`; of the
next packet only what its keys say is new. What is not `key=value` throughout has no shape.
"""

import re

from services.ingest.hj212.codec.packet import Shape

_HARMLESS = bytes(sign for sign in range(0x21, 0x7F) if sign not in b"=;,&")
"""Printable signs that say nothing of the form of a data area. A blank, an `&` or anything else is a mark, as are
the separators: such an area is cut by `tolerance`."""
_PAIRED = re.compile(rb"=(?:[;,]=)*[;,]?")
MOST_SHAPES = 2_048
WIDEST_SHAPE = 256
"""Bounds of what is remembered: a stranger who sends ever new keys gains nothing but his own work."""

_NOTHING = (Shape((), ()), ())
_SHAPES: dict[tuple[bytes, str], Shape] = {}
"""By marks and keys; the keys in one text, which is hashed and compared faster than each by itself."""


def cut(body: str, octets: bytes) -> tuple[Shape, tuple[str, ...]] | None:
    """Shape and texts of a data area, `octets` being its ASCII; None where it needs a closer look.

    A separator at the very end stays with the last key.
    """
    if not body:
        return _NOTHING
    if "//" in body:
        return None
    parts = body.replace("=", ";").replace(",", ";").split(";")
    if len(parts) & 1 and parts.pop():
        return None
    keys = ";".join(parts[::2])
    marks = octets.translate(None, _HARMLESS)
    shape = _SHAPES.get((marks, keys)) or _learn(marks, keys, tuple(parts[::2]))
    return None if shape is None else (shape, tuple(parts[1::2]))


def _learn(marks: bytes, joined: str, keys: tuple[str, ...]) -> Shape | None:
    if _PAIRED.fullmatch(marks) is None or "" in keys:
        return None
    separators = tuple(marks[1::2].decode("ascii"))
    shape = Shape(keys, separators if len(separators) == len(keys) else (*separators, ""))
    if len(keys) <= WIDEST_SHAPE:
        if len(_SHAPES) >= MOST_SHAPES:
            _SHAPES.clear()
        _SHAPES[marks, joined] = shape
    return shape
