"""The habits of real devices, one test each, with what becomes of the data.

What was seen in public captures, logs and programs: frames that differ from the standard at the level of the frame
(1 to 12), the header (13 to 19), the data area (20 to 27) and in behaviour (28 to 32).
"""

from datetime import UTC, datetime, timedelta

import pytest

from park.responder import Responder, Temper
from park.station import Station
from services.ingest.domain.commands.life import ROWS
from services.ingest.hj212.codec import (
    LENIENT,
    STRICT,
    Edition,
    Event,
    FactorValues,
    Frame,
    Framer,
    Packet,
    ParseError,
    Rejected,
    Role,
    Sender,
    Upload,
    UploadError,
    answer,
    command,
    crc16,
    expected_answer,
    frame,
    parse_segment,
    read_content,
    read_packet,
    role_of,
    to_upload,
)
from services.ingest.hj212.codec.crc import crc16_of_units, modbus, modbus_swapped
from shared.contracts.ingest.commands import CommandEvent, CommandState

HEAD = b"QN=20260105080000123;ST=32;CN=2011;PW=123456;MN=M1;Flag=5;"
DATA = b"DataTime=20260105080000;w01018-Rtd=40.1,w01018-Flag=N"
SEGMENT = HEAD + b"CP=&&" + DATA + b"&&"
CHINESE = (
    "QN=1;ST=32;CN=3020;PW=123456;MN=M1;Flag=5;CP=&&DataTime=20260105080000;PolId=w01018;i11001-Info=//清洗管路//&&"
)


def wire(segment: bytes, crc: bytes | None = None, length: bytes | None = None, tail: bytes = b"\r\n") -> bytes:
    size = b"%04d" % len(segment) if length is None else length
    return b"##" + size + segment + (b"%04X" % crc16(segment) if crc is None else crc) + tail


def events(data: bytes, framer: Framer | None = None) -> list[Event]:
    framer = framer or Framer()
    return framer.feed(data) + framer.expire()


def only(data: bytes) -> Frame:
    (event,) = events(data)
    assert isinstance(event, Frame), event
    return event


def refused_by_strict(data: bytes) -> str:
    """The reason for which the strict profile rejects what the lenient one takes."""
    first = events(data, Framer(tolerance=STRICT))[0]
    assert isinstance(first, Rejected), first
    return first.reason


def packet(head: bytes, body: bytes = DATA) -> Packet:
    return parse_segment(head + b"CP=&&" + body + b"&&")


def upload(body: bytes, cn: bytes = b"2011", st: bytes = b"32") -> Upload:
    return to_upload(packet(b"QN=20260105080000123;ST=" + st + b";CN=" + cn + b";PW=123456;MN=M1;Flag=5;", body))


def value(body: bytes) -> FactorValues:
    (found,) = upload(b"DataTime=20260105080000;" + body).values
    return found


# --- the frame ---


def test_quirk_01_checksum_in_lower_case() -> None:
    data = wire(SEGMENT, b"%04x" % crc16(SEGMENT))
    assert only(data).repairs == ("crc_lower_case",)
    assert refused_by_strict(data) == "bad_crc"


def test_quirk_02_checksum_without_its_leading_zero() -> None:
    segment = next(made for n in range(500) if crc16(made := SEGMENT.replace(b"40.1", b"%d" % n)) < 0x1000)
    data = wire(segment, b"%X" % crc16(segment))
    assert only(data).repairs == ("crc_zero_lost",)
    assert only(data).segment == segment
    assert refused_by_strict(data) == "bad_crc"


def test_quirk_03_checksums_of_other_families_and_a_constant() -> None:
    plain, swapped = (wire(SEGMENT, b"%04X" % family(SEGMENT)) for family in (modbus, modbus_swapped))
    assert [only(data).repairs for data in (plain, swapped)] == [("crc_modbus",), ("crc_modbus_swapped",)]
    assert refused_by_strict(plain) == refused_by_strict(swapped) == "bad_crc"
    assert isinstance(events(plain, Framer(tolerance=STRICT.allowing(["crc_modbus"])))[0], Frame)
    other = SEGMENT.replace(b"40.1", b"40.2")
    (constant,) = events(wire(other, b"B381"))
    assert isinstance(constant, Rejected)
    assert (constant.reason, constant.raw) == ("bad_crc", wire(other, b"B381")[:-2])


def test_quirk_04_checksum_over_characters_and_chinese_turned_into_question_marks() -> None:
    data = wire(CHINESE.encode(), b"%04X" % crc16_of_units(ord(sign) for sign in CHINESE))
    assert only(data).repairs == ("crc_characters",)
    marks = only(wire(CHINESE.encode("ascii", "replace")))
    assert parse_segment(marks.segment).param("i11001-Info") == "//????//"


def test_quirk_05_length_in_characters() -> None:
    data = wire(CHINESE.encode(), length=b"%04d" % len(CHINESE))
    assert len(CHINESE) != len(CHINESE.encode())
    assert (only(data).repairs, only(data).segment) == (("length_wrong",), CHINESE.encode())
    assert refused_by_strict(data) == "bad_length"


def test_quirk_06_stale_length_is_repaired_only_where_the_checksum_proves_the_end() -> None:
    good = only(wire(SEGMENT, length=b"0061"))
    assert (good.segment, good.repairs) == (SEGMENT, ("length_wrong",))
    (edited,) = events(wire(SEGMENT.replace(b"40.1", b"40.12"), b"%04X" % crc16(SEGMENT), length=b"0061"))
    assert isinstance(edited, Rejected)
    assert edited.reason == "bad_length"


def test_quirk_07_length_of_two_or_three_digits() -> None:
    data = wire(SEGMENT, length=b"%d" % len(SEGMENT))
    assert only(data).repairs == ("length_digits",)
    short = b"QN=;ST=23;CN=1012;PW=123456;MN=0507A010003242;CP=&&SystemTime=20250221141050696&&"
    assert only(wire(short, length=b"81")).repairs == ("length_digits",)
    assert refused_by_strict(data) == "bad_header"


def test_quirk_08_more_than_1024_bytes() -> None:
    segment = HEAD + b"CP=&&DataTime=20260105080000" + b"".join(b";a%05d-Rtd=1.0" % n for n in range(100)) + b"&&"
    assert len(segment) > 1024
    assert only(wire(segment)).repairs == ("over_1024",)
    assert refused_by_strict(wire(segment)) == "oversized"


@pytest.mark.parametrize("tail", [b"", b"\r", b"\n", b"**\r\n"])
def test_quirk_09_tails(tail: bytes) -> None:
    found = events(wire(SEGMENT, tail=tail) + wire(SEGMENT))
    assert [event.segment for event in found if isinstance(event, Frame)] == [SEGMENT, SEGMENT]
    assert [event.repairs for event in found if isinstance(event, Frame)][1] == (
        ("tail_missing",) if len(tail) < 2 else ()
    )


def test_quirk_10_other_bytes_between_frames() -> None:
    framer = Framer()
    noise = [b"DTU-0042 registered", b"http://www.cmsoft.cn QQ:10865600", b"\xfe\xfe", b"GET / HTTP/1.0\r\n\r\n", b"#"]
    found = events(b"".join(piece + wire(SEGMENT) for piece in noise), framer)
    assert [event.repairs for event in found if isinstance(event, Frame)] == [()] * 5
    assert framer.noise == sum(len(piece.translate(None, b"\r\n*")) for piece in noise)


def test_quirk_11_half_and_joined_packets() -> None:
    stream = wire(SEGMENT) * 3
    for size in (1, 7, 64, 500):
        framer = Framer()
        found = [event for i in range(0, len(stream), size) for event in framer.feed(stream[i : i + size])]
        assert [(type(event), event.offset) for event in found] == [(Frame, n * len(wire(SEGMENT))) for n in range(3)]


def test_quirk_12_a_frame_copied_from_a_document_is_refused_whole_and_kept() -> None:
    copied = wire(SEGMENT).replace(b"##", b"##\n", 1).replace(b"CP=", b"\n\nCP=")
    found = events(copied + wire(SEGMENT))
    assert [type(event) for event in found] == [Rejected, Frame]
    assert isinstance(found[0], Rejected)
    assert found[0].reason == "bad_header"
    assert copied.startswith(found[0].raw)


# --- the header ---


def test_quirk_13_flag_missing_misspelt_zero_misplaced_or_with_a_blank() -> None:
    head = b"QN=20260105080000123;ST=32;CN=2011;PW=123456;MN=M1;"
    assert (packet(head).flag, packet(head).edition, packet(head).notes) == (None, Edition.V2005, ())
    assert (packet(head + b"FLAG=5;").flag, packet(head + b"FLAG=5;").notes) == (5, ("field_case",))
    assert (packet(head + b"Flag=0;").ack_wanted, packet(head + b"Flag =5;").flag) == (False, 5)
    behind = parse_segment(head + b"CP=&&" + DATA + b"&&;Flag=4")
    assert (behind.flag, behind.edition, behind.notes) == (4, Edition.V2017, ("field_after_cp",))
    assert packet(head + b"Flag=x;").notes == ("flag_unreadable",)


def test_quirk_14_another_order_and_stray_commas() -> None:
    swapped = packet(b"QN=20260105080000123;ST=32;CN=2011;MN=M1;PW=123456;Flag=5;")
    assert (swapped.mn, swapped.pw, swapped.notes) == ("M1", "123456", ("field_order",))
    assert packet(b"ST=32;CN=2011;QN=20260105080000123;PW=123456;MN=M1;Flag=5;").qn == "20260105080000123"
    stray = packet(b"QN=20260105080000123;ST=32;CN=2011;PW=123456;,MN=M1;Flag=5;")
    assert (stray.mn, stray.notes) == ("M1", ("comma_for_semicolon",))


def test_quirk_15_request_codes_that_are_none() -> None:
    rest = b"ST=32;CN=2011;PW=123456;MN=M1;Flag=5;"
    for qn, read in ((b"", None), (b"1617936069734", "1617936069734")):
        made = packet(b"QN=" + qn + b";" + rest)
        assert (made.qn, made.notes) == (read, ("qn_odd",))
    same = [to_upload(packet(HEAD, DATA.replace(b"080000", b"08%02d00" % minute))) for minute in (0, 1)]
    assert same[0].data_time != same[1].data_time  # the same QN for two frames: DataTime tells them apart
    a_day_later = packet(HEAD.replace(b"QN=20260105", b"QN=20260106"))
    assert (a_day_later.notes, to_upload(a_day_later).data_time.day) == ((), 5)


@pytest.mark.parametrize(
    "mn", ["MYHJ00000000000080011128", "411420sibo0606", "aqms-1100-2020110011", "A110000_0001", "MP1"]
)
def test_quirk_16_numbers_and_passwords_that_are_not_hexadecimal(mn: str) -> None:
    made = packet(f"QN=20260105080000123;ST=32;CN=2011;PW=;MN={mn};Flag=5;".encode())
    assert (made.mn, made.pw, made.notes) == (mn, "", ())
    assert packet(b"ST=32;CN=2011;PW=BF470F88957588DE902D1A52;MN=M1;").pw == "BF470F88957588DE902D1A52"


def test_quirk_17_packet_numbers() -> None:
    padded = packet(b"QN=20260105080000123;ST=31;CN=2051;PW=1;MN=M1;PNO=0002;PNUM=0002;")
    assert (padded.pnum, padded.pno, padded.notes) == (2, 2, ("field_order", "packet_numbers_odd"))
    single = packet(HEAD.replace(b"Flag=5", b"Flag=7"))
    assert (single.pnum, single.ack_wanted, single.notes) == (None, True, ("d_without_numbers",))
    request = packet(b"QN=20040516010101001;ST=32;CN=1000;PW=1;MN=M1;Flag=3;", b"OverTime=5;ReCount=3")
    assert (request.edition, request.notes) == (Edition.V2005, ())


def test_quirk_18_an_answer_that_asks_for_an_answer_gets_none() -> None:
    for cn in ("9011", "9012", "9013", "9014"):
        made = packet(f"QN=1;ST=21;CN={cn};PW=123456;MN=M1;Flag=5;".encode(), b"QnRtn=1")
        assert made.ack_wanted
        assert role_of(made) is Role.ANSWER
        assert expected_answer(made) is None
        assert Responder(Station(Sender("M1", "32"))).hear(made, datetime(2026, 1, 5, tzinfo=UTC)) == []


def test_quirk_19_data_answers_with_a_return_code_and_devices_that_wait_for_them() -> None:
    made = packet(b"QN=20260105080000123;ST=91;CN=9014;PW=123456;MN=M1;Flag=4;", b"QnRtn=1")
    assert read_content(made).param("QnRtn") == 1
    realtime = packet(HEAD)
    assert expected_answer(realtime) == "9014"
    (reply,) = [parse_segment(event.segment) for event in events(answer(realtime, "9014")) if isinstance(event, Frame)]
    assert (reply.qn, reply.st, reply.flag, reply.fields) == (realtime.qn, "91", 4, ())


# --- the data area ---


@pytest.mark.parametrize(
    ("segment", "notes"),
    [
        (HEAD + b"CP=&" + DATA + b"&&", ("cp_one_ampersand",)),
        (HEAD + b"CP=&&" + DATA + b";&&", ("empty_item",)),
        (HEAD + b"CP=&&DataTime = 20260105080000 ; w01018-Rtd=40.1,w01018-Flag=N&&", ("blanks",)),
        (HEAD[:-1] + b"CP=&&" + DATA + b"&&", ("semicolon_missing",)),
        (HEAD.replace(b"123;ST", b"123,ST") + b"CP=&&" + DATA + b"&&", ("comma_for_semicolon",)),
        ((HEAD + b"CP=&&" + DATA).replace(b"DataTime=", "DataTime：".encode()) + b"&&", ("full_width",)),
    ],
)
def test_quirk_20_signs_too_many_too_few_or_too_wide(segment: bytes, notes: tuple[str, ...]) -> None:
    made = parse_segment(segment)
    assert made.notes == notes
    assert to_upload(made).values[0].rtd == 40.1
    whole = Frame(wire(segment)[:-2], segment, only(wire(segment)).crc, (), 0)
    with pytest.raises(ParseError) as caught:
        read_packet(whole, STRICT)
    assert caught.value.code == "not_permitted"
    assert read_packet(whole, STRICT.allowing(notes)) == read_packet(whole, LENIENT) == made


def test_quirk_21_bare_keys_unknown_suffixes_and_typing_errors() -> None:
    made = upload(b"DataTime=20260105080000;FANSTATUS=1;a34001-Rtd=92;Flag=D", st=b"31")
    assert (made.extras, made.values[0].flag, made.notes) == ((("FANSTATUS", "1"),), "D", ("flag_for_all",))
    assert value(b"a01006-ValidNum=10").extra == (("ValidNum", "10"),)
    assert (value(b"LA-td=50.1").rtd, value(b"A18-Rtd=1,A18-flag=N").flag) == (50.1, "N")


def test_quirk_22_a_factor_sent_twice_is_kept_twice() -> None:
    made = upload(b"DataTime=20260105080000;e01001-Rtd=1.1;e01001-Rtd=2.2", st=b"52")
    assert [(part.rtd, part.occurrence) for part in made.values] == [(1.1, 0), (2.2, 1)]
    assert made.notes == ("factor_repeated",)


def test_quirk_23_times_with_milliseconds_empty_or_not_at_the_start() -> None:
    made = upload(b"DataTime=20260105080000000;w01018-SampleTime=,w01018-Rtd=1")
    assert (made.data_time, made.notes) == (datetime(2026, 1, 5, tzinfo=UTC), ("time_milliseconds",))
    assert made.values[0].sample_time is None
    minute = upload(b"DataTime=20260105080037;w01018-Avg=1", b"2051")
    assert (minute.data_time.second, minute.device_time.second, minute.notes) == (0, 37, ("time_not_at_start",))
    # The end of a period instead of its start cannot be seen in one frame, so it is taken as sent.
    assert upload(b"DataTime=20260105090000;w01018-Avg=1", b"2061").data_time.hour == 1


@pytest.mark.parametrize(
    ("text", "number"),
    [("235.292750833832", 235.292750833832), ("-0.041", -0.041), ("-130.7", -130.7), ("1.2E-5", 1.2e-5)],
)
def test_quirk_24_numbers_as_devices_write_them(text: str, number: float) -> None:
    assert value(f"w01018-Rtd={text},w01018-Flag=N".encode()).rtd == number


@pytest.mark.parametrize("text", ["-", "NaN", "NULL", "", "abc", "1_000", "inf"])
def test_quirk_24_no_number_is_missing_and_the_flag_stays(text: str) -> None:
    made = upload(f"DataTime=20260105080000;w01018-Rtd={text},w01018-Flag=D".encode())
    assert (made.values[0].rtd, made.values[0].flag) == (None, "D")
    assert bool(made.unreadable) is (text in ("abc", "1_000", "inf"))


def test_quirk_25_flags_beyond_the_table() -> None:
    flags = {text: value(f"w01018-Rtd=1,w01018-Flag={text}".encode()).flag for text in ("n", "H", "(N)", "")}
    assert flags == {"n": "N", "H": "H", "(N)": "(N)", "": None}
    assert upload(b"DataTime=20260105080000;w01018-Rtd=1,w01018-Flag=L").notes == ("flag_unknown",)


def test_quirk_26_gbk_logs_pass_the_checksum_and_are_read() -> None:
    event = only(wire(CHINESE.encode("gbk")))
    assert event.repairs == ()
    made = parse_segment(event.segment)
    assert (made.param("i11001-Info"), "gbk" in made.notes) == ("//清洗管路//", True)


def test_quirk_27_states_in_groups_keep_their_factor() -> None:
    body = b"DataTime=20190430101750;PolId=w01019,i12001-Info=0,i12002-Info=0;PolId=w21001,i12001-Info=1"
    made = packet(b"QN=20190430101750562;ST=21;CN=3020;PW=624930;MN=A140100_2006;Flag=9;", body)
    assert made.notes == ("surface_water_profile",)
    assert [(item.subject, item.factor, dict(item.values)["Info"]) for item in read_content(made).items] == [
        ("w01019", "i12001", "0"), ("w01019", "i12002", "0"), ("w21001", "i12001", "1"),
    ]  # fmt: skip


# --- behaviour ---


def test_quirk_28_late_data_are_known_by_their_time_and_by_the_mark_of_2025() -> None:
    old = packet(HEAD.replace(b"2011", b"2061"), DATA.replace(b"Rtd", b"Avg"))
    at = datetime(2026, 1, 5, tzinfo=UTC)
    assert [to_upload(old, received_at=at + timedelta(hours=h)).late for h in (1, 30)] == [False, True]
    marked = packet(b"QN=20260105080000123;ST=32;CN=2061;PW=123456;MN=M1;Flag=9;RF=1;", DATA.replace(b"Rtd", b"Avg"))
    assert (marked.rf, to_upload(marked, received_at=at + timedelta(hours=1)).late) == (True, True)


def test_quirk_29_clocks_are_beijing_time_and_request_codes_order_nothing() -> None:
    skewed = to_upload(packet(HEAD.replace(b"QN=20260105080000", b"QN=20260104235500")))
    assert skewed.data_time == datetime(2026, 1, 5, tzinfo=UTC)
    station = Station(Sender("M1", "32"), clock_offset=timedelta(seconds=95))
    now = datetime(2026, 1, 5, tzinfo=UTC)
    ask = packet(b"QN=20260105080000123;ST=32;CN=1012;PW=123456;MN=M1;Flag=5;", b"SystemTime=20260105080000")
    Responder(station).hear(ask, now)
    assert station.clock_offset == timedelta(0)


def test_quirk_30_answers_left_out() -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    ask = packet(b"QN=20260105080000123;ST=32;CN=1062;PW=123456;MN=M1;Flag=5;", b"RtdInterval=30")
    for temper, sent in ((Temper(no_qn_rtn=True), ["9012"]), (Temper(no_exe_rtn=True), ["9011"])):
        frames = Responder(Station(Sender("M1", "32")), temper).hear(ask, now)
        made = [parse_segment(event.segment).cn for event in events(b"".join(frames)) if isinstance(event, Frame)]
        assert made == sent
    done = [row for row in ROWS if row.event is CommandEvent.SUCCEED and row.target is CommandState.DONE]
    assert any(CommandState.SENT in row.sources for row in done)  # 9012 ends a command that got no 9011


def test_quirk_31_several_devices_on_one_connection_are_told_apart_by_frame() -> None:
    stream = b"".join(frame(SEGMENT.replace(b"MN=M1", b"MN=M%d" % n)) for n in (1, 2, 1, 3))
    made = [parse_segment(event.segment) for event in events(stream) if isinstance(event, Frame)]
    assert [part.mn for part in made] == ["M1", "M2", "M1", "M3"]
    # The answer names the device of its frame, not of the connection.
    reply = only(answer(made[1], "9014"))
    assert parse_segment(reply.segment).mn == "M2"


def test_quirk_32_bugs_of_forwarders_and_libraries() -> None:
    # A forwarder that drops the last && and keeps length and checksum: refused, the next frame is not lost.
    cut = wire(SEGMENT[:-2], b"%04X" % crc16(SEGMENT), b"%04d" % len(SEGMENT))
    found = events(cut + wire(SEGMENT))
    assert [type(event) for event in found] == [Rejected, Frame]
    # PNum for PNUM; a Flag given as the code of its digit; a time layout sent as if it were a time.
    spelt = packet(b"QN=20260105080000123;ST=32;CN=2011;PW=1;MN=M1;Flag=7;PNum=2;PNo=1;")
    assert (spelt.pnum, spelt.pno, "field_case" in spelt.notes) == (2, 1, True)
    assert packet(HEAD.replace(b"Flag=5", b"Flag=53")).edition is Edition.UNKNOWN
    with pytest.raises(UploadError) as caught:
        upload(b"DataTime=20061002150405x;w01018-Rtd=1")
    assert caught.value.code == "bad_data_time"
    # PNO in the place of PNUM: numbers that cannot be are remarked on, and the values are kept.
    odd = packet(HEAD.replace(b"Flag=5;", b"Flag=7;PNUM=1;PNO=2;"))
    assert odd.notes == ("packet_numbers_odd",)
    assert to_upload(odd).values[0].rtd == 40.1
    assert isinstance(only(command(Sender("M1", "32"), "1061", (), qn="1", ack_wanted=True)), Frame)
