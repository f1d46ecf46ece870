"""Derived means, days of outlets for rates, substituted values, and the work in line.

A derived mean is one row; the versions before it are in `derived_revision`. Numbers stand for texts as in
`services.ingest.domain.means.periods` and `store.derived`; `rule` is an entry of the dictionary `reading_source`.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Double, Index, Integer, SmallInteger, Text, text
from sqlmodel import Field

from services.ingest.tables.base import TIME, Table


class DerivedValueRow(Table, table=True):
    """A derived hour, day or month mean as it stands now. Partitions by month."""

    __tablename__ = "derived_value"
    __table_args__ = (
        Index("derived_value_beyond", "at", "point", postgresql_where=text("agreement = 2")),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    at: datetime = Field(sa_column=Column(TIME, primary_key=True))
    computed_at: datetime = Field(sa_type=TIME)
    value: float | None = Field(sa_type=Double)
    converted: float | None = Field(sa_type=Double)
    emission: float | None = Field(sa_type=Double)
    reported: float | None = Field(sa_type=Double)
    digest: int = Field(sa_type=BigInteger)
    point: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    factor: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    rule: int
    kind: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    rev: int = Field(sa_type=SmallInteger)
    valid: int = Field(sa_type=SmallInteger)
    expected: int = Field(sa_type=SmallInteger)
    state: int = Field(sa_type=SmallInteger)
    basis: int = Field(sa_type=SmallInteger)
    method: int = Field(sa_type=SmallInteger)
    why: int = Field(sa_type=SmallInteger)
    agreement: int | None = Field(sa_type=SmallInteger)
    late: bool
    reported_flag: str | None = Field(sa_type=Text)
    reasons: str | None = Field(sa_type=Text)


class DerivedRevisionRow(Table, table=True):
    """A version of a derived mean that was replaced: kept for good."""

    __tablename__ = "derived_revision"

    at: datetime = Field(sa_column=Column(TIME, primary_key=True))
    computed_at: datetime = Field(sa_type=TIME)
    value: float | None = Field(sa_type=Double)
    converted: float | None = Field(sa_type=Double)
    emission: float | None = Field(sa_type=Double)
    reported: float | None = Field(sa_type=Double)
    digest: int = Field(sa_type=BigInteger)
    point: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    factor: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    rule: int
    kind: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    rev: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    valid: int = Field(sa_type=SmallInteger)
    expected: int = Field(sa_type=SmallInteger)
    state: int = Field(sa_type=SmallInteger)
    basis: int = Field(sa_type=SmallInteger)
    method: int = Field(sa_type=SmallInteger)
    why: int = Field(sa_type=SmallInteger)
    agreement: int | None = Field(sa_type=SmallInteger)
    late: bool
    reported_flag: str | None = Field(sa_type=Text)
    reasons: str | None = Field(sa_type=Text)
    replaced_at: datetime = Field(sa_type=TIME)


class OutletDayRow(Table, table=True):
    """A Beijing day of an outlet: a letter for each hour, and what they come to. `late`: a bit for each hour."""

    __tablename__ = "outlet_day"
    __table_args__ = {"postgresql_partition_by": "RANGE (at)"}

    at: datetime = Field(sa_column=Column(TIME, primary_key=True))
    changed_at: datetime = Field(sa_type=TIME)
    point: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    late: int
    stopped: int = Field(sa_type=SmallInteger)
    received: int = Field(sa_type=SmallInteger)
    valid: int = Field(sa_type=SmallInteger)
    states: str = Field(sa_type=Text)


class OutletReachRow(Table, table=True):
    """The first hour an outlet has readings of, and when the first of them came in."""

    __tablename__ = "outlet_reach"

    point: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    first_at: datetime = Field(sa_type=TIME)
    heard_at: datetime = Field(sa_type=TIME)


class MeanTaskRow(Table, table=True):
    """A period whose mean is to be made, not before `due_at`."""

    __tablename__ = "mean_task"
    __table_args__ = (Index("mean_task_due", "due_at"),)

    kind: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    at: datetime = Field(sa_column=Column(TIME, primary_key=True))
    point: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    due_at: datetime = Field(sa_type=TIME)
    why: int = Field(sa_type=SmallInteger)


class MeanRollRow(Table, table=True):
    """Up to which hour every outlet in use was looked at, silent ones too."""

    __tablename__ = "mean_roll"
    __table_args__ = (CheckConstraint("one"),)

    one: bool = Field(default=True, sa_column=Column(Boolean, primary_key=True, server_default="true"))
    reached_at: datetime = Field(sa_type=TIME)


class MeanSettingRow(Table, table=True):
    """How the means of one outlet are made, where the defaults do not fit."""

    __tablename__ = "mean_setting"

    outlet_id: UUID = Field(primary_key=True, foreign_key="outlet.id")
    rule_set: str | None = Field(sa_type=Text)
    convert: bool
    reference_oxygen: float | None = Field(sa_type=Double)
    reference_alpha: float | None = Field(sa_type=Double)
    actual_state: bool
    barometric: float = Field(sa_type=Double)
    version: int
    changed_at: datetime = Field(sa_type=TIME)


class SubstitutedValueRow(Table, table=True):
    """What stands in for a missing or invalid hour, all versions; the one in force has no `replaced_at`."""

    __tablename__ = "substituted_value"
    __table_args__ = (
        Index(
            "substituted_value_current", "point", "factor", "at", unique=True,
            postgresql_where=text("replaced_at is null"),
        ),
    )  # fmt: skip

    at: datetime = Field(sa_column=Column(TIME, primary_key=True))
    first_at: datetime = Field(sa_type=TIME)
    last_at: datetime = Field(sa_type=TIME)
    computed_at: datetime = Field(sa_type=TIME)
    replaced_at: datetime | None = Field(sa_type=TIME)
    value: float = Field(sa_type=Double)
    emission: float | None = Field(sa_type=Double)
    capture: float = Field(sa_type=Double)
    point: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    factor: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    rule: int
    rev: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    hours: int
    gap: int
    provisional: bool
    statistic: str = Field(sa_type=Text)
    quantity: str = Field(sa_type=Text)
