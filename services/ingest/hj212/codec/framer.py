"""Cut a TCP byte stream into HJ 212 frames (通讯包), whatever the peer sends.

A frame is `##`, four digits of length, the data segment, four hexadecimal digits of checksum
and CR LF (HJ 212-2017, 6.3.1). Frames are found by their length, never by CR LF, which part of
the field leaves out. What devices get wrong is repaired and named in `Frame.repairs`; what
cannot be repaired comes back whole as `Rejected`, and the stream goes on at the next frame.

Every decision depends on the bytes alone and never on how they were cut into reads, so half
and joined frames give the same events. Only `expire` may treat the end of the buffer as the
end of a frame. The buffer never holds more than one frame of the limit plus the last read.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from services.ingest.hj212.codec.crc import CrcFamily, crc16, crc_family, wrong_family
from services.ingest.hj212.codec.events import (
    STRICT_LIMIT,
    Event,
    Frame,
    Rejected,
    RejectReason,
    Repair,
    crc_repairs,
)
from services.ingest.hj212.codec.opaque import looks_sealed
from services.ingest.hj212.codec.profile import LENIENT, Tolerance

_HEADER = re.compile(rb"##(\d{4}|\d{2,3}(?=[A-Za-z]))")
_HEADER_SIZE = 6
_CRC_SIZE = 4
_TAIL_SIZE = len(b"\r\n")
_BOUNDARY = re.compile(rb"&&([0-9A-Fa-f]{1,4})(?=\r|\n|##|\*\*)|##(?:\d{4}|\d{2,3}[A-Za-z])")
"""The tail of a frame, with its checksum as group 1, or the header of the next one."""
_LAST_TAIL = re.compile(rb"&&([0-9A-Fa-f]{1,4})\Z")
_BOUNDARY_SIZE = 8
_GIVEN_CRC = re.compile(rb"[0-9A-Fa-f]{1,4}")
_BETWEEN_FRAMES = b"\r\n*"
_LOWER_CASE = (Repair.CRC_LOWER_CASE,)
_RIGHT = CrcFamily.HJ212
_new = tuple.__new__
"""A named tuple without the call of its own `__new__`, which costs as much as the rest of it."""
Family = Callable[[bytes, int], CrcFamily | None]
"""`crc_family`, or `wrong_family` where the right checksum was seen not to fit."""


@dataclass(slots=True)
class _Search:
    """A frame that failed at its declared length and whose real end is being looked for."""

    head: int
    declared: int | None
    reason: RejectReason
    shaped: bool = False
    """`&&` and four hexadecimal digits stand exactly where the length says."""
    scanned: int = 0


class Framer:
    """Incremental framer for one connection. Not thread-safe; never raises on input.

    `noise` counts the bytes outside any frame: registration strings, keep-alives, scanners.
    CR, LF and `*` between frames are not noise. A repair that `tolerance` does not take is a
    `Rejected`; `limit` (bytes of a segment) overrides the tolerance's.
    """

    __slots__ = ("_base", "_buffer", "_last_end", "_limit", "_need", "_search", "_tolerance", "noise")

    def __init__(self, *, limit: int | None = None, tolerance: Tolerance = LENIENT) -> None:
        self.noise = 0
        self._tolerance = tolerance
        self._limit = tolerance.limit if limit is None else limit
        self._buffer = b""
        self._base = 0
        self._need = 0
        self._last_end = -2
        self._search: _Search | None = None

    @property
    def pending(self) -> int:
        """Bytes held back because their frame is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes of the stream and return what they complete, in order."""
        if self._buffer:
            data = self._buffer + data
            if len(data) < self._need:
                self._buffer = data
                return []
        return self._drain(data, final=False)

    def expire(self) -> list[Event]:
        """Give up waiting: the peer fell silent or left. Empties the buffer."""
        return self._drain(self._buffer, final=True)

    def _drain(self, data: bytes, *, final: bool) -> list[Event]:
        events: list[Event] = []
        pos = 0
        size = len(data)
        widest = self._limit + _HEADER_SIZE
        while pos < size:
            body = pos + _HEADER_SIZE
            digits = data[pos + 2 : body]
            if digits.isdigit() and self._search is None and data.startswith(b"##", pos):
                end = body + int(digits)
                stop = end + _CRC_SIZE
                # The right checksum in the right place: nearly every frame leaves here.
                if stop <= size and len(digits) == _CRC_SIZE and end - pos <= widest:
                    segment, given = data[body:end], data[end:stop]
                    right = b"%04X" % crc16(segment)
                    if given == right:
                        start = self._base + pos
                        if start - self._last_end >= _TAIL_SIZE and end - body <= STRICT_LIMIT:
                            self._last_end = self._base + stop
                            events.append(_new(Frame, (data[pos:stop], segment, _RIGHT, (), start)))
                        else:
                            events.append(self._accept(data[pos:stop], segment, pos))
                        pos = stop + _TAIL_SIZE if data.startswith(b"\r\n", stop) else stop
                        continue
                    if given.upper() == right:
                        events.append(self._accept(data[pos:stop], segment, pos, repairs=_LOWER_CASE))
                        pos = stop
                    else:
                        pos = self._judge(data, pos, _HEADER_SIZE, end - body, events, family=wrong_family)
                    continue
            moved = self._step(data, pos, final=final, events=events)
            if moved < 0:
                break
            pos = moved
        self._buffer = data[pos:]
        self._base += pos
        return events if self._tolerance is LENIENT else [self._tolerance.judge(event) for event in events]

    def _accept(
        self,
        raw: bytes,
        segment: bytes,
        pos: int,
        crc: CrcFamily = CrcFamily.HJ212,
        repairs: tuple[Repair, ...] = (),
    ) -> Frame:
        start = self._base + pos
        if start - self._last_end < _TAIL_SIZE:
            repairs = (*repairs, Repair.TAIL_MISSING)
        if len(segment) > STRICT_LIMIT:
            repairs = (*repairs, Repair.OVER_1024)
        self._last_end = start + len(raw)
        return Frame(raw, segment, crc, repairs, start)

    def _step(self, data: bytes, pos: int, *, final: bool, events: list[Event]) -> int:
        """Handle what is not a faultless frame at `pos`. Returns the new position, or -1 to wait."""
        if self._search is not None:
            return self._find_end(data, pos, self._search, final=final, events=events)
        if not data.startswith(b"##", pos):
            return self._skip_noise(data, pos, final=final)
        if len(data) - pos < _HEADER_SIZE:
            return self._drop(data[pos:], len(data)) if final else self._wait(_HEADER_SIZE)
        if data.startswith(b"###", pos):
            return self._drop(b"#", pos + 1)
        return self._open(data, pos, final=final, events=events)

    def _open(self, data: bytes, pos: int, *, final: bool, events: list[Event]) -> int:
        """Read the header at `pos` and, once all of it is there, judge the frame."""
        header = _HEADER.match(data, pos)
        declared = int(header[1]) if header else 0
        head = header.end() - pos if header else 2
        if header is None or declared > self._limit:
            reason = RejectReason.BAD_HEADER if header is None else RejectReason.OVERSIZED
            self._search = _Search(head=head, declared=None, reason=reason)
            return pos
        size = head + declared + _CRC_SIZE
        if len(data) - pos < size and not final:
            return self._wait(size)
        return self._judge(data, pos, head, declared, events)

    def _skip_noise(self, data: bytes, pos: int, *, final: bool) -> int:
        start = data.find(b"##", pos)
        if start >= 0:
            return self._drop(data[pos:start], start)
        if final or not data.endswith(b"#"):
            return self._drop(data[pos:], len(data))
        last = len(data) - 1
        return self._drop(data[pos:last], last) if pos < last else self._wait(_HEADER_SIZE)

    def _wait(self, need: int) -> int:
        self._need = need
        return -1

    def _drop(self, skipped: bytes, to: int) -> int:
        self.noise += len(skipped.translate(None, _BETWEEN_FRAMES))
        return to

    def _judge(
        self, data: bytes, pos: int, head: int, declared: int, events: list[Event], family: Family = crc_family
    ) -> int:
        """A whole frame by its declared length: accept it, or start looking for its real end."""
        body = pos + head
        end = body + declared
        segment = data[body:end]
        given = _GIVEN_CRC.match(data, end, end + _CRC_SIZE)
        inside = _has_boundary(segment)
        # Fewer than four digits count only where something else follows them, or nothing can.
        if given is not None and len(segment) == declared:
            repairs = (Repair.LENGTH_DIGITS,) if head != _HEADER_SIZE else ()
            # A boundary inside means a cut frame. Looking for it first keeps the dear checksums of
            # the other families linear: without it a peer could have every byte summed 300 times.
            if not inside or crc16(segment) == int(given[0], 16):
                frame = self._check(data[pos : given.end()], segment, given[0], pos, repairs, family)
                if frame is not None:
                    events.append(frame)
                    return given.end()
        shaped = segment.endswith(b"&&") and given is not None and len(given[0]) == _CRC_SIZE
        if shaped:
            stop = end + _CRC_SIZE
            if looks_sealed(segment):
                return self._reject(data[pos:stop], RejectReason.ENCRYPTED_BODY, pos, stop, events)
            if not inside:
                return self._reject(data[pos:stop], RejectReason.BAD_CRC, pos, stop, events)
        reason = RejectReason.BAD_LENGTH if len(data) >= end + _CRC_SIZE else RejectReason.TRUNCATED
        self._search = _Search(head=head, declared=declared, reason=reason, shaped=shaped)
        return pos

    def _check(
        self,
        raw: bytes,
        segment: bytes,
        given: bytes,
        pos: int,
        repairs: tuple[Repair, ...],
        family: Family = crc_family,
    ) -> Frame | None:
        """The frame if any known checksum fits, with every repair that took."""
        found = family(segment, int(given, 16))
        if found is None:
            return None
        return self._accept(raw, segment, pos, found, repairs + crc_repairs(found, given))

    def _find_end(self, data: bytes, pos: int, search: _Search, *, final: bool, events: list[Event]) -> int:
        """Look for the real end of a failed frame: its tail, the next header or the limit."""
        head = pos + search.head
        window = head + self._limit + _BOUNDARY_SIZE
        found = _BOUNDARY.search(data, max(head, pos + search.scanned), window)
        stop = head + (search.declared or 0) + _CRC_SIZE
        if search.shaped and (found is None or found.end() >= stop):
            return self._reject(data[pos:stop], RejectReason.BAD_CRC, pos, stop, events)
        if found is None and len(data) >= window:
            # The last bytes may be the beginning of a boundary.
            stop = window - _BOUNDARY_SIZE
            return self._reject(data[pos:stop], search.reason, pos, stop, events)
        if found is None and final:
            found = _LAST_TAIL.search(data, head)
            if found is None:
                return self._reject(data[pos:], search.reason, pos, len(data), events)
        if found is None:
            search.scanned = max(0, len(data) - pos - _BOUNDARY_SIZE)
            return self._wait(0)
        if found[1] is None:
            return self._reject(
                data[pos : found.start()], self._cut_short(search, found.start() - head), pos, found.start(), events
            )
        return self._repair(data, pos, search, found, events)

    def _cut_short(self, search: _Search, size: int) -> RejectReason:
        """The next frame begins inside this one: it is cut short unless its length was too small."""
        if search.declared is not None and size < search.declared + _CRC_SIZE:
            return RejectReason.TRUNCATED
        return search.reason

    def _repair(self, data: bytes, pos: int, search: _Search, tail: re.Match[bytes], events: list[Event]) -> int:
        """The frame ends at `tail`, not where its length says. Accept it if the checksum fits."""
        segment = data[pos + search.head : tail.start() + 2]
        reason = search.reason
        if search.declared is not None:
            repairs = (Repair.LENGTH_WRONG,) if len(segment) != search.declared else ()
            frame = self._check(data[pos : tail.end()], segment, tail[1], pos, repairs)
            if frame is not None:
                self._search = None
                events.append(frame)
                return tail.end()
            if repairs:
                reason = RejectReason.BAD_LENGTH
            elif reason is not RejectReason.TRUNCATED:
                reason = RejectReason.BAD_CRC
            if looks_sealed(segment):
                reason = RejectReason.ENCRYPTED_BODY
        return self._reject(data[pos : tail.end()], reason, pos, tail.end(), events)

    def _reject(self, raw: bytes, reason: RejectReason, pos: int, to: int, events: list[Event]) -> int:
        self._search = None
        events.append(Rejected(raw, reason, self._base + pos))
        return to


def _has_boundary(segment: bytes) -> bool:
    """Whether a frame seems to end or begin inside. Nearly none has a sign that only stands between frames."""
    suspect = b"##" in segment or b"\r" in segment or b"\n" in segment or b"**" in segment
    return suspect and _BOUNDARY.search(segment) is not None
