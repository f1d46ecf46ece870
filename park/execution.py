"""What a logger does with each command (命令) of HJ/T 212-2005, HJ 212-2017 and HJ 212-2025.

Pure: a station, a packet and the time go in; the station changes, and what it says and how it ended come out.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from park.archive import MOST_REPORTS
from park.station import LogEntry, Period, Station
from services.ingest.hj212.codec import Edition, KeyUnfitError, Packet, Report, read_key
from services.ingest.hj212.codec.encode import Value, format_time
from services.ingest.hj212.codec.values import read_number, read_time

SUCCESS = 1
CONDITIONS_WRONG = 3
NO_DATA = 100
MINUTE_INTERVALS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)
LONGEST_RANGE = timedelta(days=366)


class Reply(NamedTuple):
    """Something a logger sends because of a command.

    own_qn: it has its own request code, as uploads of history and logs do; else that of the command.
    joint: what stands between parameters.
    """

    cn: str
    params: tuple[tuple[str, Value], ...] = ()
    report: Report | None = None
    own_qn: bool = False
    joint: str = ";"


class Execution(NamedTuple):
    """How a command ended (ExeRtn), what is said before that, and what follows of itself."""

    code: int
    replies: Iterable[Reply] = ()
    followers: Iterable[Reply] = ()


Deed = Callable[[Station, Packet, datetime], Execution]
_DONE = Execution(SUCCESS)
_WRONG = Execution(CONDITIONS_WRONG)
_NOTHING = Execution(NO_DATA)


def execute(station: Station, packet: Packet, now: datetime) -> Execution | None:
    """Carry out a request (请求命令); None for a command that this edition does not know."""
    deed = _DEEDS_2005.get(packet.cn) if packet.edition is Edition.V2005 else None
    deed = deed or _DEEDS.get(packet.cn)
    if deed is None or packet.edition.value not in _EDITIONS.get(packet.cn, _ALL):
        return None
    try:
        return deed(station, packet, now)
    except ValueError:
        return _WRONG


def _number(packet: Packet, name: str, low: int, high: int) -> int:
    value = read_number(packet.param(name) or "")
    if value is None or value != int(value) or not low <= value <= high:
        raise ValueError(f"{name} is not within {low} to {high}")
    return int(value)


def _factors(packet: Packet) -> list[str]:
    return [text for key, text, _ in packet.fields if key == "PolId" and text]


def _factor(station: Station, packet: Packet) -> str:
    """The factor a command speaks of; without PolId, the first. One the station does not measure is wrong."""
    factor = packet.param("PolId") or station.factors[0]
    if factor not in station.factors:
        raise ValueError(f"{factor} is not measured here")
    return factor


def _get(cn: str, *params: tuple[str, Value]) -> Execution:
    return Execution(SUCCESS, [Reply(cn, params)])


# --- parameters ---


def _set_timeouts(station: Station, packet: Packet, _now: datetime) -> Execution:
    over_time, re_count = _number(packet, "OverTime", 1, 99999), _number(packet, "ReCount", 1, 99)
    station.over_time, station.re_count = over_time, re_count
    return _DONE


def _set_warn_time(station: Station, packet: Packet, _now: datetime) -> Execution:
    station.warn_time = _number(packet, "WarnTime", 0, 99999)
    return _DONE


def _set_mn(station: Station, packet: Packet, _now: datetime) -> Execution:
    if packet.param("i23005-Info") != station.logger_id:
        return _WRONG
    station.become(mn=packet.mn)
    return _DONE


def _get_clock(station: Station, packet: Packet, now: datetime) -> Execution:
    named = [("PolId", factor) for factor in _factors(packet)]
    return _get("1011", *named, ("SystemTime", format_time(station.time(now))))


def _set_clock(station: Station, packet: Packet, now: datetime) -> Execution:
    station.set_clock(read_time(packet.param("SystemTime") or ""), now)
    return _DONE


def _set_key(station: Station, packet: Packet, _now: datetime) -> Execution:
    try:
        key = read_key(packet.param("NewSK") or "")
    except KeyUnfitError:
        return _WRONG
    station.key_created = read_time(packet.param("SKCreateTime") or "")
    station.become(key=key)
    return _DONE


def _get_limits(station: Station, packet: Packet, _now: datetime) -> Execution:
    asked = _factors(packet) or list(station.limits)
    found = [(factor, station.limits[factor]) for factor in asked if factor in station.limits]
    if not found:
        return _NOTHING
    params = [
        (f"{factor}-{name}", value) for factor, limits in found
        for name, value in zip(("LowValue", "UpValue"), limits, strict=True)
    ]  # fmt: skip
    return _get("1021", *params)


def _set_limits(station: Station, packet: Packet, _now: datetime) -> Execution:
    given: dict[str, dict[str, float]] = {}
    for factor, values in packet.items:
        given.setdefault(factor, {}).update(
            (name, number) for name, text in values if (number := read_number(text)) is not None
        )
    for factor, limits in given.items():
        low, up = limits.get("LowValue", 0.0), limits.get("UpValue")
        if up is None or up < low:
            return _WRONG
        station.limits[factor] = (low, up)
    return _DONE if given else _WRONG


def _get_target(station: Station, _packet: Packet, _now: datetime) -> Execution:
    return _get("1031", ("AlarmTarget", station.alarm_target))


def _set_target(station: Station, packet: Packet, _now: datetime) -> Execution:
    target = packet.param("AlarmTarget") or ""
    if not 0 < len(target) <= 20:
        return _WRONG
    station.alarm_target = target
    return _DONE


def _get_report_time(station: Station, _packet: Packet, _now: datetime) -> Execution:
    return _get("1041", ("ReportTime", station.report_time))


def _set_report_time(station: Station, packet: Packet, _now: datetime) -> Execution:
    text = packet.param("ReportTime") or ""
    datetime.strptime(text, "%H%M")  # noqa: DTZ007 - a time of day has no zone
    station.report_time = text
    return _DONE


def _get_rtd_interval(station: Station, _packet: Packet, _now: datetime) -> Execution:
    return _get("1061", ("RtdInterval", station.rtd_interval))


def _set_rtd_interval(station: Station, packet: Packet, _now: datetime) -> Execution:
    station.rtd_interval = _number(packet, "RtdInterval", 30, 3600)
    return _DONE


def _get_min_interval(station: Station, _packet: Packet, _now: datetime) -> Execution:
    return _get("1063", ("MinInterval", station.min_interval))


def _set_min_interval(station: Station, packet: Packet, _now: datetime) -> Execution:
    interval = _number(packet, "MinInterval", 1, 30)
    if interval not in MINUTE_INTERVALS:
        return _WRONG
    station.min_interval = interval
    return _DONE


def _set_password(station: Station, packet: Packet, _now: datetime) -> Execution:
    password = packet.param("NewPW") or packet.param("PW") or ""
    if not 0 < len(password) <= 24:
        return _WRONG
    station.become(pw=password)
    return _DONE


# --- data ---


def _start_realtime(station: Station, _packet: Packet, _now: datetime) -> Execution:
    station.send_realtime = True
    return _DONE


def _start_state(station: Station, _packet: Packet, now: datetime) -> Execution:
    station.send_state = True
    report = Report("2021", station.time(now), [("SB1", (("RS", 1),))])
    return Execution(SUCCESS, followers=[Reply("2021", report=report, own_qn=True)])


def _history(station: Station, packet: Packet, _now: datetime) -> Execution:
    begin, end = (read_time(packet.param(name) or "") for name in ("BeginTime", "EndTime"))
    if not begin <= end <= begin + LONGEST_RANGE:
        return _WRONG
    reports = station.archive.reports(packet.cn, begin, end)
    first = next(reports, None)
    if first is None:
        return _NOTHING

    def all_of_them() -> Iterator[Reply]:
        yield Reply(packet.cn, report=first, own_qn=True)
        for _, report in zip(range(MOST_REPORTS), reports, strict=False):
            yield Reply(packet.cn, report=report, own_qn=True)

    return Execution(SUCCESS, all_of_them())


# --- control ---


def _act(text: str) -> Deed:
    def deed(station: Station, packet: Packet, now: datetime) -> Execution:
        station.note(now, _factor(station, packet), text)
        return _DONE

    return deed


def _calibrate(station: Station, packet: Packet, now: datetime) -> Execution:
    span = packet.param("CalibrationType") == "1"
    factor = _factor(station, packet)
    station.information[factor, "i13006"] = format_time(station.time(now))
    station.note(now, factor, "量程校准" if span else "零点校准")
    return _DONE


def _keep_sample(station: Station, _packet: Packet, now: datetime) -> Execution:
    bottle = station.fill_bottle()
    return _get("3015", ("DataTime", format_time(station.time(now))), ("VaseNo", bottle))


def _keep_sample_now(station: Station, packet: Packet, now: datetime) -> Execution:
    station.note(now, _factor(station, packet), "即时留样")
    params = (("DataTime", format_time(station.time(now))), ("VaseNo", station.fill_bottle()))
    return Execution(SUCCESS, followers=[Reply("3015", params, own_qn=True)])


def _check_sample(station: Station, packet: Packet, now: datetime) -> Execution:
    factor = _factor(station, packet)
    station.note(now, factor, "标样核查")
    values: tuple[tuple[str, Value], ...] = (("SampleRd", 49.2), ("StandardValue", 50), ("ResultType", 1))
    report = Report("2062", station.time(now), [(factor, values)])
    return Execution(SUCCESS, followers=[Reply("2062", report=report, own_qn=True)])


def _set_times_2005(station: Station, packet: Packet, _now: datetime) -> Execution:
    times = tuple(text for key, text, _ in packet.fields if key == "CTime")
    if not times or not all(text.isdigit() and int(text) < 24 for text in times):
        return _WRONG
    station.sampling[_factor(station, packet)] = Period(f"{int(times[0]):02}0000", 24, times)
    return _DONE


def _set_period(station: Station, packet: Packet, _now: datetime) -> Execution:
    start = packet.param("CstartTime") or ""
    datetime.strptime(start, "%H%M%S")  # noqa: DTZ007 - a time of day has no zone
    name = "CTime" if packet.param("CTime") is not None else "Ctime"
    station.sampling[_factor(station, packet)] = Period(start, _number(packet, name, 1, 24))
    return _DONE


def _get_period(station: Station, packet: Packet, _now: datetime) -> Execution:
    factor = _factor(station, packet)
    period = station.sampling.get(factor, Period("000000", 2))
    return _get("3017", ("PolId", factor), ("CstartTime", period.start), ("CTime", period.hours))


def _get_result_time(station: Station, packet: Packet, _now: datetime) -> Execution:
    return _get("3018", ("PolId", _factor(station, packet)), ("Stime", station.result_minutes))


def _get_serial(station: Station, packet: Packet, _now: datetime) -> Execution:
    factor = _factor(station, packet)
    serial = station.serials.get(factor)
    return _get("3019", ("PolId", factor), (f"{factor}-SN", serial)) if serial else _NOTHING


def _get_information(station: Station, packet: Packet, now: datetime) -> Execution:
    factor, info = packet.param("PolId") or station.factors[0], packet.param("InfoId") or ""
    if info[2:3] == "1":
        return _get_log(station, packet, factor, info)
    text = station.information.get((factor, info))
    if text is None:
        return _NOTHING
    return _get("3020", ("DataTime", format_time(station.time(now))), ("PolId", factor), (f"{info}-Info", text))


def _get_log(station: Station, packet: Packet, factor: str, info: str) -> Execution:
    begin, end = (read_time(packet.param(name) or "") for name in ("BeginTime", "EndTime"))
    entries = [entry for entry in station.logs if entry[1:3] == (factor, info) and begin <= entry.at <= end]
    return Execution(SUCCESS, [_log_line(entry) for entry in entries]) if entries else _NOTHING


def _log_line(entry: LogEntry) -> Reply:
    params = (("DataTime", format_time(entry.at)), ("PolId", entry.factor), (f"{entry.info}-Info", f"//{entry.text}//"))
    return Reply("3020", params, own_qn=True)


def _set_information(station: Station, packet: Packet, _now: datetime) -> Execution:
    factor, info = packet.param("PolId") or station.factors[0], packet.param("InfoId") or ""
    value = packet.param(f"{info}-Info")
    if value is None or info[2:3] != "3":
        return _WRONG
    station.information[factor, info] = value
    return _DONE


_ALL = ("2005", "2017", "2025")
_EDITIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("1063", "1064", "3018", "3019", "3020", "3021"), ("2017", "2025")),
    **dict.fromkeys(("3015", "3016", "3017"), ("2017",)),
    **dict.fromkeys(("1002", "1014", "2013", "2052", "2062", "3022", "3024"), ("2025",)),
    **dict.fromkeys(("1001", "1021", "1022", "1031", "1032", "1041", "1042", "2071"), ("2005",)),
    "3014": ("2005", "2017"),
}
_DEEDS: dict[str, Deed] = {
    "1000": _set_timeouts, "1001": _set_warn_time, "1002": _set_mn, "1011": _get_clock, "1012": _set_clock,
    "1014": _set_key, "1021": _get_limits, "1022": _set_limits, "1031": _get_target, "1032": _set_target,
    "1041": _get_report_time, "1042": _set_report_time, "1061": _get_rtd_interval, "1062": _set_rtd_interval,
    "1063": _get_min_interval, "1064": _set_min_interval, "1072": _set_password,
    "2011": _start_realtime, "2021": _start_state,
    **dict.fromkeys(("2013", "2031", "2041", "2051", "2052", "2061", "2062", "2071"), _history),
    "3011": _calibrate, "3012": _act("即时采样"), "3013": _act("清洗反吹"), "3014": _act("比对采样"),
    "3015": _keep_sample, "3016": _set_period, "3017": _get_period, "3018": _get_result_time, "3019": _get_serial,
    "3020": _get_information, "3021": _set_information, "3022": _keep_sample_now, "3024": _check_sample,
}  # fmt: skip
_DEEDS_2005: dict[str, Deed] = {"3014": _set_times_2005}
