"""Outlets, series state, hits, anomalies."""

from alembic import op

from shared.feed import FEED_DDL
from shared.jobs import JOBS_DDL

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """create table outlets(
  id uuid primary key,
  enterprise_id uuid not null,
  version integer not null,
  outlet jsonb not null)""",
    "create index ix_outlets_enterprise_id on outlets(enterprise_id)",
    """create table series(
  outlet_id uuid not null,
  factor varchar not null,
  kind varchar not null,
  state bytea not null,
  first_at timestamptz,
  last_at timestamptz,
  late integer not null,
  primary key(outlet_id, factor, kind))""",
    "create index ix_series_last_at on series(last_at)",
    """create table hits(
  id uuid primary key,
  outlet_id uuid not null,
  factor varchar not null,
  kind varchar not null,
  rule varchar not null,
  started_at timestamptz not null,
  until timestamptz not null,
  running bool not null,
  value double precision not null,
  reference double precision not null,
  points integer not null)""",
    "create index hits_of_series on hits(outlet_id, until)",
    """create table anomalies(
  id uuid primary key,
  no varchar not null unique,
  enterprise_id uuid not null,
  outlet_id uuid not null,
  factor varchar not null,
  rule varchar not null,
  state varchar not null,
  started_at timestamptz not null,
  until timestamptz not null,
  episode jsonb not null,
  version integer not null)""",
    "create index ix_anomalies_enterprise_id on anomalies(enterprise_id)",
    "create index anomalies_by_start on anomalies(started_at, id)",
    "create index anomalies_of_outlet on anomalies(outlet_id, until)",
    "create index anomalies_open on anomalies(outlet_id) where state = 'open'",
    "create table numbers(day varchar primary key, last integer not null)",
)


def upgrade() -> None:
    for statement in (*FEED_DDL, *JOBS_DDL, *TABLES):
        op.get_bind().exec_driver_sql(statement)
