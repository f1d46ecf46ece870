"""The data area of every command, in types, there and back, in all three editions."""

from datetime import UTC, datetime, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.hj212.codec import (
    Content,
    ContentError,
    Edition,
    EncodeError,
    FactorContent,
    Frame,
    Framer,
    Packet,
    Sender,
    parse_segment,
    read_content,
    sealed_of,
    unseal,
    write_content,
)
from services.ingest.hj212.codec.forms import Form, Kind, field_kind, forms, suffix_kind
from services.ingest.hj212.codec.tables import commands
from services.ingest.hj212.codec.typed import Typed

EDITIONS = {"2005": Edition.V2005, "2017": Edition.V2017, "2025": Edition.V2025}
MN = "010000A8900016F000169DC0"
CASES = [
    (form, edition, sender)
    for of_command in forms().values()
    for form in of_command
    for edition in form.editions
    for sender in (("platform", "logger") if form.sender == "both" else (form.sender,))
]
CODES = st.sampled_from(["w01018", "a21026", "SB1", "011", "i13004", "e30101", "LA"])
TIMES = st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30)).map(  # noqa: DTZ001 - made aware here
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
NUMBERS = st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: round(value, 3)) | st.none()
TEXTS = st.text("0123456789abcdefXYZ", min_size=1)


def values(kind: Kind, *, missing: bool) -> st.SearchStrategy[Typed]:
    found: st.SearchStrategy[Typed]
    if kind.type == "time":
        found = TIMES
    elif kind.type == "clock":
        found = st.times().map(lambda at: at.replace(microsecond=0, second=0 if kind.size == 4 else at.second))
    elif kind.type == "int":
        low, high = int(kind.minimum or 0), int(kind.maximum or 999)
        found = st.sampled_from(kind.one_of) if kind.one_of else st.integers(low, high)
    elif kind.type == "number":
        low_, high_ = kind.minimum, kind.maximum
        found = NUMBERS if high_ is None else st.floats(low_ or 0, high_).map(lambda value: round(value, 2))
    else:
        size = kind.size or 0
        found = st.text("0123456789abcdefXYZ中文", min_size=size or 1, max_size=size or min(kind.longest, 24))
        if kind.name == "Info":
            found = found | st.text("清洗;,= a", max_size=20).map(lambda text: f"//{text}//")
    return found | st.none() if missing and kind.type in ("int", "time") else found


@st.composite
def contents(draw: st.DrawFn, form: Form, edition: Edition, sender: str) -> Content:
    params: list[tuple[str, Typed]] = []
    if form.reply and edition is Edition.V2005:
        params.append(("QN", "20040516010101001"))
    for slot in form.slots:
        kind = field_kind(slot.name, edition)
        assert kind is not None
        count = draw(st.integers(slot.least, 3 if slot.many else 1))
        params += [(slot.name, draw(values(kind, missing=False))) for _ in range(count)]
    if form.trail:
        kind = field_kind(form.trail, edition)
        assert kind is not None
        params.append((form.trail, draw(values(kind, missing=False))))
    subject = next((str(value) for name, value in params if name == "PolId"), None)
    codes = draw(st.lists(CODES, min_size=form.least_items, max_size=1 if form.trail else 5, unique=True))
    items = []
    for code in codes if form.suffixes else []:
        suffixes = draw(st.lists(st.sampled_from(form.suffixes), min_size=1, max_size=6, unique=True))
        pairs = []
        for suffix in suffixes:
            suffix_of = suffix_kind(suffix)
            assert suffix_of is not None
            pairs.append((suffix, draw(values(suffix_of, missing=True))))
        items.append(FactorContent(code, tuple(pairs), subject))
    return Content(form.cn, edition, sender, tuple(params), tuple(items))


def read(frames: list[bytes]) -> list[Packet]:
    events = Framer().feed(b"".join(frames))
    assert all(isinstance(event, Frame) and not event.repairs for event in events)
    return [parse_segment(event.segment) for event in events if isinstance(event, Frame)]


@pytest.mark.parametrize(("form", "name", "sender"), CASES, ids=[f"{f.cn}-{e}-{s}" for f, e, s in CASES])
def test_every_command_there_and_back(form: Form, name: str, sender: str) -> None:
    edition = EDITIONS[name]

    @settings(max_examples=12, deadline=None)
    @given(contents(form, edition, sender), st.booleans())
    def check(content: Content, ack_wanted: bool) -> None:  # noqa: FBT001 - drawn
        who = Sender(MN, "32", edition=edition)
        packets = read(
            write_content(content, who, qns=[f"2026010100000000{n}" for n in range(10)], ack_wanted=ack_wanted)
        )
        assert {packet.ack_wanted for packet in packets} == {ack_wanted}
        assert {packet.notes for packet in packets} <= {()} or content.items or content.params
        back = [read_content(packet, sender=sender) for packet in packets]
        assert [part.params for part in back] == [content.params] * len(back)
        assert tuple(item for part in back for item in part.items) == content.items
        assert [(part.unexpected, part.misspelt) for part in back] == [((), ())] * len(back)

    check()


@pytest.mark.parametrize("cn", ["1014", "2011", "2061", "2062", "3020"])
def test_encrypted_there_and_back(cn: str) -> None:
    (form,) = [form for form in forms()[cn] if form.sender == "logger" and "2025" in form.editions]
    key = b"0123456789abcdef"
    who = Sender(MN, "32", edition=Edition.V2025, key=key)

    @settings(max_examples=25, deadline=None)
    @given(contents(form, Edition.V2025, "logger"), st.booleans())
    def check(content: Content, late: bool) -> None:  # noqa: FBT001 - drawn
        wires = write_content(content, who, qns=[f"2026010100000000{n}" for n in range(10)], late=late)
        packets = []
        for event in Framer().feed(b"".join(wires)):
            sealed = sealed_of(event)
            opened = unseal(sealed, b"1" * 16, key) if sealed else event  # an area below 16 bytes stays plain
            assert isinstance(opened, Frame)
            packets.append(parse_segment(opened.segment))
        assert {packet.rf for packet in packets} == {late}
        assert (
            tuple(item for packet in packets for item in read_content(packet, sender="logger").items) == content.items
        )

    check()


def test_every_command_of_the_editions_has_its_forms() -> None:
    for cn, command in commands().items():
        spoken = {edition for form in forms().get(cn, ()) for edition in form.editions}
        assert spoken == set(command.editions), cn
        senders = {form.sender for form in forms().get(cn, ())}
        senders = {"platform", "logger"} if "both" in senders else senders
        if command.editions:
            assert senders == ({"platform", "logger"} if command.sender == "both" else {command.sender}), cn


def area(cn: str, body: str, *, flag: int | None = 5, sender: str | None = None) -> Content:
    head = f"ST=32;CN={cn};PW=123456;MN={MN};" if flag is None else (
        f"QN=20160801085857223;ST=32;CN={cn};PW=123456;MN={MN};Flag={flag};"
    )  # fmt: skip
    return read_content(parse_segment(f"{head}CP=&&{body}&&".encode()), sender=sender)


def beijing(*parts: int) -> datetime:
    from services.ingest.hj212.codec.values import BEIJING

    year, month, day, *rest = parts
    return datetime(year, month, day, *rest, tzinfo=BEIJING).astimezone(UTC)  # type: ignore[misc,arg-type]


def test_as_the_standards_print_them() -> None:
    assert area("1000", "OverTime=5;ReCount=3").params == (("OverTime", 5), ("ReCount", 3))
    assert area("1001", "WarnTime=5", flag=3)[2:4] == ("platform", (("WarnTime", 5),))
    assert area("1001", "i23005-Info=A;i23006-Info=B", flag=9)[2] == "logger"
    assert area("1011", "PolId=w01018")[2] == "platform"
    assert area("1011", "PolId=w01018;SystemTime=20160801085857").param("SystemTime") == beijing(2016, 8, 1, 8, 58, 57)
    assert area("1021", "PolId=101;PolId=102", flag=3).all("PolId") == ("101", "102")
    assert area("1021", "QN=2;101-LowValue=1.1,101-UpValue=9.9", flag=None).items[0] == FactorContent(
        "101", (("LowValue", 1.1), ("UpValue", 9.9))
    )
    assert area("3014", "PolId=101,CTime=04,CTime=10", flag=3).all("CTime") == (4, 10)
    assert area("3014", "PolId=w01018").params == (("PolId", "w01018"),)
    assert area("3017", "PolId=w01018;CstartTime=000000;CTime=2").params[1:] == (("CstartTime", time()), ("CTime", 2))
    assert area("1041", "QN=2;ReportTime=0101", flag=None).param("ReportTime") == time(1, 1)
    assert area("2072", "AlarmTime=20040506010101;101-Ala=1.1,AlarmType=1", flag=0).param("AlarmType") == 1
    assert area("2041", "DataTime=20160801000000;SB1-RT=1.1;SB2-RT=2.1").items[1] == FactorContent(
        "SB2", (("RT", 2.1),)
    )
    assert area("3019", "PolId=w01018;w01018-SN=010000A8900016F000169DC1").items[0].subject == "w01018"
    assert area("3020", "DataTime=20100301145000;PolId=w01018;i11001-Info=//清洗管路//").items[0].values == (
        ("Info", "//清洗管路//"),
    )
    assert area("9011", "QN=20040516010101001;QnRtn=1", flag=0).params[1] == ("QnRtn", 1)
    assert area("1014", "SKCreateTime=20260101000000,NewSK=0123456789abcdef", flag=9)[2] == "platform"
    assert area("1014", "SKCreateTime=20260101000000", flag=9)[2] == "logger"
    assert area("2013", "DataTime=20260101000000;w01018-SampleTime=20260101000000,w01018-Avg=1", flag=9).items


def test_grouped_field_information_ties_states_to_their_factor() -> None:
    body = "DataTime=20260101000000;PolId=w01019,i12001-Info=0,i12002-Info=1;PolId=w21001,i12001-Info=2"
    content = area("3020", body)
    assert [(item.subject, item.factor, item.values[0][1]) for item in content.items] == [
        ("w01019", "i12001", "0"), ("w01019", "i12002", "1"), ("w21001", "i12001", "2"),
    ]  # fmt: skip
    (back,) = read(write_content(content, Sender(MN, "32"), qns=["20260101000000000"]))
    assert read_content(back) == content


BAD = [
    ("1000", "OverTime=5", "missing_field", "ReCount"), ("1000", "OverTime=0;ReCount=3", "bad_value", "OverTime"),
    ("1012", "SystemTime=now", "bad_value", "SystemTime"), ("1064", "MinInterval=7", "bad_value", "MinInterval"),
    ("2021", "DataTime=20160801000000;SB1-RS=9", "bad_value", "SB1-RS"), ("8888", "", "unknown_command", "CN"),
    ("2011", "DataTime=20160801000000;w01018-Rtd=1_0", "bad_value", "w01018-Rtd"),
    ("2011", "DataTime=20160801000000;Flag=N", "missing_factor", "CP"),
]  # fmt: skip


@pytest.mark.parametrize(("cn", "body", "code", "field"), BAD)
def test_what_is_wrong_is_named(cn: str, body: str, code: str, field: str) -> None:
    with pytest.raises(ContentError) as caught:
        area(cn, body, sender="platform" if cn in ("1000", "1012", "1064") else "logger")
    assert (caught.value.code, caught.value.field) == (code, field)


def test_nothing_is_lost_and_spellings_are_known() -> None:
    content = area("1000", "Overtime=5;Recount=3;Extra=1;x-Y=2", sender="platform")
    assert content.params == (("OverTime", 5), ("ReCount", 3))
    assert content.misspelt == ("OverTime", "ReCount")
    assert content.unexpected == (("Extra", "1"), ("x-Y", "2"))


def test_what_may_not_be_written_is_refused() -> None:
    who = Sender(MN, "32")
    bad = [
        Content("1062", Edition.V2017, "platform", (("RtdInterval", 5),)),
        Content("1062", Edition.V2017, "platform"),
        Content("1062", Edition.V2017, "platform", (("RtdInterval", 30), ("PolId", "w01018"))),
        Content("1062", Edition.V2017, "logger", (("RtdInterval", 30),)),
        Content("1012", Edition.V2017, "platform", (("SystemTime", datetime(2026, 1, 1)),)),  # noqa: DTZ001
        Content("1072", Edition.V2017, "platform", (("NewPW", "a;b"),)),
        Content("2061", Edition.V2017, "logger", (("DataTime", beijing(2026, 1, 1)),)),
    ]
    for content in bad:
        with pytest.raises(EncodeError):
            write_content(content, who, qns=["20260101000000000"])


def test_long_reports_are_split_between_factors_and_say_so() -> None:
    items = tuple(FactorContent(f"a{n:05}", (("Avg", float(n)), ("Flag", "N"))) for n in range(100))
    content = Content("2061", Edition.V2025, "logger", (("DataTime", beijing(2026, 1, 1)),), items)
    qns = [f"202601010000000{n:02}" for n in range(10)]
    packets = read(write_content(content, Sender(MN, "31", edition=Edition.V2025), qns=qns, ack_wanted=True, late=True))

    assert [(packet.flag, packet.pnum, packet.pno, packet.rf) for packet in packets] == [
        (11, len(packets), n + 1, True) for n in range(len(packets))
    ]  # fmt: skip
    assert len(packets) > 2
    assert tuple(item for packet in packets for item in read_content(packet).items) == items
