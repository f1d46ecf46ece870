"""Thresholds of single series and their versions."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = (
    "alter table outlets add column thresholds integer not null default 0",
    "alter table outlets add column learnt_at timestamptz",
    """create table thresholds(
  id uuid primary key,
  enterprise_id uuid not null,
  outlet_id uuid not null,
  factor varchar not null,
  kind varchar not null,
  rule varchar not null,
  state varchar not null,
  before varchar not null,
  confirmed jsonb,
  held jsonb,
  held_reason varchar not null,
  changed_at timestamptz not null,
  version integer not null)""",
    "create index ix_thresholds_enterprise_id on thresholds(enterprise_id)",
    "create index ix_thresholds_outlet_id on thresholds(outlet_id)",
    "create index thresholds_by_change on thresholds(changed_at, id)",
    """create table threshold_versions(
  threshold_id uuid not null,
  number integer not null,
  origin varchar not null,
  numbers jsonb not null,
  made jsonb not null,
  note varchar not null,
  basis jsonb,
  accepted bool,
  valid_from timestamptz,
  decided jsonb,
  decision varchar not null,
  primary key(threshold_id, number))""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
