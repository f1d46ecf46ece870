"""What a logger does with each command (命令) of HJ/T 212-2005, HJ 212-2017 and HJ 212-2025.

Pure: a station, a packet and the time go in; the station changes, and what it says and how it ended come out.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from park import control
from park.archive import MOST_REPORTS
from park.deeds import (
    DONE,
    NOTHING,
    SUCCESS,
    WRONG,
    Deed,
    Execution,
    Reply,
    factors_of,
    getter,
    number_of,
)
from park.station import Station
from services.ingest.hj212.codec import Edition, KeyUnfitError, Packet, Report, read_key
from services.ingest.hj212.codec.encode import format_time
from services.ingest.hj212.codec.values import read_number, read_time

MINUTE_INTERVALS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)
LONGEST_RANGE = timedelta(days=366)


def execute(station: Station, packet: Packet, now: datetime) -> Execution | None:
    """Carry out a request (请求命令); None for a command that this edition does not know."""
    deed = _DEEDS_2005.get(packet.cn) if packet.edition is Edition.V2005 else None
    deed = deed or _DEEDS.get(packet.cn)
    if deed is None or packet.edition.value not in _EDITIONS.get(packet.cn, _ALL):
        return None
    try:
        return deed(station, packet, now)
    except ValueError:
        return WRONG


# --- parameters ---


def _set_timeouts(station: Station, packet: Packet, _now: datetime) -> Execution:
    over_time, re_count = number_of(packet, "OverTime", 1, 99999), number_of(packet, "ReCount", 1, 99)
    station.over_time, station.re_count = over_time, re_count
    return DONE


def _set_warn_time(station: Station, packet: Packet, _now: datetime) -> Execution:
    station.warn_time = number_of(packet, "WarnTime", 0, 99999)
    return DONE


def _set_mn(station: Station, packet: Packet, _now: datetime) -> Execution:
    if packet.param("i23005-Info") != station.logger_id:
        return WRONG
    station.become(mn=packet.mn)
    return DONE


def _get_clock(station: Station, packet: Packet, now: datetime) -> Execution:
    named = [("PolId", factor) for factor in factors_of(packet)]
    return getter("1011", *named, ("SystemTime", format_time(station.time(now))))


def _set_clock(station: Station, packet: Packet, now: datetime) -> Execution:
    station.set_clock(read_time(packet.param("SystemTime") or ""), now)
    return DONE


def _set_key(station: Station, packet: Packet, _now: datetime) -> Execution:
    try:
        key = read_key(packet.param("NewSK") or "")
    except KeyUnfitError:
        return WRONG
    station.key_created = read_time(packet.param("SKCreateTime") or "")
    station.become(key=key)
    return DONE


def _get_limits(station: Station, packet: Packet, _now: datetime) -> Execution:
    asked = factors_of(packet) or list(station.limits)
    found = [(factor, station.limits[factor]) for factor in asked if factor in station.limits]
    if not found:
        return NOTHING
    params = [
        (f"{factor}-{name}", value) for factor, limits in found
        for name, value in zip(("LowValue", "UpValue"), limits, strict=True)
    ]  # fmt: skip
    return getter("1021", *params)


def _set_limits(station: Station, packet: Packet, _now: datetime) -> Execution:
    given: dict[str, dict[str, float]] = {}
    for factor, values in packet.items:
        given.setdefault(factor, {}).update(
            (name, number) for name, text in values if (number := read_number(text)) is not None
        )
    for factor, limits in given.items():
        low, up = limits.get("LowValue", 0.0), limits.get("UpValue")
        if up is None or up < low:
            return WRONG
        station.limits[factor] = (low, up)
    return DONE if given else WRONG


def _get_target(station: Station, _packet: Packet, _now: datetime) -> Execution:
    return getter("1031", ("AlarmTarget", station.alarm_target))


def _set_target(station: Station, packet: Packet, _now: datetime) -> Execution:
    target = packet.param("AlarmTarget") or ""
    if not 0 < len(target) <= 20:
        return WRONG
    station.alarm_target = target
    return DONE


def _get_report_time(station: Station, _packet: Packet, _now: datetime) -> Execution:
    return getter("1041", ("ReportTime", station.report_time))


def _set_report_time(station: Station, packet: Packet, _now: datetime) -> Execution:
    text = packet.param("ReportTime") or ""
    datetime.strptime(text, "%H%M")  # noqa: DTZ007 - a time of day has no zone
    station.report_time = text
    return DONE


def _get_rtd_interval(station: Station, _packet: Packet, _now: datetime) -> Execution:
    return getter("1061", ("RtdInterval", station.rtd_interval))


def _set_rtd_interval(station: Station, packet: Packet, _now: datetime) -> Execution:
    station.rtd_interval = number_of(packet, "RtdInterval", 30, 3600)
    return DONE


def _get_min_interval(station: Station, _packet: Packet, _now: datetime) -> Execution:
    return getter("1063", ("MinInterval", station.min_interval))


def _set_min_interval(station: Station, packet: Packet, _now: datetime) -> Execution:
    interval = number_of(packet, "MinInterval", 1, 30)
    if interval not in MINUTE_INTERVALS:
        return WRONG
    station.min_interval = interval
    return DONE


def _set_password(station: Station, packet: Packet, _now: datetime) -> Execution:
    password = packet.param("NewPW") or packet.param("PW") or ""
    if not 0 < len(password) <= 24:
        return WRONG
    station.become(pw=password)
    return DONE


# --- data ---


def _start_realtime(station: Station, _packet: Packet, _now: datetime) -> Execution:
    station.send_realtime = True
    return DONE


def _start_state(station: Station, _packet: Packet, now: datetime) -> Execution:
    station.send_state = True
    report = Report("2021", station.time(now), [("SB1", (("RS", 1),))])
    return Execution(SUCCESS, followers=[Reply("2021", report=report, own_qn=True)])


def _history(station: Station, packet: Packet, _now: datetime) -> Execution:
    begin, end = (read_time(packet.param(name) or "") for name in ("BeginTime", "EndTime"))
    if not begin <= end <= begin + LONGEST_RANGE:
        return WRONG
    reports = station.archive.reports(packet.cn, begin, end)
    first = next(reports, None)
    if first is None:
        return NOTHING

    def all_of_them() -> Iterator[Reply]:
        yield Reply(packet.cn, report=first, own_qn=True)
        for _, report in zip(range(MOST_REPORTS), reports, strict=False):
            yield Reply(packet.cn, report=report, own_qn=True)

    return Execution(SUCCESS, all_of_them())


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
    "3011": control.calibrate,
    "3012": control.act("即时采样"),
    "3013": control.act("清洗反吹"),
    "3014": control.act("比对采样"),
    "3015": control.keep_sample,
    "3016": control.set_period,
    "3017": control.get_period,
    "3018": control.get_result_time,
    "3019": control.get_serial,
    "3020": control.get_information,
    "3021": control.set_information,
    "3022": control.keep_sample_now,
    "3024": control.check_sample,
}  # fmt: skip
_DEEDS_2005: dict[str, Deed] = {"3014": control.set_times_2005}
