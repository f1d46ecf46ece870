import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.hj212.codec import CrcFamily, Event, Frame, Framer, Rejected, RejectReason, Repair, frame
from services.ingest.hj212.codec.crc import modbus, modbus_swapped

A = b"QN=20240601085857223;ST=32;CN=2011;PW=123456;MN=M1;Flag=5;CP=&&DataTime=20240601085800;w01018-Rtd=30.5&&"
B = b"ST=31;CN=2011;PW=123456;MN=M2;CP=&&DataTime=20240601085800;01-Rtd=1.2,01-Flag=N&&"
CHINESE = "ST=32;CN=3020;PW=123456;MN=M3;CP=&&i11001-Info=//清洗管路//&&".encode()
LOST_ZERO = b"ST=32;CN=2011;PW=123456;MN=M4;CP=&&DataTime=20240601085800;w01018-Rtd=106&&"


def wire(segment: bytes, *, length: str | None = None, crc: str | None = None, tail: bytes = b"\r\n") -> bytes:
    whole = frame(segment)
    size = length if length is not None else whole[2:6].decode()
    check = crc if crc is not None else whole[-6:-2].decode()
    return b"##" + size.encode() + segment + check.encode() + tail


def read(data: bytes, cuts: int = 0) -> tuple[list[Event], int]:
    """All events of a whole stream, fed at once or in pieces of `cuts` bytes."""
    framer = Framer()
    step = cuts or max(1, len(data))
    events = [event for i in range(0, len(data), step) for event in framer.feed(data[i : i + step])]
    return events + framer.expire(), framer.noise


def crc_of(segment: bytes) -> str:
    return frame(segment)[-6:-2].decode()


ENCRYPTED = b"QN=20240520210700000;ST=31;CN=2051;PW=123456;MN=M9;Flag=9;CP=&&\xe4>\x15##0012\x9a\xcf\r\n\xab$,\xb51&&"

# Name, bytes of the stream, what is found in them, and how many bytes are noise.
CASES: list[tuple[str, bytes, list[tuple[object, ...]], int]] = [
    ("plain", wire(A), [("frame", A, ())], 0),
    ("joined", wire(A) + wire(B), [("frame", A, ()), ("frame", B, ())], 0),
    ("q1 lower-case crc", wire(A, crc=crc_of(A).lower()), [("frame", A, (Repair.CRC_LOWER_CASE,))], 0),
    ("q2 zero of the crc lost", wire(LOST_ZERO, crc="F00"), [("frame", LOST_ZERO, (Repair.CRC_ZERO_LOST,))], 0),
    (
        "q2 zero lost, no CR LF",
        wire(LOST_ZERO, crc="F00", tail=b"") + wire(A),
        [("frame", LOST_ZERO, (Repair.CRC_ZERO_LOST,)), ("frame", A, (Repair.TAIL_MISSING,))],
        0,
    ),
    (
        "q2 zero lost at the end",
        wire(LOST_ZERO, crc="F00", tail=b""),
        [("frame", LOST_ZERO, (Repair.CRC_ZERO_LOST,))],
        0,
    ),
    ("q3 modbus", wire(A, crc=f"{modbus(A):04X}"), [("frame", A, (Repair.CRC_MODBUS,))], 0),
    ("q3 modbus swapped", wire(A, crc=f"{modbus_swapped(A):04X}"), [("frame", A, (Repair.CRC_MODBUS_SWAPPED,))], 0),
    ("q3 constant crc", wire(A, crc="B381"), [("rejected", RejectReason.BAD_CRC)], 0),
    (
        "q4 q5 crc and length of characters",
        wire(CHINESE, length=f"{len(CHINESE.decode()):04d}", crc="74C0"),
        [("frame", CHINESE, (Repair.LENGTH_WRONG, Repair.CRC_CHARACTERS))],
        0,
    ),
    ("q6 length too small", wire(A, length="0041"), [("frame", A, (Repair.LENGTH_WRONG,))], 0),
    (
        "q6 length too great",
        wire(A, length="0180") + wire(B),
        [("frame", A, (Repair.LENGTH_WRONG,)), ("frame", B, ())],
        0,
    ),
    ("q6 length too great at the end", wire(A, length="0180"), [("frame", A, (Repair.LENGTH_WRONG,))], 0),
    ("q6 length and crc wrong", wire(A, length="0041", crc="B381"), [("rejected", RejectReason.BAD_LENGTH)], 0),
    ("q7 two digits", wire(B, length=str(len(B))), [("frame", B, (Repair.LENGTH_DIGITS,))], 0),
    ("q7 three digits", wire(A, length=str(len(A))), [("frame", A, (Repair.LENGTH_DIGITS,))], 0),
    ("q9 no CR LF", wire(A, tail=b"") + wire(B, tail=b""), [("frame", A, ()), ("frame", B, (Repair.TAIL_MISSING,))], 0),
    ("q9 only CR", wire(A, tail=b"\r") + wire(B), [("frame", A, ()), ("frame", B, (Repair.TAIL_MISSING,))], 0),
    ("q9 ** before CR LF", wire(A, tail=b"**\r\n") + wire(B), [("frame", A, ()), ("frame", B, ())], 0),
    ("q10 registration before", b"DTU-13800000000\r\n" + wire(A), [("frame", A, ())], 15),
    ("q10 keep-alives between", wire(A) + b"\x00\x00ping#" + wire(B), [("frame", A, ()), ("frame", B, ())], 7),
    ("q11 half a frame", wire(A)[:60], [("rejected", RejectReason.TRUNCATED)], 0),
    (
        "q11 half a frame, then a whole one",
        wire(A)[:60] + wire(B),
        [("rejected", RejectReason.TRUNCATED), ("frame", B, ())],
        0,
    ),
    ("q12 line breaks inside the header", b"##\n0101\n" + A, [("rejected", RejectReason.BAD_HEADER)], 0),
    (
        "q32 forwarder drops the closing &&",
        wire(A[:-2], length=f"{len(A):04d}", crc=crc_of(A)),
        [("rejected", RejectReason.BAD_LENGTH)],
        0,
    ),
    ("oversized", b"##9999" + A + b"1C80\r\n" + wire(B), [("rejected", RejectReason.OVERSIZED), ("frame", B, ())], 0),
    ("not a length", b"##l2x4hello" + wire(B), [("rejected", RejectReason.BAD_HEADER), ("frame", B, ())], 0),
    ("one more #", b"#" + wire(A), [("frame", A, ())], 1),
    ("bad crc, then good", wire(A, crc="0000") + wire(B), [("rejected", RejectReason.BAD_CRC), ("frame", B, ())], 0),
    (
        "encrypted",
        wire(ENCRYPTED, crc="2200") + wire(B),
        [("rejected", RejectReason.ENCRYPTED_BODY), ("frame", B, ())],
        0,
    ),
    (
        "encrypted written as numbers",
        wire(b"ST=31;CN=2051;PW=1;MN=M9;Flag=9;CP=&&{0xE4,0x3E}&&", crc="2200"),
        [("rejected", RejectReason.ENCRYPTED_BODY)],
        0,
    ),
    ("empty segment", b"##0000FFFF\r\n", [("frame", b"", ())], 0),
    ("only noise", b"GET / HTTP/1.1\r\n", [], 14),
    ("nothing", b"", [], 0),
]


def brief(events: list[Event]) -> list[tuple[object, ...]]:
    return [
        ("frame", event.segment, event.repairs) if isinstance(event, Frame) else ("rejected", event.reason)
        for event in events
    ]


@pytest.mark.parametrize(("name", "data", "expected", "noise"), CASES, ids=[case[0] for case in CASES])
def test_whole_stream(name: str, data: bytes, expected: list[tuple[object, ...]], noise: int) -> None:
    events, noise_found = read(data)

    assert brief(events) == expected
    assert noise_found == noise


@pytest.mark.parametrize(("name", "data", "expected", "noise"), CASES, ids=[case[0] for case in CASES])
def test_cut_at_every_byte(name: str, data: bytes, expected: list[tuple[object, ...]], noise: int) -> None:
    whole = read(data)
    for cut in range(1, len(data)):
        framer = Framer()
        events = framer.feed(data[:cut]) + framer.feed(data[cut:]) + framer.expire()
        assert (events, framer.noise) == whole
    assert read(data, cuts=1) == whole


@given(
    st.lists(st.sampled_from([case[1] for case in CASES]) | st.binary(max_size=40), max_size=6).map(b"".join),
    st.lists(st.integers(1, 60), min_size=1, max_size=40),
)
@settings(max_examples=300, deadline=None)
def test_events_do_not_depend_on_reads(data: bytes, sizes: list[int]) -> None:
    framer = Framer()
    events: list[Event] = []
    position = turn = 0
    while position < len(data):
        size = sizes[turn % len(sizes)]
        events += framer.feed(data[position : position + size])
        position += size
        turn += 1
    events += framer.expire()

    assert (events, framer.noise) == read(data)


@given(st.binary(max_size=3000) | st.text("#&0189AFCP=;\r\n*", max_size=600).map(str.encode))
@settings(deadline=None)
def test_hostile_bytes_never_raise_and_nothing_is_lost(data: bytes) -> None:
    events, noise = read(data, cuts=17)

    kept = sum(len(event.raw) for event in events)
    assert kept + noise <= len(data)
    between = sum(data.count(sign) for sign in (b"\r", b"\n", b"*"))
    assert kept + noise + between >= len(data)


def test_offsets_and_raw_bytes() -> None:
    (first, second), _ = read(b"xx" + wire(A) + wire(B, crc="B381"))

    assert first == Frame(wire(A)[:-2], A, CrcFamily.HJ212, (), 2)
    assert second == Rejected(wire(B, crc="B381")[:-2], RejectReason.BAD_CRC, 2 + len(wire(A)))


@pytest.mark.parametrize(("size", "repairs"), [(1024, ()), (1025, (Repair.OVER_1024,)), (4096, (Repair.OVER_1024,))])
def test_q8_long_segments(size: int, repairs: tuple[Repair, ...]) -> None:
    segment = b"x" * size

    assert brief(read(wire(segment))[0]) == [("frame", segment, repairs)]


def test_over_the_tolerant_limit() -> None:
    events, _ = read(wire(b"x" * 4097) + wire(A))

    assert brief(events) == [("rejected", RejectReason.OVERSIZED), ("frame", A, ())]


def test_strict_limit() -> None:
    framer = Framer(limit=1024)

    assert brief(framer.feed(wire(b"x" * 1025)) + framer.expire()) == [("rejected", RejectReason.OVERSIZED)]


@pytest.mark.parametrize(
    "pattern",
    [
        b"##4096",
        b"##0010",
        b"##9999",
        b"##40",
        b"#",
        b"##",
        b"&&1C80",
        b"##0050&&12",
        b"x",
        b"##409&&F#",
        b"##0004&&\r\n",
    ],
)
def test_hostile_peer_costs_bounded_memory_and_linear_time(pattern: bytes) -> None:
    data = (pattern * (200_000 // len(pattern) + 1))[:200_000]
    framer = Framer()
    started = time.process_time()
    for i in range(0, len(data), 100):
        framer.feed(data[i : i + 100])
        assert framer.pending <= 4096 + 20
    framer.expire()

    assert framer.pending == 0
    assert time.process_time() - started < 5


def test_byte_by_byte_frame_of_the_limit_is_cheap() -> None:
    data = b"##4096" + b"y" * 4096 + b"zzzz" + b"y" * 5000
    started = time.process_time()
    events, _ = read(data, cuts=1)

    assert [event.reason for event in events if isinstance(event, Rejected)] == [RejectReason.BAD_LENGTH]
    assert time.process_time() - started < 3


def test_incomplete_frame_waits_until_it_expires() -> None:
    framer = Framer()

    assert framer.feed(wire(A)[:-3]) == []
    assert framer.pending == len(wire(A)) - 3
    assert brief(framer.expire()) == [("rejected", RejectReason.TRUNCATED)]
    assert framer.pending == 0
    assert brief(framer.feed(wire(B))) == [("frame", B, ())]
