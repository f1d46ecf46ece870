"""Tables of casework. One file per case: its row is the lock for everything that belongs to it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Index, Integer, MetaData, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class Table(SQLModel, registry=registry(metadata=MetaData())):
    """All tables of this service."""


metadata = Table.metadata
TIME = DateTime(timezone=True)


class EnterpriseCopy(Table, table=True):
    """What casework needs of an enterprise; a copy kept by the feeds of ingest and grading."""

    __tablename__ = "enterprise_copy"
    id: UUID = Field(primary_key=True)
    code: str = Field(sa_type=Text)
    name_zh: str = Field(sa_type=Text)
    name_en: str = Field(sa_type=Text)
    version: int
    colour: str = Field(sa_type=Text)
    colour_weight: int


class OutletCopy(Table, table=True):
    """What casework needs of an outlet."""

    __tablename__ = "outlet_copy"
    id: UUID = Field(primary_key=True)
    enterprise_id: UUID
    code: str = Field(sa_type=Text)
    name_zh: str = Field(sa_type=Text)
    name_en: str = Field(sa_type=Text)
    medium: str = Field(sa_type=Text)
    version: int


class FactorName(Table, table=True):
    """Names of factors."""

    __tablename__ = "factor_name"
    code: str = Field(primary_key=True, sa_type=Text)
    name_zh: str = Field(sa_type=Text)
    name_en: str = Field(sa_type=Text)


class CaseRow(Table, table=True):
    """A case. `escalates_at` is when the escalation job has to look at it next."""

    __tablename__ = "cases"
    __table_args__ = (
        Index("cases_no", "no", unique=True),
        Index("cases_open", "state", "due_at", postgresql_where=text("closed_at is null")),
        Index("cases_escalates", "escalates_at", postgresql_where=text("escalates_at is not null")),
        Index("cases_enterprise", "enterprise_id", "opened_at"),
        Index("cases_closed", "closed_at", postgresql_where=text("closed_at is not null")),
        Index("cases_opened", "opened_at", "id"),
        Index("cases_screening", "outlet_id", "factor", postgresql_where=text("state = 'screening'")),
    )
    id: UUID = Field(primary_key=True)
    no: str = Field(sa_type=Text)
    enterprise_id: UUID
    outlet_id: UUID
    factor: str = Field(sa_type=Text)
    rule: str = Field(sa_type=Text)
    nature: str = Field(sa_type=Text)
    severity: str = Field(sa_type=Text)
    frequency: str = Field(sa_type=Text)
    count_30d: int
    title: dict[str, Any] = Field(sa_type=JSONB)
    state: str = Field(sa_type=Text)
    rule_precision: float | None = None
    priority: int
    anomaly_started_at: datetime = Field(sa_type=TIME)
    anomaly_last_at: datetime = Field(sa_type=TIME)
    anomalies: int
    recurrence: bool
    opened_at: datetime = Field(sa_type=TIME)
    changed_at: datetime = Field(sa_type=TIME)
    closed_at: datetime | None = Field(default=None, sa_type=TIME)
    clock_name: str | None = Field(default=None, sa_type=Text)
    clock_started_at: datetime | None = Field(default=None, sa_type=TIME)
    due_at: datetime | None = Field(default=None, sa_type=TIME)
    clock_policy: str | None = Field(default=None, sa_type=Text)
    clock_params: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    clock_source: str | None = Field(default=None, sa_type=Text)
    escalates_at: datetime | None = Field(default=None, sa_type=TIME)
    overdue_level: int
    rounds: int
    returns: int
    returned_due_at: datetime | None = Field(default=None, sa_type=TIME)
    cause_code: str | None = Field(default=None, sa_type=Text)
    sent_at: datetime | None = Field(default=None, sa_type=TIME)
    sent_by: str | None = Field(default=None, sa_type=Text)
    inquiry_text: str | None = Field(default=None, sa_type=Text)
    acknowledge_by: datetime | None = Field(default=None, sa_type=TIME)
    reply_by: datetime | None = Field(default=None, sa_type=TIME)
    acknowledged_at: datetime | None = Field(default=None, sa_type=TIME)
    first_replied_at: datetime | None = Field(default=None, sa_type=TIME)
    on_time: bool | None = None
    assignee: str | None = Field(default=None, sa_type=Text)
    screened_by: str | None = Field(default=None, sa_type=Text)
    merged_into: str | None = Field(default=None, sa_type=Text)
    version: int


class AnomalyRow(Table, table=True):
    """An anomaly as last told by detection. `joined_at` where it came to a case that was there before."""

    __tablename__ = "anomaly_copy"
    __table_args__ = (
        Index("anomaly_copy_case", "case_id"),
        Index("anomaly_copy_joined", "joined_at", postgresql_where=text("joined_at is not null")),
    )
    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="cases.id")
    version: int
    data: dict[str, Any] = Field(sa_type=JSONB)
    joined_at: datetime | None = Field(default=None, sa_type=TIME)


class ReplyRow(Table, table=True):
    """A reply of the enterprise; written once."""

    __tablename__ = "replies"
    __table_args__ = (Index("replies_round", "case_id", "round", unique=True),)
    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="cases.id")
    round: int
    data: dict[str, Any] = Field(sa_type=JSONB)
    submitted_at: datetime = Field(sa_type=TIME)
    submitted_by: str = Field(sa_type=Text)
    on_time: bool


class VisitRow(Table, table=True):
    """A visit."""

    __tablename__ = "visits"
    __table_args__ = (
        Index("visits_no", "no", unique=True),
        Index("visits_case", "case_id"),
        Index("visits_planned", "planned_at", "id"),
    )
    id: UUID = Field(primary_key=True)
    no: str = Field(sa_type=Text)
    case_id: UUID = Field(foreign_key="cases.id")
    enterprise_id: UUID
    type: str = Field(sa_type=Text)
    trigger: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    planned_at: datetime = Field(sa_type=TIME)
    created_at: datetime = Field(sa_type=TIME)
    officers: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'")))
    started_at: datetime | None = Field(default=None, sa_type=TIME)
    completed_at: datetime | None = Field(default=None, sa_type=TIME)
    record: str = Field(sa_type=Text)
    colour: str | None = Field(default=None, sa_type=Text)
    findings: int
    points: int
    version: int


class FindingRow(Table, table=True):
    """A finding with its rectification."""

    __tablename__ = "findings"
    __table_args__ = (
        Index("findings_no", "no", unique=True),
        Index("findings_case", "case_id"),
        Index("findings_relapse", "enterprise_id", "code", "verified_at"),
        Index("findings_due", "due_at", postgresql_where=text("state in ('issued', 'fixing', 'rejected')")),
    )
    id: UUID = Field(primary_key=True)
    no: str = Field(sa_type=Text)
    case_id: UUID = Field(foreign_key="cases.id")
    visit_id: UUID = Field(foreign_key="visits.id")
    enterprise_id: UUID
    code: str = Field(sa_type=Text)
    severity: str = Field(sa_type=Text)
    points: int
    facts: str = Field(sa_type=Text)
    location: str = Field(sa_type=Text)
    responsible: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    found_at: datetime = Field(sa_type=TIME)
    clock_name: str | None = Field(default=None, sa_type=Text)
    clock_started_at: datetime | None = Field(default=None, sa_type=TIME)
    due_at: datetime | None = Field(default=None, sa_type=TIME)
    clock_policy: str | None = Field(default=None, sa_type=Text)
    clock_params: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    clock_source: str | None = Field(default=None, sa_type=Text)
    plan: str = Field(sa_type=Text)
    statement: str = Field(sa_type=Text)
    issued_at: datetime | None = Field(default=None, sa_type=TIME)
    submitted_at: datetime | None = Field(default=None, sa_type=TIME)
    verified_at: datetime | None = Field(default=None, sa_type=TIME)
    rejections: int
    extended: bool
    on_time: bool | None = None
    relapse_of: UUID | None = None
    version: int


class EvidenceRow(Table, table=True):
    """A file. The content lies in the evidence folder under its SHA-256."""

    __tablename__ = "evidence"
    __table_args__ = (Index("evidence_case", "case_id"), Index("evidence_finding", "finding_id"))
    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="cases.id")
    finding_id: UUID | None = Field(default=None, foreign_key="findings.id")
    kind: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    media_type: str = Field(sa_type=Text)
    size: int = Field(sa_type=BigInteger)
    sha256: str = Field(sa_type=Text)
    uploaded_at: datetime = Field(sa_type=TIME)
    uploaded_by: str = Field(sa_type=Text)
    organisation: str = Field(sa_type=Text)
    from_enterprise: bool


class NumberRow(Table, table=True):
    """Last number given, by kind and year: numbers are dense because the row is locked until the commit."""

    __tablename__ = "numbers"
    kind: str = Field(primary_key=True, sa_type=Text)
    year: int = Field(primary_key=True, sa_type=Integer)
    last: int
