"""The journal of packets."""

from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Column, Identity, Index, LargeBinary, Text, text
from sqlmodel import Field

from services.ingest.tables.base import TIME, Table


class PacketRow(Table, table=True):
    """The journal: every packet 报文 as received, with what became of it. Evidence; never changed."""

    __tablename__ = "packet"
    __table_args__ = (
        Index("packet_mn", "mn", "id"),
        Index("packet_quarantined", "id", postgresql_where=text("status = 'quarantined'")),
        Index("packet_received", "received_at", postgresql_using="brin"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    received_at: datetime = Field(sa_type=TIME)
    remote: str = Field(sa_type=Text)
    mn: str | None = Field(sa_type=Text)
    cn: str | None = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    reason: str | None = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)
    repairs: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    raw: bytes = Field(sa_type=LargeBinary)
