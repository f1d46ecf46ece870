"""The rest of 一企一档: entries and their versions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.ingest.tables.base import TIME, Table


class DossierEntryRow(Table, table=True):
    """An entry as it stands; its fields are those of its part's contract."""

    __tablename__ = "dossier_entry"
    __table_args__ = (
        Index("dossier_entry_enterprise", "enterprise_id", "part", "id"),
        Index("dossier_entry_outlet", "outlet_id", "part", "id"),
    )

    id: UUID = Field(primary_key=True)
    part: str = Field(sa_type=Text)
    enterprise_id: UUID = Field(foreign_key="enterprise.id")
    outlet_id: UUID | None = Field(foreign_key="outlet.id")
    data: dict[str, Any] = Field(sa_type=JSONB)
    active: bool
    version: int
    changed_at: datetime = Field(sa_type=TIME)


class DossierVersionRow(Table, table=True):
    """Every content an entry ever had."""

    __tablename__ = "dossier_version"

    entry_id: UUID = Field(primary_key=True, foreign_key="dossier_entry.id")
    version: int = Field(primary_key=True)
    data: dict[str, Any] = Field(sa_type=JSONB)
    active: bool
    changed_at: datetime = Field(sa_type=TIME)
    actor: str = Field(sa_type=Text)
    organisation: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
