"""The registry 一企一档: enterprises, outlets, limits, devices, factors."""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.ingest.base import Code, Medium, Name, ReadingKind, Wire

ENTERPRISE_CHANGED = "ingest.enterprise.changed.v1"
OUTLET_CHANGED = "ingest.outlet.changed.v1"


class PermitClass(StrEnum):
    """Discharge permit 排污许可 management class."""

    KEY = "key"
    SIMPLIFIED = "simplified"
    REGISTERED = "registered"


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
