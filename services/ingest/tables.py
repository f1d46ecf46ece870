"""Tables of ingest. Readings have small integer keys; text codes stand once, in dictionaries.

`frame` (real-time and minute) holds one row for all values of a point at a time; `reading_value` (hour and
day, the legally relevant means) one row for each value, with what it replaced in `reading_revision`.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class Table(SQLModel, registry=registry(metadata=MetaData())):
    """Base of this service's tables."""


metadata = Table.metadata
_TIME = DateTime(timezone=True)


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
    changed_at: datetime = Field(sa_type=_TIME)


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
    changed_at: datetime = Field(sa_type=_TIME)


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
    last_seen_at: datetime | None = Field(sa_type=_TIME)
    changed_at: datetime = Field(sa_type=_TIME)


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
    valid_from: datetime = Field(sa_type=_TIME)
    valid_to: datetime | None = Field(sa_type=_TIME)


class FactorCodeRow(Table, table=True):
    """Dictionary: factor code to number."""

    __tablename__ = "factor_code"

    id: int | None = Field(default=None, sa_column=Column(Integer, Identity(always=True), primary_key=True))
    name: str = Field(sa_type=Text, unique=True)


class SourceRow(Table, table=True):
    """Dictionary: where a value came from (`hj212:<MN>`, `api:<client>`)."""

    __tablename__ = "reading_source"

    id: int | None = Field(default=None, sa_column=Column(Integer, Identity(always=True), primary_key=True))
    name: str = Field(sa_type=Text, unique=True)


class LayoutRow(Table, table=True):
    """Dictionary: which factors, in which order, the arrays of a frame hold."""

    __tablename__ = "factor_layout"

    id: int | None = Field(default=None, sa_column=Column(Integer, Identity(always=True), primary_key=True))
    factors: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False, unique=True))


class FrameRow(Table, table=True):
    """All values of a point at one time. Arrays follow the layout; NaN is a missing value.

    `flags` has one character for each factor; null means that all are N. Partitions by day.
    """

    __tablename__ = "frame"
    __table_args__ = {"postgresql_partition_by": "RANGE (at)"}

    at: datetime = Field(sa_column=Column(_TIME, primary_key=True))
    received_at: datetime = Field(sa_type=_TIME)
    point: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    layout: int
    source: int
    kind: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    rev: int = Field(sa_type=SmallInteger)
    avg: list[float] = Field(sa_type=ARRAY(Double))
    vmin: list[float] | None = Field(sa_type=ARRAY(Double))
    vmax: list[float] | None = Field(sa_type=ARRAY(Double))
    cou: list[float] | None = Field(sa_type=ARRAY(Double))
    zs: list[float] | None = Field(sa_type=ARRAY(Double))
    flags: str | None = Field(sa_type=Text)


class ReadingValueRow(Table, table=True):
    """An hour or day mean as it stands now. Partitions by month."""

    __tablename__ = "reading_value"
    __table_args__ = {"postgresql_partition_by": "RANGE (at)"}

    at: datetime = Field(sa_column=Column(_TIME, primary_key=True))
    received_at: datetime = Field(sa_type=_TIME)
    point: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    factor: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    source: int
    kind: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    rev: int = Field(sa_type=SmallInteger)
    value: float | None = Field(sa_type=Double)
    vmin: float | None = Field(sa_type=Double)
    vmax: float | None = Field(sa_type=Double)
    cou: float | None = Field(sa_type=Double)
    zs: float | None = Field(sa_type=Double)
    flag: str = Field(sa_type=Text)


class ReadingRevisionRow(Table, table=True):
    """A value that was replaced, with its source and the time it came: kept for good."""

    __tablename__ = "reading_revision"

    point: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    factor: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    kind: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    at: datetime = Field(sa_column=Column(_TIME, primary_key=True))
    rev: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    value: float | None = Field(sa_type=Double)
    vmin: float | None = Field(sa_type=Double)
    vmax: float | None = Field(sa_type=Double)
    cou: float | None = Field(sa_type=Double)
    zs: float | None = Field(sa_type=Double)
    flag: str = Field(sa_type=Text)
    source: int
    received_at: datetime = Field(sa_type=_TIME)
    replaced_at: datetime = Field(sa_type=_TIME)


class PacketRow(Table, table=True):
    """The journal: every packet 报文 as received, with what became of it. Evidence; never changed."""

    __tablename__ = "packet"
    __table_args__ = (
        Index("packet_mn", "mn", "id"),
        Index("packet_quarantined", "id", postgresql_where=text("status = 'quarantined'")),
        Index("packet_received", "received_at", postgresql_using="brin"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    received_at: datetime = Field(sa_type=_TIME)
    remote: str = Field(sa_type=Text)
    mn: str | None = Field(sa_type=Text)
    cn: str | None = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    reason: str | None = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)
    repairs: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    raw: bytes = Field(sa_type=LargeBinary)
