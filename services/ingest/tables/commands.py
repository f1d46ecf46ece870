"""Commands to devices, their exchanges, and what the platform does with a device by itself."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Date, Identity, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.ingest.tables.base import TIME, Table

UNDER_WAY = text("state in ('sent', 'accepted', 'running')")
WAITING = text("state in ('queued', 'awaiting_approval')")


class CommandRow(Table, table=True):
    """A command 反控命令. `secret` (a new password or key) is there until the end and shown nowhere."""

    __tablename__ = "command"
    __table_args__ = (
        Index("command_in_flight", "mn", unique=True, postgresql_where=UNDER_WAY),
        Index("command_waiting", "number", postgresql_where=WAITING),
        Index("command_mn", "mn", "number"),
        Index("command_device", "device_id", "number"),
        Index("command_outlet", "outlet_id", "number"),
        Index("command_enterprise", "enterprise_id", "number"),
    )

    id: UUID = Field(primary_key=True)
    number: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), unique=True))
    device_id: UUID = Field(foreign_key="device.id")
    outlet_id: UUID = Field(foreign_key="outlet.id")
    enterprise_id: UUID = Field(foreign_key="enterprise.id")
    mn: str = Field(sa_type=Text)
    edition: str = Field(sa_type=Text)
    code: str = Field(sa_type=Text)
    params: dict[str, str] = Field(sa_type=JSONB)
    secret: str | None = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    outcome: str | None = Field(sa_type=Text)
    return_code: int | None
    reason: str = Field(sa_type=Text)
    origin: str = Field(sa_type=Text)
    requested_by: dict[str, str] = Field(sa_type=JSONB)
    requested_at: datetime = Field(sa_type=TIME)
    approved_by: dict[str, str] | None = Field(sa_type=JSONB)
    approved_at: datetime | None = Field(sa_type=TIME)
    valid_until: datetime = Field(sa_type=TIME)
    qn: str | None = Field(sa_type=Text, unique=True)
    tries: int
    sent_at: datetime | None = Field(sa_type=TIME)
    due_at: datetime | None = Field(sa_type=TIME)
    accepted_at: datetime | None = Field(sa_type=TIME)
    finished_at: datetime | None = Field(sa_type=TIME)
    result: list[Any] = Field(sa_type=JSONB)
    frames: int
    values_arrived: int
    version: int
    changed_at: datetime = Field(sa_type=TIME)


class CommandExchangeRow(Table, table=True):
    """One frame sent or received for a command, secrets masked."""

    __tablename__ = "command_exchange"
    __table_args__ = (Index("command_exchange_command", "command_id", "id"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    command_id: UUID = Field(foreign_key="command.id")
    at: datetime = Field(sa_type=TIME)
    sent: bool
    cn: str = Field(sa_type=Text)
    frame: str = Field(sa_type=Text)
    note: str = Field(sa_type=Text)


class CommandSettingRow(Table, table=True):
    """What the platform does with a device by itself; without a row the defaults hold."""

    __tablename__ = "command_setting"

    device_id: UUID = Field(primary_key=True, foreign_key="device.id")
    calibrate_clock: bool
    fetch_history: bool
    initialise: bool
    initialised_at: datetime | None = Field(sa_type=TIME)


class HistoryTryRow(Table, table=True):
    """How often the gaps of a day were asked for, and when they may be asked for again."""

    __tablename__ = "history_try"

    device_id: UUID = Field(primary_key=True, foreign_key="device.id")
    kind: str = Field(sa_column=Column(Text, primary_key=True))
    day: date = Field(sa_column=Column(Date, primary_key=True))
    tries: int
    next_at: datetime = Field(sa_type=TIME)


class CommandQnRow(Table, table=True):
    """The last QN given, as Unix milliseconds. One row."""

    __tablename__ = "command_qn"

    one: bool = Field(default=True, sa_column=Column(Boolean, primary_key=True))
    last: int = Field(sa_type=BigInteger)
