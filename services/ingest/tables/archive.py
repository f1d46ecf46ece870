"""Sealed days in chunks, and the months that were written to files."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Column, Date, Identity, Index, Integer, LargeBinary, SmallInteger, Text, text
from sqlmodel import Field

from services.ingest.tables.base import TIME, Table


class SealedDayRow(Table, table=True):
    """A UTC day whose partition of `frame` was replaced by chunks; `sealed_at` is null where that failed."""

    __tablename__ = "sealed_day"

    day: date = Field(sa_column=Column(Date, primary_key=True))
    sealed_at: datetime | None = Field(sa_type=TIME)
    fault: str = Field(sa_type=Text)
    vals: int = Field(sa_type=BigInteger)
    rows: int = Field(sa_type=BigInteger)


class SeriesDayRow(Table, table=True):
    """One point, kind and day: state (`sealed`, `thawed`, `released` to the archive), counts, digest, origin of rows.

    `origin` holds time, receipt, source, layout and revision of each row; `row_hash` the hash of the open rows.
    """

    __tablename__ = "series_day"
    __table_args__ = (Index("series_day_thawed", "day", postgresql_where=text("state = 'thawed'")),)

    point: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    kind: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    day: date = Field(sa_column=Column(Date, primary_key=True))
    rev: int = Field(sa_type=SmallInteger)
    state: str = Field(sa_type=Text)
    changed_at: datetime = Field(sa_type=TIME)
    last_at: datetime | None = Field(sa_type=TIME)
    row_hash: int = Field(sa_type=BigInteger)
    rows: int
    vals: int
    digest: bytes = Field(sa_type=LargeBinary)
    origin: bytes = Field(sa_type=LargeBinary)


class SeriesChunkRow(Table, table=True):
    """One factor of a sealed day; `stale` while the day is open again."""

    __tablename__ = "series_chunk"

    point: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    factor: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    day: date = Field(sa_column=Column(Date, primary_key=True))
    kind: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    rev: int = Field(sa_type=SmallInteger)
    vals: int
    stale: bool
    body: bytes = Field(sa_type=LargeBinary)
    besides: bytes | None = Field(sa_type=LargeBinary)


class SealTouchRow(Table, table=True):
    """A write to a day while it is being sealed."""

    __tablename__ = "seal_touch"

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    day: date = Field(sa_type=Date)
    point: int


class ArchiveFileRow(Table, table=True):
    """A closed month of one kind as a Parquet file. `state`: written, verified, damaged or missing."""

    __tablename__ = "archive_file"

    month: date = Field(sa_column=Column(Date, primary_key=True))
    kind: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    rev: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    path: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)
    rows: int = Field(sa_type=BigInteger)
    size: int = Field(sa_type=BigInteger)
    sha256: bytes = Field(sa_type=LargeBinary)
    schema_version: int
    written_at: datetime = Field(sa_type=TIME)
    verified_at: datetime | None = Field(sa_type=TIME)
    released_at: datetime | None = Field(sa_type=TIME)
