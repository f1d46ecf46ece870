"""Registry 一企一档."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Double, Identity, Integer, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.ingest.tables.base import TIME, Table


class EnterpriseRow(Table, table=True):
    """An enterprise 企业 (一企一档)."""

    __tablename__ = "enterprise"

    id: UUID = Field(primary_key=True)
    code: str = Field(sa_type=Text, unique=True)
    name_zh: str = Field(sa_type=Text)
    name_en: str = Field(sa_type=Text)
    trade: str = Field(sa_type=Text)
    address: str = Field(sa_type=Text)
    latitude: float | None = Field(sa_type=Double)
    longitude: float | None = Field(sa_type=Double)
    connected_on: date | None
    permit_class: str = Field(sa_type=Text)
    key_unit: bool
    toxic: bool
    near_homes: bool
    large_flow: bool
    contact_name: str = Field(sa_type=Text)
    contact_phone: str = Field(sa_type=Text)
    active: bool
    version: int
    changed_at: datetime = Field(sa_type=TIME)


class OutletRow(Table, table=True):
    """An outlet 排口. `point` is its short number in the reading tables."""

    __tablename__ = "outlet"
    __table_args__ = (UniqueConstraint("enterprise_id", "code"),)

    id: UUID = Field(primary_key=True)
    point: int | None = Field(default=None, sa_column=Column(Integer, Identity(always=True), unique=True))
    enterprise_id: UUID = Field(foreign_key="enterprise.id")
    code: str = Field(sa_type=Text)
    name_zh: str = Field(sa_type=Text)
    name_en: str = Field(sa_type=Text)
    medium: str = Field(sa_type=Text)
    latitude: float | None = Field(sa_type=Double)
    longitude: float | None = Field(sa_type=Double)
    minute_interval: int
    factors: list[dict[str, Any]] = Field(sa_type=JSONB)
    active: bool
    version: int
    changed_at: datetime = Field(sa_type=TIME)


class DeviceRow(Table, table=True):
    """A data logger 数采仪.

    `password` is the PW of HJ 212, kept as given: it travels in clear in every frame and is compared with
    each of them, so a slow hash would protect nothing and cost the gateway its speed. No answer shows it.
    """

    __tablename__ = "device"

    id: UUID = Field(primary_key=True)
    outlet_id: UUID = Field(foreign_key="outlet.id", index=True)
    mn: str = Field(sa_type=Text, unique=True)
    password: str | None = Field(sa_type=Text)
    edition: str = Field(sa_type=Text)
    active: bool
    last_seen_at: datetime | None = Field(sa_type=TIME)
    changed_at: datetime = Field(sa_type=TIME)


class LimitRow(Table, table=True):
    """A limit 限值 with its validity."""

    __tablename__ = "discharge_limit"
    __table_args__ = (UniqueConstraint("outlet_id", "factor", "averaging", "valid_from"),)

    id: UUID = Field(primary_key=True)
    outlet_id: UUID = Field(foreign_key="outlet.id")
    factor: str = Field(sa_type=Text)
    upper: float | None = Field(sa_type=Double)
    lower: float | None = Field(sa_type=Double)
    averaging: str = Field(sa_type=Text)
    unit: str = Field(sa_type=Text)
    standard: str = Field(sa_type=Text)
    valid_from: datetime = Field(sa_type=TIME)
    valid_to: datetime | None = Field(sa_type=TIME)
