"""Quality-assurance records 质控记录."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Double, Identity, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.ingest.tables.base import TIME, Table


class QaRecordRow(Table, table=True):
    """A record as judged when it came; only `replaced` changes. `packet_id`: the packet a logger's one came in."""

    __tablename__ = "qa_record"
    __table_args__ = (
        Index("qa_record_latest", "outlet_id", "factor", "kind", "at"),
        Index("qa_record_enterprise", "enterprise_id", "at"),
        Index("qa_record_packet", "packet_id", "factor", "kind", unique=True),
    )

    id: UUID = Field(primary_key=True)
    serial: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), unique=True))
    enterprise_id: UUID = Field(foreign_key="enterprise.id")
    outlet_id: UUID = Field(foreign_key="outlet.id")
    factor: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=TIME)
    pairs: list[dict[str, Any]] = Field(sa_type=JSONB)
    full_scale: float | None = Field(sa_type=Double)
    reference: float = Field(sa_type=Double)
    reading: float = Field(sa_type=Double)
    error: float | None = Field(sa_type=Double)
    error_kind: str = Field(sa_type=Text)
    allowed_error: float | None = Field(sa_type=Double)
    passed: bool | None
    next_due_at: datetime | None = Field(sa_type=TIME)
    rule_source: str = Field(sa_type=Text)
    note: str = Field(sa_type=Text)
    source: str = Field(sa_type=Text)
    recorded_at: datetime = Field(sa_type=TIME)
    recorded_by: str = Field(sa_type=Text)
    replaces: UUID | None = Field(foreign_key="qa_record.id")
    replaced: bool
    packet_id: int | None = Field(sa_type=BigInteger)
