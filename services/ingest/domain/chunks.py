"""Sealed days: the rows of one point, kind and UTC day, turned into one chunk a factor and one origin.

A chunk holds times, values and flags of a factor and, apart from them, what was said besides (`-Min`, `-Max`,
`-Cou`, converted). The origin holds what belongs to whole rows, once for all factors: when each row came,
from which source, in which layout, and how often it was changed. Nothing is rounded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.ingest.domain.columns import Track
from services.ingest.domain.packing import (
    DamagedError,
    pack,
    pack_ints,
    pack_times,
    pack_values,
    unpack,
    unpack_ints,
    unpack_times,
    unpack_values,
)
from services.ingest.domain.readings import NORMAL

DAY = 86_400
MICROSECONDS = 1_000_000
_EPOCH = date(1970, 1, 1)
BESIDES = ("vmin", "vmax", "cou", "zs")


def day_of(at: int) -> date:
    """The UTC day of a time in Unix seconds: days are cut as the partitions are."""
    return _EPOCH + timedelta(days=at // DAY)


def start_of(day: date) -> int:
    """Unix seconds at which a UTC day begins."""
    return (day - _EPOCH).days * DAY


def as_time(at: int) -> datetime:
    """Unix seconds as aware UTC."""
    return datetime.fromtimestamp(at, UTC)


class OpenRow(NamedTuple):
    """A row of the open table. `at` Unix seconds, `received` Unix microseconds; arrays follow the layout."""

    at: int
    received: int
    layout: int
    source: int
    rev: int
    flags: str | None
    avg: Sequence[float]
    vmin: Sequence[float] | None
    vmax: Sequence[float] | None
    cou: Sequence[float] | None
    zs: Sequence[float] | None


@dataclass(frozen=True)
class Strand:
    """One factor of a sealed day: at int64 Unix seconds ascending, numbers float64 (NaN: missing), one flag each."""

    at: NDArray[np.int64]
    value: NDArray[np.float64]
    flags: str
    besides: tuple[NDArray[np.float64], ...] | None
    """vmin, vmax, cou, zs; None where nothing of it was said."""


@dataclass(frozen=True)
class Origin:
    """What belongs to whole rows, ascending by time: at int64 Unix seconds, received int64 Unix microseconds."""

    at: NDArray[np.int64]
    received: NDArray[np.int64]
    layout: NDArray[np.int64]
    source: NDArray[np.int64]
    rev: NDArray[np.int64]


@dataclass(frozen=True)
class Day:
    """One point, kind and UTC day: the origin of its rows, and strands by factor code."""

    origin: Origin
    strands: dict[str, Strand]


class Chunk(NamedTuple):
    """A strand as bytes; `besides` is None where nothing was said but value and flag."""

    vals: int
    body: bytes
    besides: bytes | None


class Sealed(NamedTuple):
    """A day as bytes, chunks by factor code, and the digest over all of it."""

    rows: int
    vals: int
    origin: bytes
    chunks: dict[str, Chunk]


def digest_of(origin: bytes, chunks: Sequence[Chunk]) -> bytes:
    """SHA-256 over chunks, in the order given, and origin; the database computes the same over what it holds."""
    digest = sha256()
    for chunk in chunks:
        digest.update(chunk.body)
        digest.update(chunk.besides or b"")
    digest.update(origin)
    return digest.digest()


def gather(rows: Sequence[OpenRow], layouts: Mapping[int, Sequence[str]]) -> Day:
    """The rows of one point, kind and day, ascending by time, by factor."""
    groups: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(row.layout, []).append(i)
    pieces: dict[str, list[_Piece]] = {}
    for layout, members in groups.items():
        for code, piece in _pieces([rows[i] for i in members], np.array(members), layouts[layout]):
            pieces.setdefault(code, []).append(piece)
    columns = np.array([row[:5] for row in rows], np.int64).reshape(-1, 5).T
    origin = Origin(*(np.ascontiguousarray(column) for column in columns))
    return Day(origin, {code: _strand(parts, origin.at) for code, parts in sorted(pieces.items())})


class _Piece(NamedTuple):
    """A factor in the rows of one layout: numbers of the rows, value, one flag each, the numbers besides."""

    row: NDArray[np.int64]
    value: NDArray[np.float64]
    flags: list[str]
    besides: NDArray[np.float64] | None


def _pieces(rows: list[OpenRow], numbers: NDArray[np.int64], codes: Sequence[str]) -> list[tuple[str, _Piece]]:
    width = len(codes)
    if width == 0:
        return []
    value = np.array([row.avg for row in rows], np.float64).reshape(-1, width)
    flags = [row.flags or NORMAL * width for row in rows]
    besides = None
    if any(row[7:] != (None, None, None, None) for row in rows):
        nothing = [np.nan] * width
        besides = np.array(
            [[nothing if part is None else part for part in row[7:]] for row in rows], np.float64
        ).reshape(-1, len(BESIDES), width)
    return [
        (code, _Piece(numbers, value[:, i], [flag[i] for flag in flags], None if besides is None else besides[:, :, i]))
        for i, code in enumerate(codes)
    ]


def _strand(pieces: list[_Piece], at: NDArray[np.int64]) -> Strand:
    row = np.concatenate([piece.row for piece in pieces])
    order = np.argsort(row, kind="stable")
    value = np.concatenate([piece.value for piece in pieces])[order]
    flags = [flag for piece in pieces for flag in piece.flags]
    besides = None
    if any(piece.besides is not None for piece in pieces):
        nothing = [
            np.full((len(piece.row), len(BESIDES)), np.nan) if piece.besides is None else piece.besides
            for piece in pieces
        ]
        numbers = np.concatenate(nothing)[order]
        besides = None if np.isnan(numbers).all() else tuple(np.ascontiguousarray(numbers.T))
    return Strand(at[row[order]], np.ascontiguousarray(value), "".join(flags[i] for i in order.tolist()), besides)


def scatter(day: Day, layouts: Mapping[int, Sequence[str]]) -> list[OpenRow]:
    """The rows again, as the open table holds them."""
    origin = day.origin
    places = {
        code: dict(zip(strand.at.tolist(), range(len(strand.at)), strict=True)) for code, strand in day.strands.items()
    }
    rows = []
    columns = (origin.at.tolist(), origin.received.tolist(), origin.layout.tolist(), origin.source.tolist(),
               origin.rev.tolist())  # fmt: skip
    for at, received, layout, source, rev in zip(*columns, strict=True):
        found = [(day.strands[code], places[code][at]) for code in layouts[layout]]
        flags = "".join(strand.flags[i] for strand, i in found)
        rows.append(
            OpenRow(
                at, received, layout, source, rev,
                None if flags == NORMAL * len(flags) else flags,
                [float(strand.value[i]) for strand, i in found],
                *_besides(found),
            )
        )  # fmt: skip
    return rows


def _besides(found: list[tuple[Strand, int]]) -> list[list[float] | None]:
    numbers = [
        [np.nan] * len(BESIDES) if strand.besides is None else [float(part[i]) for part in strand.besides]
        for strand, i in found
    ]
    if np.isnan(np.array(numbers)).all():
        return [None] * len(BESIDES)
    return [list(column) for column in zip(*numbers, strict=True)]


def seal(day: Day, start: int) -> Sealed:
    """A day as bytes; `start` is the day's first second."""
    origin = day.origin
    packed = pack([
        pack_times(origin.at - start),
        pack_ints(origin.received - origin.at * MICROSECONDS),
        *(_pack_runs(column) for column in (origin.layout, origin.source, origin.rev)),
    ])  # fmt: skip
    chunks = {code: _seal_strand(strand, start) for code, strand in day.strands.items()}
    return Sealed(len(origin.at), sum(chunk.vals for chunk in chunks.values()), packed, chunks)


def _seal_strand(strand: Strand, start: int) -> Chunk:
    parts = [pack_times(strand.at - start), pack_values(strand.value)]
    if strand.flags != NORMAL * len(strand.flags):
        parts += _pack_flags(strand.flags)
    besides = None if strand.besides is None else pack([pack_values(numbers) for numbers in strand.besides])
    return Chunk(len(strand.at), pack(parts), besides)


def open_track(body: bytes, start: int) -> Track:
    """Times, values and flags of a chunk: all that a chart or a table needs. Raises `DamagedError`."""
    try:
        times, values, *flags = unpack(body)
        at = unpack_times(times) + start
        value = unpack_values(values, len(at))
        return Track(at, value, _unpack_flags(flags) if flags else NORMAL * len(at))
    except (ValueError, IndexError) as error:
        raise DamagedError(f"a chunk of {len(body)} bytes cannot be read: {error}") from error


def open_origin(block: bytes, start: int) -> Origin:
    """The origin of a day's rows. Raises `DamagedError`."""
    times, received, *runs = unpack(block)
    at = unpack_times(times) + start
    came = unpack_ints(received, len(at)) + at * MICROSECONDS
    layout, source, rev = (_unpack_runs(run) for run in runs)
    return Origin(at, came, layout, source, rev)


def unseal(origin: bytes, chunks: Mapping[str, Chunk], start: int) -> Day:
    """A day from its bytes. Raises `DamagedError`."""
    strands = {}
    for code, chunk in sorted(chunks.items()):
        track = open_track(chunk.body, start)
        besides = None
        if chunk.besides is not None:
            besides = tuple(unpack_values(part, len(track.at)) for part in unpack(chunk.besides))
        strands[code] = Strand(track.at, track.value, track.flags, besides)
    return Day(open_origin(origin, start), strands)


def same(one: Day, other: Day) -> bool:
    """Whether two days say the same, bit for bit (all NaN are one)."""
    columns = ("at", "received", "layout", "source", "rev")
    return (
        all(np.array_equal(getattr(one.origin, name), getattr(other.origin, name)) for name in columns)
        and one.strands.keys() == other.strands.keys()
        and all(_same_strand(strand, other.strands[code]) for code, strand in one.strands.items())
    )


def _same_strand(one: Strand, other: Strand) -> bool:
    if not (np.array_equal(one.at, other.at) and one.flags == other.flags and _same_bits(one.value, other.value)):
        return False
    if one.besides is None or other.besides is None:
        return one.besides is other.besides
    return all(_same_bits(a, b) for a, b in zip(one.besides, other.besides, strict=True))


def _same_bits(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    gaps = np.isnan(one)
    return np.array_equal(gaps, np.isnan(other)) and np.array_equal(
        one[~gaps].view(np.int64), other[~gaps].view(np.int64)
    )


def _runs(column: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """(first of each run, its length)."""
    starts = np.flatnonzero(np.concatenate([[True], column[1:] != column[:-1]])) if len(column) else np.empty(0, int)
    return column[starts], np.diff(np.append(starts, len(column))).astype(np.int64)


def _pack_runs(column: NDArray[np.int64]) -> bytes:
    number, length = _runs(column)
    return np.concatenate([number, length]).astype("<i8").tobytes()


def _unpack_runs(data: bytes) -> NDArray[np.int64]:
    number, length = np.frombuffer(data, "<i8").reshape(2, -1)
    return np.repeat(number, length).astype(np.int64)


def _pack_flags(flags: str) -> list[bytes]:
    first, length = _runs(np.array(list(flags)))
    return ["".join(first.tolist()).encode(), length.astype("<u4").tobytes()]


def _unpack_flags(parts: Sequence[bytes]) -> str:
    first, length = parts[0].decode(), np.frombuffer(parts[1], "<u4").tolist()
    return "".join(flag * count for flag, count in zip(first, length, strict=True))
