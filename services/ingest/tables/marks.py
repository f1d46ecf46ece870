"""Marks 标记, what they said before, the files that prove them, and the runs of flags automatic ones are made of."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Column, Identity, Index, Integer, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.ingest.tables.base import TIME, Table


class MarkRow(Table, table=True):
    """A mark as it stands. `serial` is what its number is made of."""

    __tablename__ = "mark"
    __table_args__ = (
        Index("mark_outlet", "outlet_id", "since"),
        Index("mark_enterprise", "enterprise_id", "since"),
        Index("mark_due", "due_at"),
        Index("mark_unproven", "evidence_due_at", postgresql_where=text("state in ('proposed','pending','queried')")),
    )

    id: UUID = Field(primary_key=True)
    serial: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), unique=True))
    enterprise_id: UUID = Field(foreign_key="enterprise.id")
    outlet_id: UUID = Field(foreign_key="outlet.id")
    device_id: UUID | None = Field(foreign_key="device.id")
    kind: str = Field(sa_type=Text)
    code: str = Field(sa_type=Text)
    effect: str = Field(sa_type=Text)
    since: datetime = Field(sa_type=TIME)
    until: datetime | None = Field(sa_type=TIME)
    factors: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    source: str = Field(sa_type=Text)
    flag: str | None = Field(sa_type=Text)
    follows: bool
    seen_until: datetime | None = Field(sa_type=TIME)
    reason: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    submitted_at: datetime | None = Field(sa_type=TIME)
    submitted_by: str = Field(sa_type=Text)
    due_at: datetime = Field(sa_type=TIME)
    evidence_due_at: datetime | None = Field(sa_type=TIME)
    reviewed_at: datetime | None = Field(sa_type=TIME)
    reviewed_by: str = Field(sa_type=Text)
    review_reason: str = Field(sa_type=Text)
    untrue: bool
    version: int
    changed_at: datetime = Field(sa_type=TIME)


class MarkVersionRow(Table, table=True):
    """What a mark said after each change; never changed itself."""

    __tablename__ = "mark_version"

    mark_id: UUID = Field(foreign_key="mark.id", primary_key=True)
    version: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    at: datetime = Field(sa_type=TIME)
    by: str = Field(sa_type=Text)
    event: str = Field(sa_type=Text)
    content: dict[str, Any] = Field(sa_type=JSONB)


class EvidenceRow(Table, table=True):
    """A file that proves a mark or a quality-assurance record (`subject_id`)."""

    __tablename__ = "evidence"

    id: UUID = Field(primary_key=True)
    enterprise_id: UUID = Field(foreign_key="enterprise.id")
    subject_id: UUID = Field(index=True)
    name: str = Field(sa_type=Text)
    media_type: str = Field(sa_type=Text)
    size: int = Field(sa_type=BigInteger)
    sha256: bytes = Field(sa_type=LargeBinary, foreign_key="evidence_content.sha256")
    uploaded_at: datetime = Field(sa_type=TIME)
    uploaded_by: str = Field(sa_type=Text)


class EvidenceContentRow(Table, table=True):
    """The bytes of files, each content once."""

    __tablename__ = "evidence_content"

    sha256: bytes = Field(sa_type=LargeBinary, primary_key=True)
    content: bytes = Field(sa_type=LargeBinary)


class FlagRunRow(Table, table=True):
    """An unbroken run of one flag on one factor of a point; `mark_id` names the automatic mark it belongs to."""

    __tablename__ = "flag_run"
    __table_args__ = (Index("flag_run_until", "point", "until"), Index("flag_run_mark", "mark_id"))

    point: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    factor: str = Field(sa_type=Text, primary_key=True)
    since: datetime = Field(sa_type=TIME, primary_key=True)
    until: datetime = Field(sa_type=TIME)
    flag: str = Field(sa_type=Text)
    mark_id: UUID | None = Field(foreign_key="mark.id")
