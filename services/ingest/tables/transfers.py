"""Imports and exports that run as jobs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.ingest.tables.base import TIME, Table


class TransferRow(Table, table=True):
    """A job. `caller` is who asked, as the job acts; `beat_at` (real time) is moved while a process works on it."""

    __tablename__ = "transfer"
    __table_args__ = (Index("transfer_newest", "created_at", "id"), Index("transfer_state", "state", "created_at"))

    id: UUID = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    direction: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    total: int = Field(sa_type=BigInteger)
    done: int = Field(sa_type=BigInteger)
    parameters: dict[str, Any] = Field(sa_type=JSONB)
    result: dict[str, Any] = Field(sa_type=JSONB)
    errors: list[dict[str, Any]] = Field(sa_type=JSONB)
    error_count: int
    reason: str = Field(sa_type=Text)
    file_name: str = Field(sa_type=Text)
    file_size: int | None = Field(sa_type=BigInteger)
    source_id: UUID | None
    caller: dict[str, Any] = Field(sa_type=JSONB)
    owner: str = Field(sa_type=Text)
    organisation: UUID | None
    tenant: UUID | None
    sealed: bool
    attempts: int
    beat_at: datetime | None = Field(sa_type=TIME)
    created_at: datetime = Field(sa_type=TIME)
    started_at: datetime | None = Field(sa_type=TIME)
    finished_at: datetime | None = Field(sa_type=TIME)
    expires_at: datetime | None = Field(sa_type=TIME)
