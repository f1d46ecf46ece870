"""The logger's side of the exchanges, in all three editions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from park.archive import Kept, ModelArchive
from park.demo import load
from park.responder import Responder, Temper
from park.station import Station, station_of
from services.ingest.hj212.codec import (
    Edition,
    Frame,
    Framer,
    Packet,
    Report,
    Sender,
    answer,
    command,
    parse_segment,
    sealed_of,
    to_upload,
    unseal,
)
from services.ingest.hj212.codec.encode import Value

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # noon in Beijing
QN = "20260302120000001"
MN = "010000A8900016F000169DC0"
KEY = b"0123456789abcdef"


def read(frames: Sequence[bytes], key: bytes | None = None) -> list[Packet]:
    packets = []
    for event in Framer().feed(b"".join(frames)):
        sealed = sealed_of(event) if key else None
        opened = unseal(sealed, key) if sealed and key else event
        assert isinstance(opened, Frame), opened
        packets.append(parse_segment(opened.segment))
    return packets


def hours(count: int) -> Kept:
    start = NOW - timedelta(hours=count)
    return Kept(
        Report("2061", start + timedelta(hours=n), [("w01018", (("Avg", 40 + n), ("Flag", "N")))]) for n in range(count)
    )


class Platform:
    """Asks a responder and acknowledges what wants it."""

    def __init__(
        self, edition: Edition = Edition.V2017, temper: Temper | None = None, key: bytes | None = None
    ) -> None:
        self.key = key
        self.sender = Sender(MN, "32", edition=edition)
        self.station = Station(Sender(MN, "32", edition=edition, key=key), hours(48), factors=("w01018", "w21003"))
        self.responder = Responder(self.station, temper)

    def request(self, cn: str, *params: tuple[str, Value], qn: str = QN, ack_wanted: bool = True) -> Packet:
        frame = command(self.sender, cn, params, qn=qn, ack_wanted=ack_wanted)
        return read([frame])[0]

    def ask(self, cn: str, *params: tuple[str, Value], qn: str = QN, acknowledge: bool = True) -> list[Packet]:
        found = read(self.responder.hear(self.request(cn, *params, qn=qn), NOW), self.key)
        for packet in found:  # grows while it is walked
            if acknowledge and packet.ack_wanted:
                found += read(self.responder.hear(read([answer(packet, "9014")])[0], NOW), self.key)
        return found


def shape(packets: list[Packet]) -> list[str]:
    return [packet.cn for packet in packets]


def test_a_setter_as_in_table_c_6() -> None:
    platform = Platform()
    ready, done = platform.ask("1062", ("RtdInterval", 30))

    assert (ready.cn, ready.st, ready.flag, ready.qn, ready.param("QnRtn")) == ("9011", "91", 4, QN, "1")
    assert (done.cn, done.st, done.flag, done.qn, done.param("ExeRtn")) == ("9012", "91", 4, QN, "1")
    assert platform.station.rtd_interval == 30


def test_a_getter_as_in_table_c_2() -> None:
    platform = Platform()
    platform.station.clock_offset = timedelta(seconds=95)
    ready, reply, done = platform.ask("1011", ("PolId", "w01018"))

    assert (ready.cn, done.cn) == ("9011", "9012")
    assert (reply.cn, reply.st, reply.flag, reply.qn) == ("1011", "32", 4, QN)
    assert reply.params == (("PolId", "w01018"), ("SystemTime", "20260302120135"))


def test_history_as_in_table_c_48_each_upload_with_its_own_qn() -> None:
    platform = Platform()
    found = platform.ask("2061", ("BeginTime", "20260302080000"), ("EndTime", "20260302110000"))

    assert shape(found) == ["9011", "2061", "2061", "2061", "2061", "9012"]
    uploads = found[1:-1]
    assert len({packet.qn for packet in uploads} | {QN}) == 5
    assert [to_upload(packet).data_time.hour for packet in uploads] == [0, 1, 2, 3]
    assert {packet.flag for packet in uploads} == {5}


def test_the_next_upload_waits_for_9014() -> None:
    platform = Platform()
    span = ("BeginTime", "20260302080000"), ("EndTime", "20260302110000")
    assert shape(platform.ask("2061", *span, acknowledge=False)) == ["9011", "2061"]
    assert platform.responder.busy

    again = read(platform.responder.tick(NOW + timedelta(seconds=10)))
    assert shape(again) == ["2061"]
    (following,) = read(platform.responder.hear(read([answer(again[0], "9014")])[0], NOW))
    assert to_upload(following).data_time.hour == 1

    later = [shape(read(platform.responder.tick(NOW + timedelta(minutes=n)))) for n in range(1, 6)]
    assert later == [["2061"], ["2061"], ["2061"], ["9012"], []]
    assert not platform.responder.busy


def test_history_that_is_not_there() -> None:
    platform = Platform()
    found = platform.ask("2031", ("BeginTime", "20260302000000"), ("EndTime", "20260302000000"))
    assert [found[-1].cn, found[-1].param("ExeRtn")] == ["9012", "100"]
    backwards = platform.ask("2061", ("BeginTime", "20260302110000"), ("EndTime", "20260302080000"), qn="2" * 17)
    assert backwards[-1].param("ExeRtn") == "3"


def test_2005_answers_carry_the_qn_in_the_data_area() -> None:
    platform = Platform(Edition.V2005)
    ready, reply, done = platform.ask("1011")

    assert (ready.qn, ready.flag, ready.param("QN"), ready.param("QnRtn")) == (None, 0, QN, "1")
    assert (reply.qn, reply.flag, reply.st) == (None, None, "32")
    assert reply.params == (("QN", QN), ("SystemTime", "20260302120000"))
    assert (done.flag, done.param("QN"), done.param("ExeRtn")) == (None, QN, "1")

    found = platform.ask("2061", ("BeginTime", "20260302080000"), ("EndTime", "20260302110000"), qn="2" * 17)
    assert shape(found) == ["9011", "2061", "2061", "2061", "2061", "9012"]
    assert {(packet.qn, packet.flag) for packet in found[1:-1]} == {(None, None)}


def test_2025_encrypts_data_and_takes_a_new_key() -> None:
    platform = Platform(Edition.V2025, key=KEY)
    span = ("BeginTime", "20260302080000"), ("EndTime", "20260302080000")
    found = platform.ask("2061", *span)
    assert shape(found) == ["9011", "2061", "9012"]
    assert [packet.flag for packet in found] == [8, 9, 8]
    asked = platform.request("2061", *span, qn="3" * 17)
    raw = b"".join(platform.responder.hear(asked, NOW))
    assert b"w01018-Avg" not in raw

    new = command(
        Sender(MN, "32", edition=Edition.V2025, key=KEY),
        "1014",
        [("SKCreateTime", "20260302120000"), ("NewSK", "fedcba9876543210")],
        qn="4" * 17,
        ack_wanted=True,
        joint=",",
    )
    (event,) = Framer().feed(new)
    assert shape(read(platform.responder.take(event, NOW))) == ["9011", "9012"]
    assert platform.station.sender.key == b"fedcba9876543210"
    # The same command again, still under the old key: the platform missed the answer.
    assert shape(read(platform.responder.take(event, NOW))) == ["9011", "9012"]


def test_a_repeated_request_is_answered_again_and_done_once() -> None:
    platform = Platform()
    platform.ask("3015")
    platform.ask("3015")
    assert platform.station.bottle == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"pw": "000000"}, "3"), ({"mn": "OTHER"}, "4"), ({"qn": None}, "7"), ({"cn": "1021"}, "8")],
)
def test_refusals(change: dict[str, str | None], expected: str) -> None:
    platform = Platform()
    packet = platform.request("1062", ("RtdInterval", 30))._replace(**change)  # type: ignore[arg-type]
    (refusal,) = read(platform.responder.hear(packet, NOW))
    assert (refusal.cn, refusal.param("QnRtn")) == ("9011", expected)
    assert platform.station.rtd_interval == 60


WRONG: list[tuple[str, tuple[tuple[str, Value], ...]]] = [
    ("1000", (("OverTime", 5), ("ReCount", 0))), ("1012", (("SystemTime", "now"),)), ("1062", (("RtdInterval", 29),)),
    ("1064", (("MinInterval", 7),)), ("1072", (("NewPW", ""),)), ("3012", (("PolId", "w99999"),)),
    ("3016", (("CstartTime", "250000"), ("CTime", 2))), ("3021", (("InfoId", "i12001"), ("i12001-Info", 1))),
]  # fmt: skip


@pytest.mark.parametrize(("cn", "params"), WRONG)
def test_wrong_conditions_change_nothing(cn: str, params: tuple[tuple[str, Value], ...]) -> None:
    platform = Platform()
    assert platform.ask(cn, *params)[-1].param("ExeRtn") == "3"


RIGHT: list[tuple[Edition, str, tuple[tuple[str, Value], ...], list[str]]] = [
    (Edition.V2017, "1000", (("OverTime", 5), ("ReCount", 2)), []),
    (Edition.V2005, "1001", (("WarnTime", 9),), []),
    (Edition.V2025, "1002", (("i23005-Info", "6970000000001ABCDEFG1234"),), []),
    (Edition.V2017, "1012", (("SystemTime", "20260302115900"),), []),
    (Edition.V2005, "1022", (("101-LowValue", 1.1), ("101-UpValue", 9.9)), []),
    (Edition.V2005, "1031", (), ["1031"]),
    (Edition.V2005, "1032", (("AlarmTarget", "12345"),), []),
    (Edition.V2005, "1041", (), ["1041"]),
    (Edition.V2005, "1042", (("ReportTime", "0215"),), []),
    (Edition.V2017, "1061", (), ["1061"]),
    (Edition.V2017, "1063", (), ["1063"]),
    (Edition.V2017, "1064", (("MinInterval", 5),), []),
    (Edition.V2017, "1072", (("NewPW", "654321"),), []),
    (Edition.V2017, "2011", (), []),
    (Edition.V2017, "3011", (("PolId", "w01018"),), []),
    (Edition.V2025, "3011", (("PolId", "w01018"), ("CalibrationType", 1)), []),
    (Edition.V2017, "3013", (("PolId", "w01018"),), []),
    (Edition.V2005, "3014", (("PolId", "w01018"), ("CTime", "04"), ("CTime", "10")), []),
    (Edition.V2017, "3014", (("PolId", "w01018"),), []),
    (Edition.V2017, "3015", (), ["3015"]),
    (Edition.V2017, "3016", (("PolId", "w01018"), ("CstartTime", "010000"), ("CTime", 4)), []),
    (Edition.V2017, "3017", (("PolId", "w01018"),), ["3017"]),
    (Edition.V2017, "3018", (("PolId", "w01018"),), ["3018"]),
    (Edition.V2017, "3021", (("PolId", "w01018"), ("InfoId", "i13004"), ("i13004-Info", "168.0")), []),
]


@pytest.mark.parametrize(("edition", "cn", "params", "replies"), RIGHT)
def test_every_other_command(
    edition: Edition, cn: str, params: tuple[tuple[str, Value], ...], replies: list[str]
) -> None:
    found = Platform(edition).ask(cn, *params)
    assert shape(found) == ["9011", *replies, "9012"]
    assert found[-1].param("ExeRtn") == "1"


def test_a_password_that_no_header_can_carry_is_refused() -> None:
    platform = Platform()
    packet = parse_segment(
        b"QN=20260302120000001;ST=32;CN=1072;PW=123456;MN=" + MN.encode() + b";Flag=5;CP=&&NewPW=12=34&&"
    )
    assert read(platform.responder.hear(packet, NOW))[-1].param("ExeRtn") == "3"
    assert platform.station.sender.pw == "123456"


def test_what_is_set_is_got() -> None:
    platform = Platform()
    platform.ask("3016", ("PolId", "w21003"), ("CstartTime", "013000"), ("CTime", 4), qn="1" * 17)
    assert platform.ask("3017", ("PolId", "w21003"), qn="2" * 17)[1].params[1:] == (
        ("CstartTime", "013000"), ("CTime", "4"),
    )  # fmt: skip
    platform.ask("3021", ("PolId", "w01018"), ("InfoId", "i13004"), ("i13004-Info", "165.0"), qn="3" * 17)
    assert (
        platform.ask("3020", ("PolId", "w01018"), ("InfoId", "i13004"), qn="4" * 17)[1].param("i13004-Info") == "165.0"
    )
    platform.ask("3013", ("PolId", "w01018"), qn="5" * 17)
    logs = platform.ask(
        "3020", ("PolId", "w01018"), ("InfoId", "i11001"), ("BeginTime", "20260302000000"),
        ("EndTime", "20260302235959"), qn="6" * 17,
    )  # fmt: skip
    assert shape(logs) == ["9011", "3020", "9012"]
    assert logs[1].param("i11001-Info") == "//清洗反吹//"
    assert logs[1].qn != "6" * 17


def test_notifies_and_the_clock() -> None:
    platform = Platform()
    assert shape(platform.ask("2012")) == ["9013"]
    assert not platform.station.send_realtime
    platform.ask("1012", ("SystemTime", "20260302113000"), qn="2" * 17)
    assert platform.station.time(NOW).strftime("%H%M") == "1130"


def test_heartbeats_and_realtime_data_come_by_themselves() -> None:
    platform = Platform(Edition.V2025)
    platform.station.live = lambda _now: [("w01018", (("Rtd", 40.5), ("Flag", "N")))]
    times = [NOW + timedelta(seconds=20 * n) for n in range(7)]
    sent = [shape(read(platform.responder.tick(time))) for time in times]
    assert sent == [["2011", "9015"], [], [], ["2011", "9015"], [], [], ["2011", "9015"]]


def test_tempers_of_the_field() -> None:
    assert shape(Platform(temper=Temper(no_qn_rtn=True)).ask("1061")) == ["1061", "9012"]
    assert shape(Platform(temper=Temper(no_exe_rtn=True)).ask("1061")) == ["9011", "1061"]
    assert Platform(temper=Temper(deaf=True)).ask("1061") == []
    assert Platform(temper=Temper(qn_rtn={"1061": 2})).ask("1061")[0].param("QnRtn") == "2"
    assert Platform(temper=Temper(exe_rtn={"1061": 5})).ask("1061")[-1].param("ExeRtn") == "5"


def test_own_uploads_are_never_taken_for_requests() -> None:
    platform = Platform()
    packet = platform.request("9014")
    assert platform.responder.hear(packet, NOW) == []
    assert platform.responder.take(Framer(limit=10).feed(b"##0101QN=1;" + b"x" * 300)[0], NOW) == []


def test_the_model_is_an_archive() -> None:
    archive = ModelArchive(next(iter(load().anchored(NOW).values())))
    begin, end = NOW - timedelta(hours=26), NOW
    assert len(list(archive.reports("2061", begin, end))) >= 20
    assert len(list(archive.reports("2051", begin, begin + timedelta(minutes=9)))) == 10
    (day,) = archive.reports("2031", NOW - timedelta(hours=12), NOW - timedelta(hours=12))
    assert day.items
    assert list(archive.reports("2081", begin, end)) == []


def test_every_logger_of_the_demo_answers() -> None:
    for model in load().anchored(NOW).values():
        station = station_of(model)
        platform = Sender(model.mn, model.system, model.password, Edition(model.edition))
        responder = Responder(station)
        span = [("BeginTime", "20260302080000"), ("EndTime", "20260302100000")]
        (asked,) = read([command(platform, "2061", span, qn=QN, ack_wanted=True)])
        found = read(responder.hear(asked, NOW))
        for packet in found:
            if packet.ack_wanted:
                found += read(responder.hear(read([answer(packet, "9014")])[0], NOW))
        assert shape(found) == ["9011", "2061", "2061", "2061", "9012"]
        factors = {value.factor for value in to_upload(found[1]).values}
        assert factors <= {factor.code for factor in model.factors}
        assert not [packet for packet in read(responder.tick(NOW)) if packet.cn == "2011"]
        (start,) = read([command(platform, "2011", (), qn="3" * 17, ack_wanted=True)])
        responder.hear(start, NOW)
        (realtime,) = [packet for packet in read(responder.tick(NOW)) if packet.cn == "2011"]
        assert to_upload(realtime).values[0].rtd is not None
