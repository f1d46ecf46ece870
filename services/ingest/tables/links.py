"""Links of devices: settings, state, history, counts, and MNs that nobody registered."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Column, Double, Identity, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.ingest.tables.base import TIME, Table


class DeviceSettingRow(Table, table=True):
    """How a device's frames are taken: tolerance, networks it may come from, check of its PW."""

    __tablename__ = "device_setting"

    device_id: UUID = Field(foreign_key="device.id", primary_key=True)
    tolerance: str = Field(sa_type=Text)
    accepted: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    networks: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    password_check: str = Field(sa_type=Text)
    version: int
    changed_at: datetime = Field(sa_type=TIME)


class DeviceKeyRow(Table, table=True):
    """The SM4 key of a device, in a table of its own that no list and no answer reads."""

    __tablename__ = "device_key"

    device_id: UUID = Field(foreign_key="device.id", primary_key=True)
    key: bytes = Field(sa_type=LargeBinary)
    previous: bytes | None = Field(sa_type=LargeBinary)
    set_at: datetime = Field(sa_type=TIME)


class DeviceLinkRow(Table, table=True):
    """The link of a device as the gateway last saw it."""

    __tablename__ = "device_link"
    __table_args__ = (Index("device_link_last", "last_frame_at", postgresql_where=text("state = 'online'")),)

    device_id: UUID = Field(foreign_key="device.id", primary_key=True)
    state: str = Field(sa_type=Text)
    since: datetime | None = Field(sa_type=TIME)
    connected_at: datetime | None = Field(sa_type=TIME)
    last_frame_at: datetime | None = Field(sa_type=TIME)
    heartbeat_at: datetime | None = Field(sa_type=TIME)
    duplicate_at: datetime | None = Field(sa_type=TIME)
    skew_at: datetime | None = Field(sa_type=TIME)
    skew: float | None = Field(sa_type=Double)
    clock_off: bool
    peer: str = Field(sa_type=Text)
    editions: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    edition_other: str | None = Field(sa_type=Text)
    last_by_cn: dict[str, Any] = Field(sa_type=JSONB)
    lines: list[dict[str, Any]] = Field(sa_type=JSONB)


class DeviceDayRow(Table, table=True):
    """Frames of a device on one day of Beijing time, counted."""

    __tablename__ = "device_day"

    device_id: UUID = Field(foreign_key="device.id", primary_key=True)
    day: date = Field(primary_key=True)
    frames: int = Field(sa_type=BigInteger)
    late: int = Field(sa_type=BigInteger)
    repeats: int = Field(sa_type=BigInteger)
    repaired: int = Field(sa_type=BigInteger)
    rejected: int = Field(sa_type=BigInteger)
    undelivered: int = Field(sa_type=BigInteger)


class DeviceOddityRow(Table, table=True):
    """A repair that a device's frames need, or a reason they are rejected for: since when, how often."""

    __tablename__ = "device_oddity"

    device_id: UUID = Field(foreign_key="device.id", primary_key=True)
    kind: str = Field(sa_type=Text, primary_key=True)
    name: str = Field(sa_type=Text, primary_key=True)
    first_at: datetime = Field(sa_type=TIME)
    last_at: datetime = Field(sa_type=TIME)
    count: int = Field(sa_type=BigInteger)


class DeviceEventRow(Table, table=True):
    """A change of a device's link; never changed itself."""

    __tablename__ = "device_event"
    __table_args__ = (Index("device_event_device", "device_id", "id"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    device_id: UUID = Field(foreign_key="device.id")
    at: datetime = Field(sa_type=TIME)
    change: str = Field(sa_type=Text)
    detail: dict[str, Any] = Field(sa_type=JSONB)


class UnknownDeviceRow(Table, table=True):
    """An MN that sent frames and is not registered."""

    __tablename__ = "unknown_device"
    __table_args__ = (Index("unknown_device_last", "last_at"),)

    mn: str = Field(sa_type=Text, primary_key=True)
    first_at: datetime = Field(sa_type=TIME)
    last_at: datetime = Field(sa_type=TIME)
    frames: int = Field(sa_type=BigInteger)
    peer: str = Field(sa_type=Text)
    st: str = Field(sa_type=Text)
    cn: str = Field(sa_type=Text)
    edition: str = Field(sa_type=Text)
