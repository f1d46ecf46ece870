"""Organisations, accounts, clients, sessions, signing keys."""

from alembic import op

from shared.audit import AUDIT_DDL
from shared.jobs import JOBS_DDL

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """create table organisations(
  id uuid primary key,
  kind text not null,
  name_zh text not null,
  name_en text not null,
  enterprise_id uuid unique,
  created_at timestamptz not null,
  constraint organisations_enterprise check ((kind = 'enterprise') = (enterprise_id is not null)))""",
    """create table accounts(
  id uuid primary key,
  username text not null unique,
  password_hash text not null,
  name_zh text not null,
  name_en text not null,
  roles text[] not null,
  organisation_id uuid not null references organisations(id),
  active boolean not null,
  created_at timestamptz not null)""",
    "create index ix_accounts_organisation_id on accounts(organisation_id)",
    """create table clients(
  client_id text primary key,
  secret_sha256 bytea not null,
  name text not null,
  roles text[] not null,
  scopes text[],
  organisation_id uuid not null references organisations(id),
  active boolean not null,
  created_at timestamptz not null,
  last_used_at timestamptz)""",
    "create index ix_clients_organisation_id on clients(organisation_id)",
    """create table sessions(
  id uuid primary key,
  token_sha256 bytea not null unique,
  account_id uuid not null references accounts(id),
  created_at timestamptz not null,
  last_used_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz)""",
    "create index ix_sessions_account_id on sessions(account_id)",
    "create index sessions_expires_at on sessions(expires_at)",
    """create table signing_keys(
  kid text primary key,
  private_jwk text not null,
  created_at timestamptz not null)""",
)


def upgrade() -> None:
    for statement in (*AUDIT_DDL, *JOBS_DDL, *TABLES):
        op.get_bind().exec_driver_sql(statement)
