from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.hj212.codec import (
    Edition,
    EncodeError,
    Frame,
    Framer,
    Note,
    Packet,
    Report,
    Sender,
    answer,
    command,
    frame,
    parse_segment,
    to_upload,
    upload_frames,
)
from services.ingest.hj212.codec.encode import Value, format_value

MN17 = "010000A8900016F000169DC0"
WATER = Sender(MN17, "32")
AT = datetime(2016, 8, 1, tzinfo=UTC)  # 08:00 in Beijing
ITEMS = [
    ("w00000", [("Cou", "63.0"), ("Min", 16.4), ("Avg", 17.5), ("Max", 20.1), ("Flag", "N")]),
    ("w01001", [("Min", 7.1), ("Avg", 7.5), ("Max", 7.8), ("Flag", "N")]),
    ("w01018", [("Cou", "63.0"), ("Min", 40.1), ("Avg", 40.1), ("Max", 40.1), ("Flag", "N")]),
]


def decode(data: bytes) -> list[Packet]:
    framer = Framer()
    events = framer.feed(data)
    assert framer.pending == 0
    assert framer.noise == 0
    return [parse_segment(event.segment) for event in events if isinstance(event, Frame)]


# Frames printed in the standards or captured, each with its own checksum.
VECTORS = [
    b"##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&1C80",
    b"##0087QN=20240601085857223;ST=32;CN=1011;PW=123456;MN=010000A8900016F000169DC0;Flag=9;CP=&&&&2200",
    b"##0139ST=32;CN=2011;PW=123456;MN=LD130133000015;CP=&&DataTime=20160824003817000;B01-Rtd=36.91;011-Rtd=231.0,011-Flag=N;060-Rtd=1.803,060-Flag=N&&4980",
    b"##0285QN=20190925181031464;ST=22;CN=2061;PW=BF470F88957588DE902D1A52;MN=Z13401000010301;Flag=5;CP=&&DataTime=20190924220000;a34006-Avg=2.69700,a34006-Flag=N;a34007-Avg=7.96600,a34007-Flag=N;a34048-Avg=3.30600,a34048-Flag=N;a34047-Avg=7.35700,a34047-Flag=N;a34049-Avg=10.66300,a34049-Flag=N&&C181",
    b"##0124QN=20040516010101001;ST=32;CN=2051;PW=123456;MN=88888880000001;Flag=3;CP=&&BeginTime=20040506111000,EndTime=20040506151000&&6B80",
    b"##0094QN=20231008125115215;ST=22;CN=9011;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&QnRtn=1&&CC01",
    b"##0144ST=31;CN=2021;PW=123456;MN=ZG130102201666;CP=&&DataTime=20180119131000;SB1-RS=0;SB2-RS=0;SB3-RS=0;SB4-RS=0;SB5-RS=0;SB6-RS=0;SB7-RS=0;SB8-RS=0&&CAC1",
    b"##0087QN=20201015123632010;ST=91;CN=9014;PW=123456;MN=410183160889201000212505;Flag=4;CP=&&&&F001",
]


@pytest.mark.parametrize("vector", VECTORS)
def test_vectors_of_the_standards(vector: bytes) -> None:
    (event,) = Framer().feed(vector + b"\r\n")

    assert isinstance(event, Frame)
    assert (event.raw, event.repairs) == (vector, ())
    assert frame(event.segment) == vector + b"\r\n"
    assert parse_segment(event.segment).notes == ()


def test_upload_as_printed_in_table_c_48() -> None:
    (made,) = upload_frames(WATER, Report("2061", AT, ITEMS, ack_wanted=True), qns=["20160801085857534"])

    assert made == frame(
        b"QN=20160801085857534;ST=32;CN=2061;PW=123456;MN=010000A8900016F000169DC0;Flag=5;CP=&&DataTime=20160801080000;"
        b"w00000-Cou=63.0,w00000-Min=16.4,w00000-Avg=17.5,w00000-Max=20.1,w00000-Flag=N;"
        b"w01001-Min=7.1,w01001-Avg=7.5,w01001-Max=7.8,w01001-Flag=N;"
        b"w01018-Cou=63.0,w01018-Min=40.1,w01018-Avg=40.1,w01018-Max=40.1,w01018-Flag=N&&"
    )


def test_split_packets_as_printed_in_table_c_50() -> None:
    made = upload_frames(
        WATER, Report("2061", AT, ITEMS, ack_wanted=True), qns=["20160801085857534", "20160801085857535"], cp_limit=180
    )

    assert made == [
        b"##0260QN=20160801085857534;ST=32;CN=2061;PW=123456;MN=010000A8900016F000169DC0;Flag=7;PNUM=2;PNO=1;CP=&&DataTime=20160801080000;w00000-Cou=63.0,w00000-Min=16.4,w00000-Avg=17.5,w00000-Max=20.1,w00000-Flag=N;w01001-Min=7.1,w01001-Avg=7.5,w01001-Max=7.8,w01001-Flag=N&&D941\r\n",
        b"##0201QN=20160801085857535;ST=32;CN=2061;PW=123456;MN=010000A8900016F000169DC0;Flag=7;PNUM=2;PNO=2;CP=&&DataTime=20160801080000;w01018-Cou=63.0,w01018-Min=40.1,w01018-Avg=40.1,w01018-Max=40.1,w01018-Flag=N&&E2C1\r\n",
    ]


def test_upload_of_2005_has_neither_qn_nor_flag() -> None:
    (made,) = upload_frames(
        Sender("88888880000001", "32", edition=Edition.V2005),
        Report(
            "2011",
            datetime(2004, 5, 15, 17, 1, 1, tzinfo=UTC),
            [("B01", [("Rtd", 100)]), ("101", [("Rtd", 1.1), ("Flag", "N")])],
        ),
    )

    assert made == frame(
        b"ST=32;CN=2011;PW=123456;MN=88888880000001;CP=&&DataTime=20040516010101;B01-Rtd=100;101-Rtd=1.1,101-Flag=N&&"
    )


def test_upload_of_2005_that_asks_for_an_answer() -> None:
    sender = Sender("88888880000001", "32", edition=Edition.V2005)
    (made,) = upload_frames(
        sender, Report("2011", AT, [("011", [("Rtd", 1)])], ack_wanted=True), qns=["20160801080000001"]
    )

    assert made[6:].startswith(b"QN=20160801080000001;ST=32;CN=2011;PW=123456;MN=88888880000001;Flag=1;CP=&&")


def test_late_data_of_2025_carry_rf() -> None:
    sender = Sender(MN17, "32", edition=Edition.V2025)
    (made,) = upload_frames(sender, Report("2061", AT, ITEMS, ack_wanted=True, late=True), qns=["20160801080000001"])

    assert b";Flag=9;RF=1;CP=&&" in made


def test_command_joins_as_its_edition_does() -> None:
    times = [("BeginTime", "20160801084000"), ("EndTime", "20160801084000")]
    new = command(WATER, "2051", times, qn="20160801085857223", ack_wanted=True)
    old = command(Sender("88888880000001", "32", edition=Edition.V2005), "2051", times, qn="1", ack_wanted=True)

    assert new.endswith(b"Flag=5;CP=&&BeginTime=20160801084000;EndTime=20160801084000&&56C0\r\n")
    assert b"Flag=1;CP=&&BeginTime=20160801084000,EndTime=20160801084000&&" in old


# (request, answer, return code, the answer)
ANSWERS = [
    (
        b"QN=20160801085857534;ST=32;CN=2061;PW=123456;MN=010000A8900016F000169DC0;Flag=5;CP=&&DataTime=20160801080000;w01001-Avg=7.5&&",
        "9014", None,
        b"##0087QN=20160801085857534;ST=91;CN=9014;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&&&5B40\r\n",
    ),
    (
        b"QN=20240601085857223;ST=32;CN=1001;PW=123456;MN=010000A8900016F000169DC0;Flag=9;CP=&&i23005-Info=1&&",
        "9013", None,
        b"##0087QN=20240601085857223;ST=91;CN=9013;PW=123456;MN=010000A8900016F000169DC0;Flag=8;CP=&&&&3900\r\n",
    ),
    (
        b"QN=20160801085857223;ST=32;CN=1062;PW=123456;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&",
        "9011", 1,
        frame(b"QN=20160801085857223;ST=91;CN=9011;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&QnRtn=1&&"),
    ),
    (
        b"QN=20040516010101001;ST=32;CN=1000;PW=123456;MN=88888880000001;Flag=3;CP=&&OverTime=5;ReCount=3&&",
        "9012", 1,
        b"##0078ST=91;CN=9012;PW=123456;MN=88888880000001;CP=&&QN=20040516010101001;ExeRtn=1&&C601\r\n",
    ),
    (
        b"QN=20040516010101001;ST=32;CN=1000;PW=123456;MN=88888880000001;Flag=3;CP=&&OverTime=5;ReCount=3&&",
        "9011", 1,
        frame(b"ST=91;CN=9011;PW=123456;MN=88888880000001;Flag=0;CP=&&QN=20040516010101001;QnRtn=1&&"),
    ),
    (
        b"QN=20040516010101001;ST=32;CN=2011;PW=123456;MN=88888880000001;Flag=1;CP=&&DataTime=20040516010101;011-Rtd=1&&",
        "9014", None,
        frame(b"ST=91;CN=9014;PW=123456;MN=88888880000001;Flag=0;CP=&&QN=20040516010101001&&"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("request_segment", "cn", "code", "expected"), ANSWERS)
def test_answers_in_the_form_of_the_edition(request_segment: bytes, cn: str, code: int | None, expected: bytes) -> None:
    assert answer(parse_segment(request_segment), cn, code) == expected


@pytest.mark.parametrize("cn", ["9011", "9012", "9013", "9014"])
def test_q18_answers_are_never_answered(cn: str) -> None:
    packet = parse_segment(f"QN=20210412154520280;ST=21;CN={cn};PW=123456;MN=M1;Flag=5;CP=&&&&".encode())

    with pytest.raises(EncodeError, match="never answered"):
        answer(packet, "9014")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: frame(b"x" * 10_000), "no four-digit length"),
        (lambda: upload_frames(WATER, Report("2011", AT, ITEMS)), "has no QN"),
        (lambda: upload_frames(WATER, Report("2011", AT.replace(tzinfo=None), ITEMS), qns=["1"]), "aware"),
        (lambda: upload_frames(Sender("a;b", "32"), Report("2011", AT, ITEMS), qns=["1"]), "not allowed"),
        (lambda: upload_frames(WATER, Report("2011", AT, [("w1", [("Rtd", "1;2")])]), qns=["1"]), "not allowed"),
        (lambda: upload_frames(WATER, Report("2011", AT, ITEMS), qns=["1"], cp_limit=40), "longer than 40"),
        (lambda: format_value(1e-295), "more than 40"),
        (lambda: format_value(float("inf")), "no number"),
        (lambda: format_value(float("nan")), "no number"),
        (lambda: answer(parse_segment(VECTORS[0][6:-4]), "2011"), "is no answer"),
        (lambda: answer(parse_segment(VECTORS[0][6:-4]), "9011"), "needs a return code"),
        (lambda: answer(parse_segment(VECTORS[0][6:-4]), "9014", 1), "takes no return code"),
    ],
)
def test_what_cannot_be_written_is_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(EncodeError, match=message):
        make()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (1e20, "100000000000000000000"),
        ("63.0", "63.0"),
        (-0.041, "-0.041"),
    ],
)
def test_numbers_without_exponent(value: Value, text: str) -> None:
    assert format_value(value) == text


numbers = st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: round(value, 6))
factors = st.lists(
    st.tuples(st.from_regex(r"w[0-9]{5}", fullmatch=True), numbers, st.sampled_from("NFMSDCTB")),
    min_size=1, max_size=40, unique_by=lambda factor: factor[0],
)  # fmt: skip
times = st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30)).map(  # noqa: DTZ001
    lambda time: time.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
)


@given(
    values=factors, at=times, edition=st.sampled_from([Edition.V2005, Edition.V2017, Edition.V2025]), ack=st.booleans()
)
def test_round_trip(values: list[tuple[str, float, str]], at: datetime, edition: Edition, *, ack: bool) -> None:
    sender = Sender(MN17, "32", edition=edition)
    items = [(code, [("Avg", number), ("Flag", flag)]) for code, number, flag in values]
    qns = [f"2024010100000{number:04d}" for number in range(100)] if ack or edition is not Edition.V2005 else []
    frames = upload_frames(sender, Report("2061", at, items, ack_wanted=ack), qns=qns)
    packets = decode(b"".join(frames))

    assert len(packets) == len(frames)
    assert all(len(made) <= 1024 + 12 for made in frames)
    found = [(value.code, value.avg, value.flag) for packet in packets for value in to_upload(packet).values]
    assert found == values
    for number, packet in enumerate(packets, 1):
        assert (packet.mn, packet.cn, packet.edition, packet.ack_wanted) == (MN17, "2061", edition, ack)
        assert to_upload(packet).data_time == at
        assert (packet.pnum, packet.pno) == ((len(frames), number) if len(frames) > 1 else (None, None))
        assert Note.PACKET_NUMBERS_ODD not in packet.notes
