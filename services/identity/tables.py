"""Tables of identity. Times are real time: sessions and keys do not follow a simulated clock."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, DateTime, Index, LargeBinary, MetaData, Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class Table(SQLModel, registry=registry(metadata=MetaData())):
    """Base with a registry of identity's own."""


class OrganisationRow(Table, table=True):
    """An enterprise, supervisor, bureau, or the platform itself."""

    __tablename__ = "organisations"
    __table_args__ = (
        CheckConstraint("(kind = 'enterprise') = (enterprise_id is not null)", name="organisations_enterprise"),
    )

    id: UUID = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    name_zh: str = Field(sa_type=Text)
    name_en: str = Field(sa_type=Text)
    enterprise_id: UUID | None = Field(default=None, unique=True)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


class AccountRow(Table, table=True):
    """A person. `password_hash` is argon2id with its parameters and salt inside."""

    __tablename__ = "accounts"

    id: UUID = Field(primary_key=True)
    username: str = Field(sa_type=Text, unique=True)
    password_hash: str = Field(sa_type=Text)
    name_zh: str = Field(sa_type=Text)
    name_en: str = Field(sa_type=Text)
    roles: list[str] = Field(sa_type=ARRAY(Text))
    organisation_id: UUID = Field(foreign_key="organisations.id", index=True)
    active: bool
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


class ClientRow(Table, table=True):
    """An API client. Its secret is random, so that a plain SHA-256 of it cannot be guessed back."""

    __tablename__ = "clients"

    client_id: str = Field(sa_type=Text, primary_key=True)
    secret_sha256: bytes = Field(sa_type=LargeBinary)
    name: str = Field(sa_type=Text)
    roles: list[str] = Field(sa_type=ARRAY(Text))
    scopes: list[str] | None = Field(default=None, sa_type=ARRAY(Text))
    organisation_id: UUID = Field(foreign_key="organisations.id", index=True)
    active: bool
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    last_used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class SessionRow(Table, table=True):
    """A person's session; only the SHA-256 of its token is kept."""

    __tablename__ = "sessions"
    __table_args__ = (Index("sessions_expires_at", "expires_at"),)

    id: UUID = Field(primary_key=True)
    token_sha256: bytes = Field(sa_type=LargeBinary, unique=True)
    account_id: UUID = Field(foreign_key="accounts.id", index=True)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    last_used_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class SigningKeyRow(Table, table=True):
    """An Ed25519 key pair as a private JWK (RFC 8037)."""

    __tablename__ = "signing_keys"

    kid: str = Field(sa_type=Text, primary_key=True)
    private_jwk: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


metadata = Table.metadata
