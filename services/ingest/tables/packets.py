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
        Index("packet_field", "id", postgresql_where=text("cn in ('2062','3020')")),
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


class PacketActRow(Table, table=True):
    """What was done with a packet of the quarantine 隔离区: a re-try, a discard, a hold. The packet stays as it is."""

    __tablename__ = "packet_act"
    __table_args__ = (
        Index("packet_act_packet", "packet_id", "id"),
        Index("packet_act_closes", "packet_id", unique=True, postgresql_where=text("closes")),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    packet_id: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=TIME)
    act: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    status: str | None = Field(sa_type=Text)
    reason: str | None = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)
    closes: bool
