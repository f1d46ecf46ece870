from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.hj212.codec import Edition, Item, Note, Packet, ParseError, parse_segment
from services.ingest.hj212.codec.packet import Field, shape_of
from services.ingest.hj212.codec.tolerance import parse_tolerant

HEAD = "QN=20240601085857223;ST=32;CN=2011;PW=123456;MN=010000A8900016F000169DC0;Flag=5;"
CP = "CP=&&DataTime=20240601085800;w01018-Rtd=30.5,w01018-Flag=N&&"
FIELDS = (("DataTime", "20240601085800", ";"), ("w01018-Rtd", "30.5", ","), ("w01018-Flag", "N", ""))
PLAIN = Packet(
    "20240601085857223", "32", "2011", "123456", "010000A8900016F000169DC0", 5, None, None, False,
    Edition.V2017, *shape_of(FIELDS), (),
)  # fmt: skip


def changed(*notes: Note, fields: tuple[Field, ...] = FIELDS, **others: Any) -> Packet:
    shape, texts = shape_of(fields)
    return PLAIN._replace(notes=tuple(sorted(notes)), shape=shape, texts=texts, **others)


# Numbers are those of the list of quirks of real devices that the codec answers for.
QUIRKS: list[tuple[str, str | bytes, Packet]] = [
    ("plain", HEAD + CP, PLAIN),
    ("q13 no Flag", HEAD.replace("Flag=5;", "") + CP, changed(flag=None, edition=Edition.V2005)),
    ("q13 FLAG", HEAD.replace("Flag", "FLAG") + CP, changed(Note.FIELD_CASE)),
    ("q13 always 0", HEAD.replace("Flag=5", "Flag=0") + CP, changed(flag=0, edition=Edition.V2005)),
    (
        "q13 Flag after CP",
        HEAD.replace("Flag=5;", "") + CP + ";Flag=0",
        changed(Note.FIELD_AFTER_CP, flag=0, edition=Edition.V2005),
    ),
    ("q13 blank in Flag", HEAD.replace("Flag=5", "Flag =5") + CP, changed(Note.BLANKS)),
    (
        "q13 unreadable Flag",
        HEAD.replace("Flag=5", "Flag=N") + CP,
        changed(Note.FLAG_UNREADABLE, flag=None, edition=Edition.V2005),
    ),
    (
        "q14 MN before PW",
        HEAD.replace("PW=123456;MN=010000A8900016F000169DC0", "MN=010000A8900016F000169DC0;PW=123456") + CP,
        changed(Note.FIELD_ORDER),
    ),
    (
        "q14 QN after CN",
        "ST=32;CN=2011;QN=20240601085857223;PW=123456;MN=010000A8900016F000169DC0;Flag=5;" + CP,
        changed(Note.FIELD_ORDER),
    ),
    ("q14 stray comma", HEAD.replace(";MN=", ";,MN=") + CP, changed(Note.COMMA_FOR_SEMICOLON)),
    ("q15 no QN", HEAD.replace("QN=20240601085857223;", "") + CP, changed(qn=None)),
    ("q15 empty QN", HEAD.replace("20240601085857223", "") + CP, changed(Note.QN_ODD, qn=None)),
    (
        "q15 epoch QN",
        HEAD.replace("20240601085857223", "1617936069734") + CP,
        changed(Note.QN_ODD, qn="1617936069734"),
    ),
    ("q16 short MN", HEAD.replace("010000A8900016F000169DC0", "MP1") + CP, changed(mn="MP1")),
    ("q16 MN with signs", HEAD.replace("010000A8900016F000169DC0", "A1_0-b0001") + CP, changed(mn="A1_0-b0001")),
    ("q16 empty PW", HEAD.replace("PW=123456", "PW=") + CP, changed(pw="")),
    (
        "q16 PW of 24",
        HEAD.replace("PW=123456", "PW=BF470F88957588DE902D1A52") + CP,
        changed(pw="BF470F88957588DE902D1A52"),
    ),
    (
        "q17 PNO before PNUM, no Flag",
        HEAD.replace("Flag=5;", "PNO=0002;PNUM=0002;") + CP,
        changed(Note.FIELD_ORDER, Note.PACKET_NUMBERS_ODD, flag=None, edition=Edition.V2005, pnum=2, pno=2),
    ),
    ("q17 D without numbers", HEAD.replace("Flag=5", "Flag=7") + CP, changed(Note.D_WITHOUT_NUMBERS, flag=7)),
    (
        "q17 every request of 2005",
        HEAD.replace("Flag=5", "Flag=3") + CP,
        changed(flag=3, edition=Edition.V2005),
    ),
    ("q20 one ampersand", HEAD + CP.replace("CP=&&", "CP=&"), changed(Note.CP_ONE_AMPERSAND)),
    (
        "q20 trailing semicolon",
        HEAD + CP[:-2] + ";&&",
        changed(Note.EMPTY_ITEM, fields=(*FIELDS[:2], ("w01018-Flag", "N", ";"))),
    ),
    ("q20 blanks", HEAD + CP.replace("=30.5,", " = 30.5, "), changed(Note.BLANKS)),
    ("q20 full-width colon", HEAD.replace("Flag=5", "Flag：5") + CP, changed(Note.FULL_WIDTH)),
    ("q20 full-width signs", HEAD + CP.replace(";", "；").replace(",", "，"), changed(Note.FULL_WIDTH)),
    ("q20 no semicolon before CP", HEAD[:-1] + CP, changed(Note.SEMICOLON_MISSING)),
    ("q20 comma after QN", HEAD.replace("223;", "223,") + CP, changed(Note.COMMA_FOR_SEMICOLON)),
    (
        "q21 bare word",
        HEAD + "CP=&&DataTime=20240601085800;RUNNING&&",
        changed(Note.BARE_WORD, fields=(("DataTime", "20240601085800", ";"), ("RUNNING", "", ""))),
    ),
    (
        "q26 GBK",
        (HEAD + "CP=&&i11001-Info=//清洗管路//&&").encode("gbk"),
        changed(Note.GBK, fields=(("i11001-Info", "//清洗管路//", ""),)),
    ),
    (
        "UTF-8 log with separators inside",
        HEAD + "CP=&&PolId=w01018;i11001-Info=//清洗,管路;a=1//&&",
        changed(fields=(("PolId", "w01018", ";"), ("i11001-Info", "//清洗,管路;a=1//", ""))),
    ),
    (
        "q32 PNum",
        HEAD.replace("Flag=5;", "Flag=7;PNum=2;PNO=1;") + CP,
        changed(Note.FIELD_CASE, flag=7, pnum=2, pno=1),
    ),
    ("q32 data area not closed", HEAD + CP[:-2], changed(Note.CP_NOT_CLOSED)),
    ("split packet", HEAD.replace("Flag=5;", "Flag=7;PNUM=2;PNO=1;") + CP, changed(flag=7, pnum=2, pno=1)),
    (
        "packet number beyond the total",
        HEAD.replace("Flag=5;", "Flag=7;PNUM=2;PNO=3;") + CP,
        changed(Note.PACKET_NUMBERS_ODD, flag=7, pnum=2, pno=3),
    ),
    (
        "2025 with RF",
        HEAD.replace("Flag=5;", "Flag=9;RF=1;") + CP,
        changed(flag=9, rf=True, edition=Edition.V2025),
    ),
    (
        "surface water of 2017 or 2025",
        HEAD.replace("ST=32", "ST=21").replace("Flag=5", "Flag=9") + CP,
        changed(Note.SURFACE_WATER_PROFILE, st="21", flag=9, edition=Edition.V2025),
    ),
    (
        "version bits nobody defined",
        HEAD.replace("Flag=5", "Flag=65") + CP,
        changed(flag=65, edition=Edition.UNKNOWN),
    ),
    ("three-character ST", HEAD.replace("ST=32", "ST=101") + CP, changed(Note.ST_ODD, st="101")),
    ("no ST", HEAD.replace("ST=32;", "") + CP, changed(Note.ST_ODD, st="")),
    ("no PW", HEAD.replace("PW=123456;", "") + CP, changed(Note.PW_MISSING, pw="")),
    ("field twice", HEAD.replace("ST=32;", "ST=32;ST=31;") + CP, changed(Note.FIELD_REPEATED)),
    ("field nobody knows", HEAD + "XY=1;" + CP, changed(Note.FIELD_UNKNOWN)),
    ("empty data area", HEAD + "CP=&&&&", changed(fields=())),
]


@pytest.mark.parametrize(("name", "segment", "packet"), QUIRKS, ids=[quirk[0] for quirk in QUIRKS])
def test_quirk(name: str, segment: str | bytes, packet: Packet) -> None:
    data = segment.encode() if isinstance(segment, str) else segment

    assert parse_segment(data) == packet
    assert parse_tolerant(data) == packet


HOPELESS: list[tuple[str, bytes, str, int]] = [
    ("empty", b"", "empty", 0),
    ("no data area", b"QN=1;ST=32;CN=2011;PW=1;MN=M1", "no_cp", 29),
    ("no CN", b"ST=32;PW=1;MN=M1;CP=&&&&", "no_cn", 0),
    ("CN of letters", b"ST=32;CN=20A1;PW=1;MN=M1;CP=&&&&", "bad_cn", 0),
    ("no MN", b"ST=32;CN=2011;PW=1;CP=&&&&", "no_mn", 0),
    ("MN without end", b"ST=32;CN=2011;PW=1;MN=" + b"M" * 65 + b";CP=&&&&", "bad_mn", 0),
    ("control character", b"ST=32;CN=2011;PW=1;MN=M\x001;CP=&&&&", "control_character", 23),
    ("no text", b"ST=32;CN=2011;PW=1;MN=M1;CP=&&\xff\xff\xff&&", "bad_text", 30),
    ("encrypted body", b"ST=31;CN=2051;PW=1;MN=M1;Flag=9;CP=&&\xe4>\x15\x9a\xcf\xff0123456789&&", "encrypted_body", 37),
]


@pytest.mark.parametrize(("name", "segment", "code", "position"), HOPELESS, ids=[case[0] for case in HOPELESS])
def test_hopeless(name: str, segment: bytes, code: str, position: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse_segment(segment)

    assert (caught.value.code, caught.value.position) == (code, position)


def test_empty_mn_is_left_to_the_registry() -> None:
    assert parse_segment(b"QN=20240601085857223;ST=91;CN=9013;PW=123456;MN=;Flag=8;CP=&&&&").mn == ""


@pytest.mark.parametrize(
    ("flag", "ack", "split", "edition"),
    [
        (0, False, False, Edition.V2005), (1, True, False, Edition.V2005), (2, False, True, Edition.V2005),
        (3, True, True, Edition.V2005), (4, False, False, Edition.V2017), (5, True, False, Edition.V2017),
        (6, False, True, Edition.V2017), (7, True, True, Edition.V2017), (8, False, False, Edition.V2025),
        (9, True, False, Edition.V2025), (10, False, True, Edition.V2025), (11, True, True, Edition.V2025),
    ],
)  # fmt: skip
def test_flag_bits(flag: int, edition: Edition, *, ack: bool, split: bool) -> None:
    packet = parse_segment(HEAD.replace("Flag=5", f"Flag={flag}").encode() + CP.encode())

    assert (packet.ack_wanted, packet.split, packet.edition) == (ack, split, edition)


def body(cp: str) -> Packet:
    return parse_segment(f"{HEAD}CP=&&{cp}&&".encode())


def test_q22_repeated_keys_are_kept() -> None:
    packet = body("DataTime=20240601085800;e01001-Rtd=1.1;e01001-Rtd=2.2")

    assert packet.items == (Item("e01001", (("Rtd", "1.1"),)), Item("e01001", (("Rtd", "2.2"),)))


def test_repeated_parameters_are_kept() -> None:
    assert body("PolId=101,CTime=04,CTime=10").params == (("PolId", "101"), ("CTime", "04"), ("CTime", "10"))


def test_one_factor_over_semicolons_is_one_item() -> None:
    assert body("w01018-Rtd=1;w01018-Flag=N;a-Rtd=2").items == (
        Item("w01018", (("Rtd", "1"), ("Flag", "N"))),
        Item("a", (("Rtd", "2"),)),
    )


def test_q27_grouped_states() -> None:
    packet = body("DataTime=20240601085800;PolId=w01019,i12001-Info=0;PolId=w21001,i12001-Info=1")

    assert packet.groups == (
        (("DataTime", "20240601085800"),),
        (("PolId", "w01019"), ("i12001-Info", "0")),
        (("PolId", "w21001"), ("i12001-Info", "1")),
    )


def test_qn_of_2005_stands_in_the_data_area() -> None:
    packet = parse_segment(b"ST=91;CN=9012;PW=123456;MN=M1;CP=&&QN=20040516010101001;ExeRtn=1&&")

    assert (packet.qn, packet.request_qn) == (None, "20040516010101001")


ALPHABET = "QNSTCPWMFlag=;,&/ .-0123456789：；，＝清洗\x00\n"


@given(st.binary(max_size=400) | st.text(ALPHABET, max_size=300).map(str.encode))
@settings(max_examples=500, deadline=None)
def test_hostile_bytes_raise_parse_error_only(data: bytes) -> None:
    for segment in (data, HEAD.encode() + b"CP=&&" + data + b"&&", data + CP.encode()):
        try:
            packet = parse_segment(segment)
        except ParseError:
            continue
        assert packet.items is not None
        assert packet.groups is not None
        assert "\x00" not in packet.mn + "".join(key + text for key, text, _ in packet.fields)


names = st.text("abcwXYZ019_", min_size=1, max_size=8)
texts = st.text("abcXYZ019.-+", max_size=8)


@given(st.lists(st.tuples(names, texts, st.sampled_from(",;")), max_size=12))
def test_quick_and_tolerant_ways_agree(fields: list[tuple[str, str, str]]) -> None:
    cp = "".join(f"{key}={text}{separator}" for key, text, separator in fields)[:-1]
    segment = f"{HEAD}CP=&&{cp}&&".encode()

    assert parse_segment(segment) == parse_tolerant(segment)
    assert [field[:2] for field in parse_segment(segment).fields] == [field[:2] for field in fields]


def test_long_logs_do_not_backtrack() -> None:
    segment = f"{HEAD}CP=&&{'//a,' * 900}&&".encode()

    assert parse_segment(segment).mn == PLAIN.mn
