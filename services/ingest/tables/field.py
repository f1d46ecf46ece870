"""Besides readings: states of analysers, field information 现场端信息, how far the journal is read."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field

from services.ingest.tables.base import TIME, Table


class JournalCursorRow(Table, table=True):
    """How far a reader of the journal has come: the last number it has done with."""

    __tablename__ = "journal_cursor"

    name: str = Field(sa_type=Text, primary_key=True)
    after: int = Field(sa_type=BigInteger)


class AnalyserStateRow(Table, table=True):
    """A working state from `at` on, i12001 of the analyser of a factor or i22001 of the logger (factor `*`)."""

    __tablename__ = "analyser_state"

    point: int = Field(primary_key=True)
    factor: str = Field(sa_type=Text, primary_key=True)
    at: datetime = Field(sa_type=TIME, primary_key=True)
    code: str = Field(sa_type=Text, primary_key=True)
    state: int
    packet_id: int = Field(sa_type=BigInteger)


class FieldInfoRow(Table, table=True):
    """The last field information of a device; factor is empty where it speaks of no analyser."""

    __tablename__ = "field_info"

    device_id: UUID = Field(foreign_key="device.id", primary_key=True)
    factor: str = Field(sa_type=Text, primary_key=True)
    code: str = Field(sa_type=Text, primary_key=True)
    value: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=TIME)
    packet_id: int = Field(sa_type=BigInteger)


class ParameterChangeRow(Table, table=True):
    """A parameter of an analyser that its logger told differently from `at` on."""

    __tablename__ = "parameter_change"
    __table_args__ = (
        Index("parameter_change_once", "device_id", "factor", "code", "at", unique=True),
        Index("parameter_change_by_time", "at", "id"),
    )

    id: UUID = Field(primary_key=True)
    device_id: UUID = Field(foreign_key="device.id")
    outlet_id: UUID = Field(foreign_key="outlet.id", index=True)
    factor: str = Field(sa_type=Text)
    code: str = Field(sa_type=Text)
    before: str = Field(sa_type=Text)
    after: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=TIME)
    packet_id: int = Field(sa_type=BigInteger)
