"""Readings. They have small integer keys; text codes stand once, in dictionaries.

`frame` (real-time and minute) holds one row for all values of a point at a time; `reading_value` (hour and
day, the legally relevant means) one row for each value, with what it replaced in `reading_revision`.
"""

from datetime import datetime

from sqlalchemy import ARRAY, Column, Double, Identity, Integer, SmallInteger, Text
from sqlmodel import Field

from services.ingest.tables.base import TIME, Table


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

    at: datetime = Field(sa_column=Column(TIME, primary_key=True))
    received_at: datetime = Field(sa_type=TIME)
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

    at: datetime = Field(sa_column=Column(TIME, primary_key=True))
    received_at: datetime = Field(sa_type=TIME)
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
    at: datetime = Field(sa_column=Column(TIME, primary_key=True))
    rev: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    value: float | None = Field(sa_type=Double)
    vmin: float | None = Field(sa_type=Double)
    vmax: float | None = Field(sa_type=Double)
    cou: float | None = Field(sa_type=Double)
    zs: float | None = Field(sa_type=Double)
    flag: str = Field(sa_type=Text)
    source: int
    received_at: datetime = Field(sa_type=TIME)
    replaced_at: datetime = Field(sa_type=TIME)
