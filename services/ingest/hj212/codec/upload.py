"""Turn packets of CN 2011, 2013, 2051, 2061, 2031 and 2111 into measured values (上传监测数据)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from services.ingest.hj212.codec.packet import Packet
from services.ingest.hj212.codec.readings import FactorValues, Kind, Unreadable, Upload, UploadError, UploadNote
from services.ingest.hj212.codec.tables import factor_map, flags
from services.ingest.hj212.codec.values import BEIJING, read_number, read_time

WIDEST_CODE = 32
"""Characters of a factor code; longer ones are kept with the packet only."""


KIND_OF_CN = {
    "2011": Kind.REALTIME,
    "2013": Kind.REALTIME,
    "2051": Kind.MINUTE,
    "2061": Kind.HOUR,
    "2031": Kind.DAY,
    "2111": Kind.MINUTE,
}
"""2013 (2025): raw data of instruments that sample in cycles. 2111 (2025): the furnace temperature as means of five
minutes."""

LATE_AFTER = {
    Kind.REALTIME: timedelta(minutes=10),
    Kind.MINUTE: timedelta(minutes=40),
    Kind.HOUR: timedelta(hours=3),
    Kind.DAY: timedelta(hours=36),
}
"""From the start of the period, so that a 30-minute mean or an hour mean of a live device is not late."""


_FIELD_OF_SUFFIX = {
    "Rtd": "rtd", "Avg": "avg", "Min": "min", "Max": "max", "Cou": "cou",
    "ZsRtd": "zs_rtd", "ZsAvg": "zs_avg", "ZsMin": "zs_min", "ZsMax": "zs_max", "ZsCou": "zs_cou",
    "Data": "data", "DayData": "day_data", "NightData": "night_data",
    "Flag": "flag", "EFlag": "eflag", "SampleTime": "sample_time",
}  # fmt: skip
_FIELD_BY_SPELLING = {suffix.lower(): name for suffix, name in _FIELD_OF_SUFFIX.items()} | {"td": "rtd"}
_TEXT_FIELDS = frozenset({"flag", "eflag", "sample_time"})
_TIME_PARAMS = frozenset({"DataTime", "QN"})


class _Draft(NamedTuple):
    """A factor while its values are being gathered."""

    code: str
    occurrence: int
    fields: dict[str, float | str | datetime | None]
    extra: list[tuple[str, str]]


class _Gathering:
    """Everything gathered while one packet is read."""

    def __init__(self) -> None:
        self.drafts: list[_Draft] = []
        self.latest: dict[str, _Draft] = {}
        self.unreadable: list[Unreadable] = []
        self.extras: list[tuple[str, str]] = []
        self.notes: set[UploadNote] = set()
        self.common_flag: str | None = None

    def draft(self, code: str, taken: str) -> _Draft:
        """The draft of `code` that has no `taken` value yet; a repeated key begins another."""
        draft = self.latest.get(code)
        if draft is None:
            draft = _Draft(code, 0, {}, [])
        elif taken in draft.fields:
            self.notes.add(UploadNote.FACTOR_REPEATED)
            draft = _Draft(code, draft.occurrence + 1, {}, [])
        else:
            return draft
        self.latest[code] = draft
        self.drafts.append(draft)
        return draft


def to_upload(packet: Packet, *, received_at: datetime | None = None) -> Upload:
    """Read the values of a data packet.

    received_at (aware) decides whether the data are late where RF does not. Raises UploadError
    with code `not_an_upload`, `request_not_upload`, `no_data_time`, `bad_data_time` or
    `no_values`.
    """
    kind = KIND_OF_CN.get(packet.cn)
    if kind is None:
        raise UploadError("not_an_upload", f"CN {packet.cn} carries no measured values")
    gathering = _Gathering()
    device_time = _device_time(packet, gathering.notes)
    data_time = start_of_period(device_time, kind)
    if data_time != device_time:
        gathering.notes.add(UploadNote.TIME_NOT_AT_START)
    for key, text in zip(packet.shape.keys, packet.texts, strict=True):
        _gather(key, text, gathering)
    if not gathering.drafts:
        raise UploadError("no_values", "the packet names no factor")
    return Upload(
        packet.mn,
        packet.st,
        kind,
        data_time,
        device_time,
        _is_late(packet, kind, data_time, received_at),
        _finish(gathering, factor_map(packet.st)),
        tuple(gathering.unreadable),
        tuple(gathering.extras),
        tuple(sorted(gathering.notes)),
    )


def _device_time(packet: Packet, notes: set[UploadNote]) -> datetime:
    text = packet.param("DataTime")
    if text is None:
        asks = not packet.texts or packet.param("BeginTime") is not None
        if asks:
            raise UploadError("request_not_upload", f"CN {packet.cn} without data is a platform's request")
        raise UploadError("no_data_time", "no DataTime")
    try:
        time = read_time(text)
    except ValueError as error:
        raise UploadError("bad_data_time", f"DataTime cannot be read: {error}") from None
    if len(text) > len("yyyyMMddHHmmss"):
        notes.add(UploadNote.TIME_MILLISECONDS)
    return time


def start_of_period(time: datetime, kind: Kind) -> datetime:
    """Minute, hour or Beijing day that holds `time`; realtime stays."""
    if kind is Kind.REALTIME:
        return time
    if kind is Kind.MINUTE:
        return time.replace(second=0)
    if kind is Kind.HOUR:
        return time.replace(minute=0, second=0)
    return time.astimezone(BEIJING).replace(hour=0, minute=0, second=0).astimezone(UTC)


def _is_late(packet: Packet, kind: Kind, data_time: datetime, received_at: datetime | None) -> bool | None:
    if packet.rf:
        return True
    if received_at is None:
        return None
    return received_at - data_time > LATE_AFTER[kind]


def _gather(key: str, text: str, gathering: _Gathering) -> None:
    code, dash, suffix = key.rpartition("-")
    if not dash:
        _gather_bare(key, text, gathering)
        return
    if not 0 < len(code) <= WIDEST_CODE:
        gathering.notes.add(UploadNote.FACTOR_CODE_TOO_LONG)
        gathering.extras.append((key, text))
        return
    name = _FIELD_OF_SUFFIX.get(suffix)
    if name is None:
        name = _FIELD_BY_SPELLING.get(suffix.lower())
        if name is None:
            gathering.draft(code, "").extra.append((suffix, text))
            return
        gathering.notes.add(UploadNote.SUFFIX_SPELLING)
    draft = gathering.draft(code, name)
    if name in _TEXT_FIELDS:
        draft.fields[name] = _read_text(name, text, draft, gathering)
        return
    try:
        draft.fields[name] = read_number(text)
    except ValueError:
        draft.fields[name] = None
        gathering.notes.add(UploadNote.VALUE_UNREADABLE)
        gathering.unreadable.append(Unreadable(code, suffix, text))


def _gather_bare(key: str, text: str, gathering: _Gathering) -> None:
    """A key without factor: a Flag then speaks for every factor that has none of its own."""
    if key.lower() == "flag" and text:
        gathering.common_flag = _read_flag(text, gathering)
        gathering.notes.add(UploadNote.FLAG_FOR_ALL)
    elif key not in _TIME_PARAMS:
        gathering.extras.append((key, text))


def _read_text(name: str, text: str, draft: _Draft, gathering: _Gathering) -> str | datetime | None:
    if not text:
        return None
    if name == "flag":
        return _read_flag(text, gathering)
    if name == "eflag":
        return text
    try:
        return read_time(text)
    except ValueError:
        draft.extra.append(("SampleTime", text))
        return None


def _read_flag(text: str, gathering: _Gathering) -> str:
    known = flags()
    if text in known:
        return text
    if text.upper() in known:
        return text.upper()
    gathering.notes.add(UploadNote.FLAG_UNKNOWN)
    return text


def _finish(gathering: _Gathering, mapped: Mapping[str, str]) -> tuple[FactorValues, ...]:
    if gathering.common_flag is not None:
        for draft in gathering.drafts:
            draft.fields.setdefault("flag", gathering.common_flag)
    return tuple(
        FactorValues(
            mapped.get(draft.code, draft.code),
            draft.code,
            **draft.fields,  # type: ignore[arg-type]  # names and types come from _FIELD_OF_SUFFIX
            extra=tuple(draft.extra),
            occurrence=draft.occurrence,
        )
        for draft in gathering.drafts
    )
