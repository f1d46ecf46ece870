"""Backtests, proposals to retune rules, and local versions of rules."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = (
    """create table backtests(
  id uuid primary key,
  no varchar not null unique,
  state varchar not null,
  changes jsonb not null,
  rules text[] not null,
  first_day date not null,
  last_day date not null,
  enterprise_id uuid,
  outlet_id uuid,
  note varchar not null,
  retuning bool not null,
  total integer not null,
  done integer not null,
  attempts integer not null,
  reason varchar not null,
  asked jsonb not null,
  asked_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz,
  result jsonb)""",
    "create index backtests_by_time on backtests(asked_at, id)",
    "create index backtests_open on backtests(asked_at, id) where state in ('queued', 'running')",
    """create table proposals(
  id uuid primary key,
  no varchar not null unique,
  rule varchar not null,
  state varchar not null,
  backtest_id uuid not null,
  settings jsonb not null,
  former jsonb not null,
  tried jsonb not null,
  made_at timestamptz not null,
  decided jsonb,
  decision varchar not null,
  ended jsonb,
  end_reason varchar not null,
  version integer not null)""",
    "create index proposals_by_time on proposals(made_at, id)",
    "create unique index proposals_open on proposals(rule) where state = 'proposed'",
    """create table rule_versions(
  id uuid primary key,
  rule varchar not null,
  number integer not null,
  settings jsonb not null,
  valid_from date not null,
  valid_to date,
  proposal_id uuid not null unique,
  unique(rule, number))""",
)


def upgrade() -> None:
    for statement in TABLES:
        op.get_bind().exec_driver_sql(statement)
