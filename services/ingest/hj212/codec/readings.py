"""Measured values as a packet gives them (上传监测数据)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """Kind of reading."""

    REALTIME = "realtime"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class UploadNote(StrEnum):
    """An oddity of the values, kept beside them."""

    FACTOR_CODE_TOO_LONG = "factor_code_too_long"
    FACTOR_REPEATED = "factor_repeated"
    FLAG_FOR_ALL = "flag_for_all"
    FLAG_UNKNOWN = "flag_unknown"
    SUFFIX_SPELLING = "suffix_spelling"
    TIME_MILLISECONDS = "time_milliseconds"
    TIME_NOT_AT_START = "time_not_at_start"
    VALUE_UNREADABLE = "value_unreadable"


class FactorValues(NamedTuple):
    """The values of one factor (因子) in one packet, in the unit the device uses.

    factor: 2017 code where the table maps it, else as sent; code: as sent. None means not sent
    or sent as missing (empty, `-`, `NaN`, `NULL`). zs_*: converted concentration 折算. data,
    day_data, night_data: noise 噪声. extra: what has no place here, as (suffix, text).
    occurrence: 0, or n for the nth repetition of the factor in the packet.
    """

    factor: str
    code: str
    rtd: float | None = None
    avg: float | None = None
    min: float | None = None
    max: float | None = None
    cou: float | None = None
    zs_rtd: float | None = None
    zs_avg: float | None = None
    zs_min: float | None = None
    zs_max: float | None = None
    zs_cou: float | None = None
    data: float | None = None
    day_data: float | None = None
    night_data: float | None = None
    flag: str | None = None
    eflag: str | None = None
    sample_time: datetime | None = None
    extra: tuple[tuple[str, str], ...] = ()
    occurrence: int = 0


class Unreadable(NamedTuple):
    """A value that is no finite number. Its factor is stored without it."""

    code: str
    suffix: str
    text: str


@dataclass(frozen=True, slots=True)
class Upload:
    """One packet of measured values of a device (MN).

    data_time: aware UTC, the sampling instant of realtime data and the start of the period of
    means; device_time: the same before it was moved to the start of its period. late: sent
    after the event (补传), by RF or by the time of receipt; None where that is not known.
    """

    mn: str
    st: str
    kind: Kind
    data_time: datetime
    device_time: datetime
    late: bool | None
    values: tuple[FactorValues, ...]
    unreadable: tuple[Unreadable, ...] = ()
    extras: tuple[tuple[str, str], ...] = ()
    notes: tuple[UploadNote, ...] = ()


class UploadError(ValueError):
    """A packet that carries no values to store. `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
