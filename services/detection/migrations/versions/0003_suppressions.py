"""Suppressions, the hits they keep quiet, and the audit trail."""

from alembic import op

from shared.audit import AUDIT_DDL

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = (
    """create table suppressions(
  id uuid primary key,
  no varchar not null unique,
  enterprise_id uuid not null,
  outlet_id uuid,
  factor varchar,
  rule varchar not null,
  kind varchar,
  value_at_least double precision,
  value_at_most double precision,
  since timestamptz not null,
  until timestamptz not null,
  reason_code varchar not null,
  note varchar not null,
  state varchar not null,
  proposed_at timestamptz not null,
  proposed jsonb not null,
  decided jsonb,
  decision varchar not null,
  ended jsonb,
  end_reason varchar not null,
  version integer not null)""",
    "create index ix_suppressions_enterprise_id on suppressions(enterprise_id)",
    "create index suppressions_by_time on suppressions(proposed_at, id)",
    "alter table hits add column suppressed_by uuid",
    "create index hits_suppressed on hits(suppressed_by) where suppressed_by is not null",
    "create index hits_quiet on hits(outlet_id) where running and suppressed_by is not null",
)


def upgrade() -> None:
    for statement in (*AUDIT_DDL, *TABLES):
        op.get_bind().exec_driver_sql(statement)
