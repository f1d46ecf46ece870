"""Control commands (3011 to 3024) as a logger carries them out: calibration, samples, periods, field information."""

from datetime import datetime

from park.deeds import DONE, NOTHING, SUCCESS, WRONG, Deed, Execution, Reply, factor_of, getter, number_of
from park.station import LogEntry, Period, Station
from services.ingest.hj212.codec import Packet, Report
from services.ingest.hj212.codec.encode import Value, format_time
from services.ingest.hj212.codec.values import read_time


def act(text: str) -> Deed:
    """A deed that the running log remembers, and nothing else."""

    def deed(station: Station, packet: Packet, now: datetime) -> Execution:
        station.note(now, factor_of(station, packet), text)
        return DONE

    return deed


def calibrate(station: Station, packet: Packet, now: datetime) -> Execution:
    """3011: zero or span calibration, at the time of the station."""
    span = packet.param("CalibrationType") == "1"
    factor = factor_of(station, packet)
    station.information[factor, "i13006"] = format_time(station.time(now))
    station.note(now, factor, "量程校准" if span else "零点校准")
    return DONE


def keep_sample(station: Station, _packet: Packet, now: datetime) -> Execution:
    """3015 (2017): keep a sample, and say in which bottle."""
    bottle = station.fill_bottle()
    return getter("3015", ("DataTime", format_time(station.time(now))), ("VaseNo", bottle))


def keep_sample_now(station: Station, packet: Packet, now: datetime) -> Execution:
    """3022 (2025): keep a sample; its bottle is told afterwards."""
    station.note(now, factor_of(station, packet), "即时留样")
    params = (("DataTime", format_time(station.time(now))), ("VaseNo", station.fill_bottle()))
    return Execution(SUCCESS, followers=[Reply("3015", params, own_qn=True)])


def check_sample(station: Station, packet: Packet, now: datetime) -> Execution:
    """3024 (2025): check against a standard sample; the result follows as 2062."""
    factor = factor_of(station, packet)
    station.note(now, factor, "标样核查")
    values: tuple[tuple[str, Value], ...] = (("SampleRd", 49.2), ("StandardValue", 50), ("ResultType", 1))
    report = Report("2062", station.time(now), [(factor, values)])
    return Execution(SUCCESS, followers=[Reply("2062", report=report, own_qn=True)])


def set_times_2005(station: Station, packet: Packet, _now: datetime) -> Execution:
    """3014 (2005): hours of the day at which samples are taken."""
    times = tuple(text for key, text, _ in packet.fields if key == "CTime")
    if not times or not all(text.isdigit() and int(text) < 24 for text in times):
        return WRONG
    station.sampling[factor_of(station, packet)] = Period(f"{int(times[0]):02}0000", 24, times)
    return DONE


def set_period(station: Station, packet: Packet, _now: datetime) -> Execution:
    """3016: start and period of sampling."""
    start = packet.param("CstartTime") or ""
    datetime.strptime(start, "%H%M%S")  # noqa: DTZ007 - a time of day has no zone
    name = "CTime" if packet.param("CTime") is not None else "Ctime"
    station.sampling[factor_of(station, packet)] = Period(start, number_of(packet, name, 1, 24))
    return DONE


def get_period(station: Station, packet: Packet, _now: datetime) -> Execution:
    """3017."""
    factor = factor_of(station, packet)
    period = station.sampling.get(factor, Period("000000", 2))
    return getter("3017", ("PolId", factor), ("CstartTime", period.start), ("CTime", period.hours))


def get_result_time(station: Station, packet: Packet, _now: datetime) -> Execution:
    """3018."""
    return getter("3018", ("PolId", factor_of(station, packet)), ("Stime", station.result_minutes))


def get_serial(station: Station, packet: Packet, _now: datetime) -> Execution:
    """3019."""
    factor = factor_of(station, packet)
    serial = station.serials.get(factor)
    return getter("3019", ("PolId", factor), (f"{factor}-SN", serial)) if serial else NOTHING


def get_information(station: Station, packet: Packet, now: datetime) -> Execution:
    """3020: a state, a parameter, or lines of a log."""
    factor, info = packet.param("PolId") or station.factors[0], packet.param("InfoId") or ""
    if info[2:3] == "1":
        return _get_log(station, packet, factor, info)
    text = station.information.get((factor, info))
    if text is None:
        return NOTHING
    return getter("3020", ("DataTime", format_time(station.time(now))), ("PolId", factor), (f"{info}-Info", text))


def _get_log(station: Station, packet: Packet, factor: str, info: str) -> Execution:
    begin, end = (read_time(packet.param(name) or "") for name in ("BeginTime", "EndTime"))
    entries = [entry for entry in station.logs if entry[1:3] == (factor, info) and begin <= entry.at <= end]
    return Execution(SUCCESS, [_log_line(entry) for entry in entries]) if entries else NOTHING


def _log_line(entry: LogEntry) -> Reply:
    params = (("DataTime", format_time(entry.at)), ("PolId", entry.factor), (f"{entry.info}-Info", f"//{entry.text}//"))
    return Reply("3020", params, own_qn=True)


def set_information(station: Station, packet: Packet, _now: datetime) -> Execution:
    """3021: set a parameter."""
    factor, info = packet.param("PolId") or station.factors[0], packet.param("InfoId") or ""
    value = packet.param(f"{info}-Info")
    if value is None or info[2:3] != "3":
        return WRONG
    station.information[factor, info] = value
    return DONE
