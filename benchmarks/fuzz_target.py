"""What must hold for any bytes: the target of `benchmarks.fuzz`, for every engine the same."""

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from park.responder import Responder
from park.station import Station
from services.ingest.hj212.codec import (
    STRICT,
    ContentError,
    Edition,
    Event,
    Frame,
    Framer,
    ParseError,
    Rejected,
    Sender,
    UploadError,
    answer,
    expected_answer,
    frame,
    parse_segment,
    read_content,
    read_packet,
    role_of,
    sealed_of,
    to_upload,
    unseal,
)
from services.ingest.hj212.codec.events import TOLERANT_LIMIT
from services.ingest.hj212.codec.framer import _BETWEEN_FRAMES

NOW = datetime(2026, 1, 5, tzinfo=UTC)
KEY = b"0" * 16
SECONDS_AN_INPUT = 0.5
SECONDS_A_BYTE = 40e-6
"""CPU time an input may cost; a hundred times what it does cost, and far below what anything quadratic would."""


@dataclass
class Tally:
    """What was tried, and what came of it."""

    inputs: int = 0
    size: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    slowest_input: bytes = b""


class HungError(Exception):
    """An input that took far longer than its size allows."""


def check(data: bytes, tally: Tally, rng: random.Random) -> None:
    """Everything that must hold for one stream of bytes. Raises what it finds."""
    began = time.process_time()
    events = _whole(data, tally)
    _pieces(data, events, rng)
    for event in events:
        _read(event, tally)
    _segment(data, tally)
    cost = time.process_time() - began
    tally.inputs += 1
    tally.size += len(data)
    if cost > tally.slowest:
        tally.slowest, tally.slowest_input = cost, data
    if cost > SECONDS_AN_INPUT + SECONDS_A_BYTE * len(data):
        raise HungError(f"{cost:.2f} s for {len(data)} bytes")


def _whole(data: bytes, tally: Tally) -> list[Event]:
    framer = Framer()
    events = framer.feed(data)
    assert framer.pending <= TOLERANT_LIMIT + 64 or len(data) <= TOLERANT_LIMIT + 64, framer.pending
    events += framer.expire()
    assert framer.pending == 0
    end = 0
    between = 0
    for event in events:
        assert event.offset >= end, "events overlap"
        assert data[event.offset : event.offset + len(event.raw)] == event.raw, "raw is not what was sent"
        between += len(data[end : event.offset].translate(None, _BETWEEN_FRAMES))
        end = event.offset + len(event.raw)
        tally.outcomes[event.reason if isinstance(event, Rejected) else "frame"] += 1
    assert between + len(data[end:].translate(None, _BETWEEN_FRAMES)) == framer.noise, "bytes are lost or counted twice"
    return events


def _pieces(data: bytes, events: list[Event], rng: random.Random) -> None:
    framer = Framer()
    found: list[Event] = []
    at = 0
    while at < len(data):
        size = rng.choice((1, 2, 7, 40, 300, 2000)) if len(data) < 4000 else 300
        found += framer.feed(data[at : at + size])
        at += size
    found += framer.expire()
    assert found == events, "events depend on how the bytes were cut"


def _read(event: Event, tally: Tally) -> None:
    STRICT.judge(event)
    sealed = sealed_of(event)
    if sealed is not None:
        event = unseal(sealed, KEY)
        tally.outcomes["sealed" if isinstance(event, Rejected) else "unsealed"] += 1
    if isinstance(event, Rejected):
        return
    with suppress(ParseError):
        read_packet(event, STRICT)
    again = Framer().feed(frame(event.segment))
    assert len(again) == 1
    _segment(event.segment, tally)
    for edition in (Edition.V2005, Edition.V2017, Edition.V2025):
        station = Station(Sender("M1", "32", edition=edition, key=KEY), live=lambda _now: [("w01018", [("Rtd", 1.5)])])
        responder = Responder(station)
        for made in (*responder.take(event, NOW), *responder.tick(NOW)):
            (sent,) = Framer().feed(made)
            assert isinstance(sent, Frame) or sealed_of(sent) is not None, "a logger sends what is no frame"


def _segment(segment: bytes, tally: Tally) -> None:
    try:
        packet = parse_segment(segment)
    except ParseError as error:
        tally.outcomes[error.code] += 1
        return
    tally.outcomes["packet"] += 1
    role_of(packet)
    cn = expected_answer(packet)
    if cn is not None:
        (reply,) = Framer().feed(answer(packet, cn))
        assert isinstance(reply, Frame), "an answer that is no frame"
        assert expected_answer(parse_segment(reply.segment)) is None, "an answer that asks for an answer"
    readers: tuple[Callable[[], object], ...] = (
        lambda: to_upload(packet, received_at=NOW),
        lambda: read_content(packet),
        lambda: read_content(packet, sender="platform"),
    )
    for read in readers:
        with suppress(UploadError, ContentError):
            read()
            tally.outcomes["read"] += 1
