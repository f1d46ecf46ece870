"""Tables of grading: facts in their latest version, frozen snapshots, lists with their lines, overrides."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Index, MetaData, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class Table(SQLModel, registry=registry(metadata=MetaData())):
    """Base of this service's tables, in a registry of their own."""


metadata = Table.metadata


def moment(*, null: bool = False) -> Any:
    """A time column with zone. Each call makes its own."""
    return Field(default=None if null else ..., sa_type=DateTime(timezone=True), nullable=null)


class EnterpriseRow(Table, table=True):
    """Enterprise 企业 of ingest."""

    __tablename__ = "enterprises"

    id: UUID = Field(primary_key=True)
    version: int
    code: str = Field(sa_type=Text)
    name_zh: str = Field(sa_type=Text)
    name_en: str = Field(sa_type=Text)
    trade: str = Field(sa_type=Text)
    connected_on: date | None
    permit_class: str = Field(sa_type=Text)
    key_unit: bool
    toxic: bool
    near_homes: bool
    large_flow: bool
    active: bool


class OutletRow(Table, table=True):
    """Outlet 排口 of ingest."""

    __tablename__ = "outlets"

    id: UUID = Field(primary_key=True)
    version: int
    enterprise_id: UUID = Field(index=True)
    code: str = Field(sa_type=Text)
    name_zh: str = Field(sa_type=Text)
    name_en: str = Field(sa_type=Text)


class ExceedanceRow(Table, table=True):
    """Exceedance anomaly 超标异常 of detection."""

    __tablename__ = "exceedances"
    __table_args__ = (Index("exceedances_span", "last_at", "started_at"),)

    id: UUID = Field(primary_key=True)
    version: int
    no: str = Field(sa_type=Text)
    enterprise_id: UUID
    outlet_id: UUID
    factor: str = Field(sa_type=Text)
    rule: str = Field(sa_type=Text)
    started_at: datetime = moment()
    last_at: datetime = moment()
    points: int


class CaseRow(Table, table=True):
    """Case 问询 of casework."""

    __tablename__ = "cases"
    __table_args__ = (
        Index("cases_anomalies", "anomaly_ids", postgresql_using="gin"),
        Index("cases_asked_for", text("coalesce(reply_by, inquiry_sent_at)")),
    )

    id: UUID = Field(primary_key=True)
    version: int
    no: str = Field(sa_type=Text)
    enterprise_id: UUID
    state: str = Field(sa_type=Text)
    inquiry_sent_at: datetime | None = moment(null=True)
    reply_by: datetime | None = moment(null=True)
    replied_at: datetime | None = moment(null=True)
    on_time: bool | None
    returns: int
    recurrence: bool
    anomaly_ids: list[UUID] = Field(sa_type=ARRAY(Uuid))


class VisitRow(Table, table=True):
    """Completed visit 现场核查 of casework."""

    __tablename__ = "visits"

    id: UUID = Field(primary_key=True)
    no: str = Field(sa_type=Text)
    enterprise_id: UUID
    type: str = Field(sa_type=Text)
    completed_at: datetime = Field(sa_type=DateTime(timezone=True), index=True)
    findings: int
    points: int


class FindingRow(Table, table=True):
    """Finding 问题 of casework."""

    __tablename__ = "findings"

    id: UUID = Field(primary_key=True)
    version: int
    no: str = Field(sa_type=Text)
    enterprise_id: UUID
    severity: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    due_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True), index=True)
    verified_at: datetime | None = moment(null=True)
    on_time: bool | None


class SnapshotRow(Table, table=True):
    """Frozen facts: the canonical text whose SHA-256 is the digest. Same facts, same row."""

    __tablename__ = "snapshots"

    digest: str = Field(primary_key=True, sa_type=Text)
    facts: str = Field(sa_type=Text)
    frozen_at: datetime = moment()


class ListRow(Table, table=True):
    """A version of a quarter's list. Only its state and publication ever change."""

    __tablename__ = "lists"
    __table_args__ = (
        Index("lists_version", "quarter", "version", unique=True),
        Index("lists_draft", "quarter", unique=True, postgresql_where=text("state = 'draft'")),
        Index("lists_published", "quarter", unique=True, postgresql_where=text("state = 'published'")),
    )

    id: UUID = Field(primary_key=True)
    quarter: str = Field(sa_type=Text)
    version: int
    state: str = Field(sa_type=Text)
    interim: bool
    computed_at: datetime = moment()
    digest: str = Field(sa_type=Text)
    rules: str = Field(sa_type=Text)
    counts: dict[str, int] = Field(sa_type=JSONB)
    published_at: datetime | None = moment(null=True)
    published_by: str | None = Field(default=None, sa_type=Text)
    note: str = Field(sa_type=Text)


class GradeRow(Table, table=True):
    """A line of a list: what queries need as columns, the whole line as JSON."""

    __tablename__ = "grades"

    list_id: UUID = Field(primary_key=True, foreign_key="lists.id")
    enterprise_id: UUID = Field(primary_key=True, index=True)
    colour: str = Field(sa_type=Text)
    p: float | None
    risk: float | None
    body: dict[str, Any] = Field(sa_type=JSONB)


class OverrideRow(Table, table=True):
    """A colour set by hand; kept for ever, `ended_at` and `ended_by` say when and why it stopped to count."""

    __tablename__ = "overrides"
    __table_args__ = (
        Index("overrides_active", "quarter", "enterprise_id", unique=True, postgresql_where=text("ended_at is null")),
    )

    id: UUID = Field(primary_key=True)
    quarter: str = Field(sa_type=Text)
    version: int
    enterprise_id: UUID
    from_colour: str = Field(sa_type=Text)
    to_colour: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    actor_name: str = Field(sa_type=Text)
    made_at: datetime = moment()
    ended_at: datetime | None = moment(null=True)
    ended_by: str | None = Field(default=None, sa_type=Text)
