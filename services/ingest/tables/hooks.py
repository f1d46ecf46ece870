"""Webhooks and their deliveries."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Column, Identity, Index, SmallInteger, Text, UniqueConstraint, text
from sqlmodel import Field

from services.ingest.tables.base import TIME, Table


class HookRow(Table, table=True):
    """A webhook. `secret` signs messages: it must be readable here, and no answer shows it but the first."""

    __tablename__ = "hook"

    id: UUID = Field(primary_key=True)
    name: str = Field(sa_type=Text)
    url: str = Field(sa_type=Text)
    types: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    active: bool
    secret: str = Field(sa_type=Text)
    version: int
    failing_since: datetime | None = Field(sa_type=TIME)
    switched_off: bool
    created_at: datetime = Field(sa_type=TIME)
    changed_at: datetime = Field(sa_type=TIME)


class HookDeliveryRow(Table, table=True):
    """One event for one webhook."""

    __tablename__ = "hook_delivery"
    __table_args__ = (
        UniqueConstraint("hook_id", "event_id"),
        Index("hook_delivery_due", "next_at", postgresql_where=text("state = 'waiting'")),
        Index("hook_delivery_hook", "hook_id", "id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    hook_id: UUID = Field(foreign_key="hook.id")
    event_id: UUID
    type: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    attempts: int = Field(sa_type=SmallInteger)
    status: int | None
    problem: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=TIME)
    next_at: datetime | None = Field(sa_type=TIME)
    delivered_at: datetime | None = Field(sa_type=TIME)


class HookCursorRow(Table, table=True):
    """How far the outbox has been read for webhooks."""

    __tablename__ = "hook_cursor"

    one: bool = Field(primary_key=True)
    seq: int = Field(sa_type=BigInteger)
