"""The wire of ingest 接入: registry, readings, series, packets. Used by server, clients, portal and tests."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

Code = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9._-]+$")]
Name = Annotated[str, Field(min_length=1, max_length=120)]
MAX_ROWS = 1000
MAX_VALUES_A_ROW = 200


class Wire(BaseModel):
    """What we send and take: unknown fields are refused, so that a typing error is not lost in silence."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="after")
    @classmethod
    def _storable(cls, value: object) -> object:
        """PostgreSQL keeps no NUL and no half of a surrogate pair; said here it is the caller's fault, not ours."""
        if isinstance(value, str):
            try:
                encoded = value.encode()
            except UnicodeEncodeError:
                raise ValueError("the text is not valid Unicode") from None
            if b"\x00" in encoded:
                raise ValueError("the character NUL is not allowed")
        return value


class Medium(StrEnum):
    """What an outlet discharges."""

    WATER = "water"
    GAS = "gas"


class ReadingKind(StrEnum):
    """Averaging of a reading; HJ 212 commands 2011, 2051, 2061, 2031."""

    REALTIME = "realtime"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class PermitClass(StrEnum):
    """Discharge permit 排污许可 management class."""

    KEY = "key"
    SIMPLIFIED = "simplified"
    REGISTERED = "registered"


def enterprise_uuid(code: str) -> UUID:
    """The id of an enterprise by its code, the same in every system that knows the code."""
    return uuid5(NAMESPACE_URL, f"sanse:enterprise:{code}")


def outlet_uuid(enterprise_code: str, code: str) -> UUID:
    """The id of an outlet by the codes of enterprise and outlet."""
    return uuid5(NAMESPACE_URL, f"sanse:outlet:{enterprise_code}:{code}")


class EnterpriseIn(Wire):
    """An enterprise 企业 with what grading needs to know of its inherent risk (product E6, factor H)."""

    code: Code
    name_zh: Name
    name_en: str = Field("", max_length=200)
    trade: Code
    address: str = Field("", max_length=200)
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    connected_on: date | None = None
    """First day of networked monitoring 联网日期; less than a full quarter means grey 未评级."""
    permit_class: PermitClass = PermitClass.KEY
    key_unit: bool = False
    toxic: bool = False
    near_homes: bool = False
    large_flow: bool = False
    contact_name: str = Field("", max_length=60)
    contact_phone: str = Field("", max_length=40)
    active: bool = True


class EnterpriseOut(EnterpriseIn):
    """An enterprise as stored."""

    id: UUID
    version: int
    changed_at: AwareDatetime


class OutletFactor(Wire):
    """A factor 监测因子 an outlet monitors, with the analyser's range and the smallest step it reports."""

    factor: Code
    unit: str = Field("", max_length=20)
    span_low: float | None = None
    span_high: float | None = None
    resolution: float | None = Field(None, gt=0)


class OutletIn(Wire):
    """An outlet 排口."""

    enterprise_id: UUID
    code: Code
    name_zh: Name
    name_en: str = Field("", max_length=200)
    medium: Medium
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    minute_interval: int = Field(1, ge=1, le=1440)
    """Minutes between two minute readings (MinInterval; 1 2 3 4 5 6 10 12 15 20 30)."""
    factors: list[OutletFactor] = Field(default_factory=list, max_length=100)
    active: bool = True


class LimitIn(Wire):
    """A limit 限值 with validity. `lower` is for pH and the like. `averaging` is hour or day."""

    outlet_id: UUID
    factor: Code
    upper: float | None = None
    lower: float | None = None
    averaging: ReadingKind = ReadingKind.HOUR
    unit: str = Field("", max_length=20)
    standard: str = Field("", max_length=120)
    """Standard and clause, as in `GB 18918-2002 一级A`."""
    valid_from: AwareDatetime
    valid_to: AwareDatetime | None = None


class LimitOut(LimitIn):
    """A limit as stored."""

    id: UUID


class OutletOut(OutletIn):
    """An outlet as stored, with its limits."""

    id: UUID
    version: int
    changed_at: AwareDatetime
    limits: list[LimitOut] = []


class LinkState(StrEnum):
    """Whether a device is connected."""

    ONLINE = "online"
    OFFLINE = "offline"
    NEVER = "never"


class DeviceIn(Wire):
    """A data logger 数采仪, known by its MN 设备唯一标识. `password` is the PW field, never shown again."""

    outlet_id: UUID
    mn: Annotated[str, Field(min_length=3, max_length=40, pattern=r"^[!-~]+$")]
    password: str | None = Field(None, max_length=24)
    edition: str = Field("2017", pattern=r"^(2005|2017|2025)$")
    active: bool = True


class DeviceOut(Wire):
    """A device as stored; the password is not told."""

    id: UUID
    outlet_id: UUID
    mn: str
    edition: str
    active: bool
    has_password: bool
    last_seen_at: AwareDatetime | None = None
    link: LinkState = LinkState.NEVER


class FactorOut(Wire):
    """A factor of the code tables (HJ 212-2017 appendix B, HJ 524, HJ 525)."""

    code: str
    name_zh: str
    name_en: str
    unit: str
    medium: Medium | None = None
    hazardous: bool = False
    """Class 1 or toxic: an exceedance is severity A."""


class ReadingRow(Wire):
    """One time of one outlet: values by factor code; `None` is a missing value. Flags of HJ 212 table 8."""

    at: AwareDatetime
    values: dict[str, float | None] = Field(max_length=MAX_VALUES_A_ROW)
    flags: dict[str, str] = Field(default_factory=dict, max_length=MAX_VALUES_A_ROW)


class ReadingsIn(Wire):
    """Readings in bulk for one outlet and kind. `at` is the start of the period (realtime: the instant)."""

    outlet_id: UUID
    kind: ReadingKind
    rows: Annotated[list[ReadingRow], Field(min_length=1, max_length=MAX_ROWS)]


class ReadingsAccepted(Wire):
    """What became of the rows: each of them is one of the three."""

    stored: int
    corrected: int
    unchanged: int


class Reading(Wire):
    """One value read back. Arrow has the same columns: outlet_id, factor, at, value, flag."""

    outlet_id: UUID
    factor: str
    at: AwareDatetime
    value: float | None
    flag: str = "N"


class SeriesLimit(Wire):
    """A limit as it applied in a span of time."""

    upper: float | None
    lower: float | None
    averaging: ReadingKind
    standard: str = ""
    valid_from: AwareDatetime
    valid_to: AwareDatetime | None


class Series(Wire):
    """A chart's data: value i stands at `t0 + i*step` seconds; `None` is a gap.

    `agg` is `raw`, or `minmax` where the points would exceed `max_points`: then values come in pairs,
    the least and the greatest of each bucket of 2*step seconds.
    """

    outlet_id: UUID
    factor: str
    kind: ReadingKind
    unit: str
    t0: int
    step: int
    v: list[float | None]
    flags: dict[int, str] = {}
    """Index → flag, only where it is not N and `agg` is raw."""
    agg: str = "raw"
    limits: list[SeriesLimit] = []


class PacketStatus(StrEnum):
    """What became of a packet 报文."""

    STORED = "stored"
    ANSWERED = "answered"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


class PacketOut(Wire):
    """A line of the journal. `raw` is the frame as received, with bytes that are not UTF-8 escaped."""

    id: int
    received_at: AwareDatetime
    remote: str
    mn: str | None
    cn: str | None
    status: PacketStatus
    reason: str | None
    detail: str = ""
    repairs: list[str] = []
    raw: str


class Completeness(Wire):
    """Transmission 传输率 and validity 有效率 of one outlet in a span, from hour readings.

    transmission = received/expected, validity = valid/received, `tvr` = their product; None without expectation.
    """

    outlet_id: UUID
    enterprise_id: UUID
    expected_hours: int
    received_hours: int
    valid_hours: int
    transmission: float | None
    validity: float | None
    tvr: float | None


class ReadingsBatch(Wire):
    """Part of the event `ingest.readings.accepted.v1`: which times of which outlet are new or changed."""

    outlet_id: UUID
    kind: ReadingKind
    times: list[int]
    """Unix seconds, ascending."""
    corrected: list[int] = []
    """Those of `times` that replaced an earlier value."""


class ReadingsEvent(Wire):
    """Data of `ingest.readings.accepted.v1`: thin; fetch the rows with `GET /v1/readings` as Arrow."""

    batches: list[ReadingsBatch]


ENTERPRISE_CHANGED = "ingest.enterprise.changed.v1"
OUTLET_CHANGED = "ingest.outlet.changed.v1"
READINGS_ACCEPTED = "ingest.readings.accepted.v1"


class FreshnessOut(Wire):
    """How far the data reach."""

    latest_at: datetime | None
    received_at: datetime | None
    outlets_online: int
    outlets: int
