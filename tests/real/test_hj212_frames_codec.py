"""Every captured or printed frame of the shared data through framer, parser and value reader.

Each frame has exactly one outcome. The tables below name every frame that is not simply read,
by its line in the file (from 0), and say why.
"""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.ingest.hj212.codec import (
    KIND_OF_CN,
    ContentError,
    Frame,
    Framer,
    Packet,
    Rejected,
    Role,
    UploadError,
    crc16,
    crc_family,
    expected_answer,
    frame,
    parse_segment,
    read_content,
    role_of,
    sealed_of,
    to_upload,
    unseal,
)

FRAMES = Path(__file__).parents[3] / "shared" / "data" / "hj212_frames.jsonl"
pytestmark = pytest.mark.skipif(not FRAMES.exists(), reason="needs ../shared/data/hj212_frames.jsonl")

REJECTED = {
    2: "bad_crc",  # edited by hand, checksum of the text before
    3: "bad_crc",  # milliseconds cut from DataTime, checksum of the text before
    4: "bad_crc",  # edited by hand
    38: "bad_header",  # printed with line breaks, one after `##`
    82: "bad_crc",
    83: "bad_length",  # PW filled in after the capture: length and checksum stale
    92: "bad_length",  # MN shortened by its publisher
    94: "bad_length",
    98: "bad_length",  # 0215 for 271 bytes
    99: "bad_crc",
    197: "encrypted_body",  # HJ 212-2025 appendix A.2: SM4 body, checksum of the plain text; opened below
    198: "encrypted_body",
}
SEALED = {197: ["a01011", "a01012", "a01014"], 198: ["a01011", "a01014"]}
"""The frames the standard prints encrypted, with the factors inside."""
OFFICIAL_KEY = b"0" * 16
CONTENT_ERRORS = {
    74: "unknown_command",  # 9021 is in no edition
    75: "unknown_command",
    80: "missing_factor",  # 3020 without any information
}
UNEXPECTED = {
    10: ["a01006-ValidNum", "a01006-TotalNum"],
    35: ["Flag"],
    36: ["LA-td"],
    93: ["A18-flag"],
}
"""What the data area of a frame holds beyond its command's form."""
REPAIRS = {
    **dict.fromkeys((1, 5, 6, 7, 34), ("crc_lower_case",)),
    **dict.fromkeys(range(12, 26), ("crc_modbus",)),
    **dict.fromkeys((9, 42), ("crc_modbus_swapped",)),
    43: ("crc_modbus_swapped", "over_1024"),
    **dict.fromkeys((45, 46, 47), ("length_digits",)),  # ##81QN=
    88: ("over_1024",),
}
NOTES = {
    **dict.fromkeys((6, 89, 90, 91), ("surface_water_profile",)),  # ST=21 with Flag 8 or 9
    10: ("field_order", "packet_numbers_odd"),  # PNO before PNUM and no Flag
    36: ("d_without_numbers", "empty_item"),  # Flag=7 in one packet; `;` before the closing &&
    37: ("field_order",),  # MN before PW
    41: ("st_odd",),  # ST=101
    **dict.fromkeys((45, 46, 47), ("qn_odd",)),  # QN empty
    **dict.fromkeys(range(59, 71), ("qn_odd",)),  # 13 digits of epoch milliseconds
    86: ("comma_for_semicolon", "field_case"),  # `;,MN=` and FLAG
    97: ("empty_item",),
    121: ("semicolon_missing",),  # Flag=5CP=, a slip of the standard
    140: ("blanks",),
    143: ("blanks",),
    146: ("comma_for_semicolon",),  # QN=…,ST=
}
HEADER_BEYOND_LABELS = {86: (None, 0), 146: ("20160801085857534", 5)}
"""QN and Flag where the file's own labels stop at a comma or at upper-case FLAG."""
REQUESTS_NOT_UPLOADS = {12, 14, 39, 44, 122, 123, 178, 179, 180}
"""Data commands without data: a platform asks; line 44 is a logger with an empty data area."""
UPLOAD_NOTES = {
    7: ("time_milliseconds",),
    31: ("time_milliseconds",),
    35: ("flag_for_all",),  # …;Flag=N for the only factor
    36: ("suffix_spelling",),  # LA-td
    90: ("time_not_at_start",),  # hour data of 21:00:01
    93: ("suffix_spelling",),  # -flag
    97: ("time_not_at_start",),
    128: ("factor_repeated",),  # e01001-Rtd twice, in the standard itself
}


def read_rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in FRAMES.read_text("utf-8").splitlines()] if FRAMES.exists() else []


ROWS = read_rows()


def bytes_of(row: dict[str, Any]) -> bytes:
    return base64.b64decode(row["frame_b64"]) if row.get("frame_b64") else row["frame"].encode()


def read(data: bytes) -> Frame | Rejected:
    framer = Framer()
    events = framer.feed(data + b"\r\n") + framer.expire()
    assert framer.noise == 0
    (event,) = events
    return event


def packet_of(number: int) -> Packet:
    event = read(bytes_of(ROWS[number]))
    assert isinstance(event, Frame)
    return parse_segment(event.segment)


def test_the_file_is_the_one_these_tables_speak_of() -> None:
    assert len(ROWS) == 199


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_frame(number: int) -> None:
    row = ROWS[number]
    event = read(bytes_of(row))

    if isinstance(event, Rejected):
        assert event.reason == REJECTED.get(number)
        assert bytes_of(row) in (event.raw, event.raw.rstrip())
        return
    assert number not in REJECTED
    assert event.repairs == REPAIRS.get(number, ())
    assert event.raw == bytes_of(row)
    assert event.crc.replace("_", "-") == row["crc_kind"].replace("byte-", "")
    packet = parse_segment(event.segment)
    assert packet.notes == NOTES.get(number, ())
    assert (packet.st, packet.cn) == (row["st"], row["cn"])
    labelled = HEADER_BEYOND_LABELS.get(number, (row["qn"] or None, int(row["flag"]) if row["flag"] else None))
    assert (packet.qn, packet.flag) == labelled


@pytest.mark.parametrize("number", [n for n, row in enumerate(ROWS) if row["cn"] in KIND_OF_CN and n not in REJECTED])
def test_values(number: int) -> None:
    packet = packet_of(number)
    if number in REQUESTS_NOT_UPLOADS:
        with pytest.raises(UploadError) as caught:
            to_upload(packet)
        assert caught.value.code == "request_not_upload"
        assert role_of(packet) is Role.REQUEST
        return
    upload = to_upload(packet)
    assert upload.notes == UPLOAD_NOTES.get(number, ())
    assert upload.unreadable == ()
    assert upload.extras == ()
    assert role_of(packet) is Role.UPLOAD
    assert len(upload.values) == len({value.factor for value in upload.values}) or number == 128
    sent = {key.rpartition("-")[0] for key, _, _ in packet.fields if "-" in key}
    assert {value.code for value in upload.values} == sent


@pytest.mark.parametrize("number", SEALED)
def test_sealed_frames_open_with_the_key_of_the_standard(number: int) -> None:
    sealed = sealed_of(read(bytes_of(ROWS[number])))
    assert sealed is not None
    wrong = unseal(sealed, b"1" * 16)
    assert isinstance(wrong, Rejected)
    assert wrong.reason == "encrypted_body"
    opened = unseal(sealed, OFFICIAL_KEY)
    assert isinstance(opened, Frame)
    assert (opened.crc, opened.repairs) == ("hj212", ())
    assert [value.code for value in to_upload(parse_segment(opened.segment)).values] == SEALED[number]


def test_no_other_frame_passes_for_a_sealed_one() -> None:
    assert [n for n, row in enumerate(ROWS) if sealed_of(read(bytes_of(row))) is not None] == list(SEALED)


@pytest.mark.parametrize("number", [n for n in range(len(ROWS)) if n not in REJECTED])
def test_content_in_types(number: int) -> None:
    packet = packet_of(number)
    if number in CONTENT_ERRORS:
        with pytest.raises(ContentError) as caught:
            read_content(packet)
        assert caught.value.code == CONTENT_ERRORS[number]
        return
    content = read_content(packet)
    assert [key for key, _ in content.unexpected] == UNEXPECTED.get(number, [])
    assert content.misspelt == ()


def test_totals() -> None:
    frames = [event for row in ROWS if isinstance(event := read(bytes_of(row)), Frame)]
    uploads = [packet for made in frames if (packet := parse_segment(made.segment)).cn in KIND_OF_CN]

    assert len(frames) == 187
    assert sum(not made.repairs for made in frames) == 161
    assert len(uploads) - len(REQUESTS_NOT_UPLOADS) == 57


def test_answers_and_roles() -> None:
    packets = [parse_segment(event.segment) for row in ROWS if isinstance(event := read(bytes_of(row)), Frame)]

    assert {packet.cn for packet in packets if role_of(packet) is Role.ANSWER} == {"9011", "9012", "9013", "9014"}
    assert [packet.cn for packet in packets if role_of(packet) is Role.ANSWER and expected_answer(packet)] == []
    assert [packet.cn for packet in packets if role_of(packet) is Role.UNKNOWN] == []
    assert {packet.cn for packet in packets if expected_answer(packet) == "9013"} == {"1001", "1013"}
    assert {packet.cn for packet in packets if role_of(packet) is Role.HEARTBEAT} == {"9021"}


def test_every_frame_in_one_stream_cut_anywhere() -> None:
    stream = b"".join(bytes_of(row) + b"\r\n" for row in ROWS)
    whole = Framer()
    events = whole.feed(stream) + whole.expire()
    pieces = Framer()
    found = [event for i in range(0, len(stream), 7) for event in pieces.feed(stream[i : i + 7])] + pieces.expire()

    assert found == events
    assert sum(isinstance(event, Frame) for event in events) == 187
    assert sorted(event.reason for event in events if isinstance(event, Rejected)) == sorted(REJECTED.values())


def test_frames_are_written_again_byte_for_byte() -> None:
    for row in ROWS:
        event = read(bytes_of(row))
        if isinstance(event, Frame) and not event.repairs:
            assert frame(event.segment) == bytes_of(row) + b"\r\n"
            assert crc_family(event.segment, crc16(event.segment)) == "hj212"


def test_values_of_one_captured_frame() -> None:
    upload = to_upload(packet_of(102))

    assert upload.data_time == datetime(2011, 8, 6, 4, 26, 50, tzinfo=UTC)
    assert [(value.factor, value.code, value.rtd, value.zs_rtd, value.flag) for value in upload.values[:3]] == [
        ("a21026", "02", 111.0, 226.8, "N"),
        ("a21002", "03", 0.0, 0.0, "N"),
        ("a34013", "01", 0.0, 0.0, "N"),
    ]
