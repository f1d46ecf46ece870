from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.hj212.codec import (
    FactorValues,
    Kind,
    ParseError,
    Unreadable,
    Upload,
    UploadError,
    UploadNote,
    parse_segment,
    to_upload,
)
from services.ingest.hj212.codec.values import read_number, read_time

AT = datetime(2024, 6, 1, 0, 58, tzinfo=UTC)


def upload(
    cp: str, *, cn: str = "2011", system: str = "32", extra: str = "", received_at: datetime | None = None
) -> Upload:
    segment = f"QN=20240601085857223;ST={system};CN={cn};PW=123456;MN=M1;Flag=5;{extra}CP=&&{cp}&&"
    return to_upload(parse_segment(segment.encode()), received_at=received_at)


def test_realtime_of_gas() -> None:
    made = upload(
        "DataTime=20240601085800;a21026-Rtd=18.5,a21026-ZsRtd=21.3,a21026-Flag=N;a01013-Rtd=-0.041,a01013-Flag=D",
        system="31",
    )

    assert made == Upload(
        "M1", "31", Kind.REALTIME, AT, AT, None,
        (
            FactorValues("a21026", "a21026", rtd=18.5, zs_rtd=21.3, flag="N"),
            FactorValues("a01013", "a01013", rtd=-0.041, flag="D"),
        ),
    )  # fmt: skip


def test_furnace_temperature_of_2025_is_a_minute_mean() -> None:
    made = upload("DataTime=20240601085500;a01901-Avg=873.5,a01901-Flag=N", cn="2111", system="31")
    assert (made.kind, made.values) == (Kind.MINUTE, (FactorValues("a01901", "a01901", avg=873.5, flag="N"),))


def test_hour_mean_of_water_with_every_suffix() -> None:
    made = upload(
        "DataTime=20240601080000;w01018-Cou=63.0,w01018-Min=40.1,w01018-Avg=41.1,w01018-Max=42.1,w01018-Flag=N,w01018-EFlag=A01",
        cn="2061",
    )

    assert made.kind is Kind.HOUR
    assert made.data_time == datetime(2024, 6, 1, tzinfo=UTC)
    assert made.values == (
        FactorValues("w01018", "w01018", cou=63.0, min=40.1, avg=41.1, max=42.1, flag="N", eflag="A01"),
    )


def test_converted_means_of_gas() -> None:
    made = upload(
        "DataTime=20240601080000;a21002-Avg=1,a21002-ZsAvg=2,a21002-ZsMin=3,a21002-ZsMax=4,a21002-ZsCou=5",
        cn="2051",
        system="31",
    )

    assert made.values == (FactorValues("a21002", "a21002", avg=1, zs_avg=2, zs_min=3, zs_max=4, zs_cou=5),)


def test_noise() -> None:
    made = upload("DataTime=20240601000000;Leq-Data=50.0;Ldn-DayData=55.1,Ldn-NightData=45.2", cn="2031", system="23")

    assert made.data_time == datetime(2024, 5, 31, 16, tzinfo=UTC)
    assert made.values == (
        FactorValues("Leq", "Leq", data=50.0),
        FactorValues("Ldn", "Ldn", day_data=55.1, night_data=45.2),
    )


@pytest.mark.parametrize(
    ("system", "code", "factor"),
    [
        ("32", "011", "w01018"),
        ("32", "B01", "w00000"),
        ("21", "060", "w21003"),
        ("32", "101", "w21011"),
        ("31", "02", "a21026"),
        ("31", "S01", "a19001"),
        ("51", "S03", "a01012"),
        ("31", "023", "023"),  # a private number of a gas device, not chromium
        ("32", "02", "02"),
        ("32", "01018", "w01018"),  # the standard's own slip of table C.14
        ("32", "w99999", "w99999"),
        ("80", "011", "011"),
    ],
)
def test_codes_of_2005_by_system(system: str, code: str, factor: str) -> None:
    (values,) = upload(f"DataTime=20240601085800;{code}-Rtd=1", system=system).values

    assert (values.factor, values.code) == (factor, code)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("30.5", 30.5), ("0", 0.0), ("-130.7", -130.7), ("+1.5", 1.5), ("1.2E-5", 1.2e-5), (".5", 0.5),
        ("235.292750833832", 235.292750833832), ("", None), ("-", None), ("--", None), ("NaN", None),
        ("NULL", None), ("null", None), ("None", None), ("N/A", None),
    ],
)  # fmt: skip
def test_q24_numbers(text: str, number: float | None) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize(
    "text", ["inf", "-Infinity", "1e999", "1_000", "１２", "<0.5", "0.05L", "abc", "1,5", "0x10", "1" * 41]
)
def test_not_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r"could not convert|not a finite"):
        read_number(text)


def test_unreadable_value_leaves_its_factor_and_says_so() -> None:
    made = upload("DataTime=20240601085800;w01018-Rtd=<0.5,w01018-Flag=T;w21003-Rtd=inf;w01001-Rtd=7.1")

    assert made.values == (
        FactorValues("w01018", "w01018", flag="T"),
        FactorValues("w21003", "w21003"),
        FactorValues("w01001", "w01001", rtd=7.1),
    )
    assert made.unreadable == (Unreadable("w01018", "Rtd", "<0.5"), Unreadable("w21003", "Rtd", "inf"))
    assert made.notes == (UploadNote.VALUE_UNREADABLE,)


def test_q21_suffix_spelling_and_bare_keys() -> None:
    made = upload("DataTime=20240601085800;LA-td=50.1,LA-flag=N;FANSTATUS=1;w01018-ValidNum=10", system="23")

    assert made.values == (
        FactorValues("LA", "LA", rtd=50.1, flag="N"),
        FactorValues("w01018", "w01018", extra=(("ValidNum", "10"),)),
    )
    assert made.extras == (("FANSTATUS", "1"),)
    assert made.notes == (UploadNote.SUFFIX_SPELLING,)


def test_q21_bare_flag_speaks_for_factors_without_one() -> None:
    made = upload("DataTime=20240601085800;a34001-Rtd=92;a34002-Rtd=1,a34002-Flag=N;Flag=D")

    assert [(values.factor, values.flag) for values in made.values] == [("a34001", "D"), ("a34002", "N")]
    assert made.notes == (UploadNote.FLAG_FOR_ALL,)


def test_q22_repeated_factor() -> None:
    made = upload("DataTime=20240601085800;e01001-Rtd=1.1,e01001-Flag=N;e01001-Rtd=2.2,e01001-Flag=D", system="52")

    assert made.values == (
        FactorValues("e01001", "e01001", rtd=1.1, flag="N"),
        FactorValues("e01001", "e01001", rtd=2.2, flag="D", occurrence=1),
    )
    assert made.notes == (UploadNote.FACTOR_REPEATED,)


@pytest.mark.parametrize(
    ("text", "flag", "notes"),
    [
        ("N", "N", ()), ("n", "N", ()), ("H", "H", (UploadNote.FLAG_UNKNOWN,)), ("", None, ()),
        ("[L]", "[L]", (UploadNote.FLAG_UNKNOWN,)), ("3", "3", ()), ("P", "P", ()),
    ],
)  # fmt: skip
def test_q25_flags(text: str, flag: str | None, notes: tuple[UploadNote, ...]) -> None:
    made = upload(f"DataTime=20240601085800;w01018-Rtd=1,w01018-Flag={text}")

    assert (made.values[0].flag, made.notes) == (flag, notes)


@pytest.mark.parametrize(
    ("text", "sample_time", "extra"),
    [
        ("20240601085700", AT - timedelta(minutes=1), ()),
        ("", None, ()),
        ("soon", None, (("SampleTime", "soon"),)),
    ],
)
def test_q23_sample_time(text: str, sample_time: datetime | None, extra: tuple[tuple[str, str], ...]) -> None:
    (values,) = upload(f"DataTime=20240601085800;w01018-SampleTime={text},w01018-Rtd=1").values

    assert (values.sample_time, values.extra) == (sample_time, extra)


@pytest.mark.parametrize(
    ("cn", "text", "data_time", "notes"),
    [
        ("2011", "20240601085859", datetime(2024, 6, 1, 0, 58, 59, tzinfo=UTC), ()),
        ("2011", "20240601085859123", datetime(2024, 6, 1, 0, 58, 59, tzinfo=UTC), (UploadNote.TIME_MILLISECONDS,)),
        ("2051", "20240601085827", AT, (UploadNote.TIME_NOT_AT_START,)),
        ("2061", "20240601085900", datetime(2024, 6, 1, tzinfo=UTC), (UploadNote.TIME_NOT_AT_START,)),
        ("2031", "20240601000000", datetime(2024, 5, 31, 16, tzinfo=UTC), ()),
        ("2031", "20240601235959", datetime(2024, 5, 31, 16, tzinfo=UTC), (UploadNote.TIME_NOT_AT_START,)),
    ],
)
def test_q23_times(cn: str, text: str, data_time: datetime, notes: tuple[UploadNote, ...]) -> None:
    made = upload(f"DataTime={text};w01018-Rtd=1", cn=cn)

    assert (made.data_time, made.notes) == (data_time, notes)
    assert made.device_time == read_time(text)


@pytest.mark.parametrize(
    ("cn", "cp", "code"),
    [
        ("2021", "DataTime=20240601085800;SB1-RS=1", "not_an_upload"),
        ("2011", "", "request_not_upload"),
        ("2051", "BeginTime=20240601085800,EndTime=20240601095800", "request_not_upload"),
        ("2011", "w01018-Rtd=1", "no_data_time"),
        ("2011", "DataTime=;w01018-Rtd=1", "bad_data_time"),
        ("2011", "DataTime=20241301085800;w01018-Rtd=1", "bad_data_time"),
        ("2011", "DataTime=20240230085800;w01018-Rtd=1", "bad_data_time"),
        ("2011", "DataTime=19700101000000;w01018-Rtd=1", "bad_data_time"),
        ("2011", "DataTime=2024-06-01 08:58;w01018-Rtd=1", "bad_data_time"),
        ("2011", "DataTime=２０２４０６０１０８５８００;w01018-Rtd=1", "bad_data_time"),
        ("2011", "DataTime=20240601085800", "no_values"),
        ("2011", "DataTime=20240601085800;FANSTATUS=1", "no_values"),
    ],
)
def test_refusals(cn: str, cp: str, code: str) -> None:
    with pytest.raises(UploadError) as caught:
        upload(cp, cn=cn)

    assert caught.value.code == code
    assert caught.value.message


@pytest.mark.parametrize(
    ("cn", "after", "late"),
    [
        ("2011", timedelta(minutes=9), False), ("2011", timedelta(minutes=11), True),
        ("2051", timedelta(minutes=35), False), ("2051", timedelta(hours=1), True),
        ("2061", timedelta(hours=2), False), ("2061", timedelta(hours=4), True),
        ("2031", timedelta(hours=30), False), ("2031", timedelta(days=2), True),
    ],
)  # fmt: skip
def test_q28_late_by_time_of_receipt(cn: str, after: timedelta, *, late: bool) -> None:
    start = datetime(2024, 5, 31, 16, tzinfo=UTC)

    assert upload("DataTime=20240601000000;w01018-Rtd=1", cn=cn, received_at=start + after).late is late


def test_late_by_mark() -> None:
    segment = b"QN=20240601085857223;ST=32;CN=2011;PW=1;MN=M1;Flag=9;RF=1;CP=&&DataTime=20240601085800;w01018-Rtd=1&&"

    assert to_upload(parse_segment(segment), received_at=AT).late is True
    assert upload("DataTime=20240601085800;w01018-Rtd=1").late is None


def test_factor_code_without_end_is_kept_aside() -> None:
    key = "w" * 40 + "-Rtd"
    made = upload(f"DataTime=20240601085800;{key}=1;w01018-Rtd=2")

    assert made.extras == ((key, "1"),)
    assert made.notes == (UploadNote.FACTOR_CODE_TOO_LONG,)
    assert [values.factor for values in made.values] == ["w01018"]


@given(st.text("DataTime=20;w01-RtdAvgFlag,.NeE+：\x00清", max_size=120))
def test_hostile_content_raises_stable_errors_only(text: str) -> None:
    segment = f"ST=32;CN=2011;PW=1;MN=M1;CP=&&DataTime=20240601085800;{text}&&".encode()
    with suppress(ParseError, UploadError):
        assert to_upload(parse_segment(segment), received_at=AT).values
