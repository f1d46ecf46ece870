"""Facts in their latest version, snapshots, lists with their lines, overrides."""

from alembic import op

from shared.audit import AUDIT_DDL
from shared.feed import FEED_DDL
from shared.jobs import JOBS_DDL

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """create table enterprises(
  id uuid primary key,
  version integer not null,
  code text not null,
  name_zh text not null,
  name_en text not null,
  trade text not null,
  connected_on date,
  permit_class text not null,
  key_unit boolean not null,
  toxic boolean not null,
  near_homes boolean not null,
  large_flow boolean not null,
  active boolean not null)""",
    """create table outlets(
  id uuid primary key,
  version integer not null,
  enterprise_id uuid not null,
  code text not null,
  name_zh text not null,
  name_en text not null)""",
    "create index ix_outlets_enterprise_id on outlets(enterprise_id)",
    """create table exceedances(
  id uuid primary key,
  version integer not null,
  no text not null,
  enterprise_id uuid not null,
  outlet_id uuid not null,
  factor text not null,
  rule text not null,
  started_at timestamptz not null,
  last_at timestamptz not null,
  points integer not null)""",
    "create index exceedances_span on exceedances(last_at, started_at)",
    """create table cases(
  id uuid primary key,
  version integer not null,
  no text not null,
  enterprise_id uuid not null,
  state text not null,
  inquiry_sent_at timestamptz,
  reply_by timestamptz,
  replied_at timestamptz,
  on_time boolean,
  returns integer not null,
  recurrence boolean not null,
  anomaly_ids uuid[] not null)""",
    "create index cases_anomalies on cases using gin (anomaly_ids)",
    "create index cases_asked_for on cases(coalesce(reply_by, inquiry_sent_at))",
    """create table visits(
  id uuid primary key,
  no text not null,
  enterprise_id uuid not null,
  type text not null,
  completed_at timestamptz not null,
  findings integer not null,
  points integer not null)""",
    "create index ix_visits_completed_at on visits(completed_at)",
    """create table findings(
  id uuid primary key,
  version integer not null,
  no text not null,
  enterprise_id uuid not null,
  severity text not null,
  state text not null,
  due_at timestamptz,
  verified_at timestamptz,
  on_time boolean)""",
    "create index ix_findings_due_at on findings(due_at)",
    """create table snapshots(
  digest text primary key,
  facts text not null,
  frozen_at timestamptz not null)""",
    """create table lists(
  id uuid primary key,
  quarter text not null,
  version integer not null,
  state text not null,
  interim boolean not null,
  computed_at timestamptz not null,
  digest text not null,
  rules text not null,
  counts jsonb not null,
  published_at timestamptz,
  published_by text,
  note text not null)""",
    "create unique index lists_draft on lists(quarter) where state = 'draft'",
    "create unique index lists_published on lists(quarter) where state = 'published'",
    "create unique index lists_version on lists(quarter, version)",
    """create table grades(
  list_id uuid not null references lists(id),
  enterprise_id uuid not null,
  colour text not null,
  p double precision,
  risk double precision,
  body jsonb not null,
  primary key(list_id, enterprise_id))""",
    "create index ix_grades_enterprise_id on grades(enterprise_id)",
    """create table overrides(
  id uuid primary key,
  quarter text not null,
  version integer not null,
  enterprise_id uuid not null,
  from_colour text not null,
  to_colour text not null,
  reason text not null,
  actor text not null,
  actor_name text not null,
  made_at timestamptz not null,
  ended_at timestamptz,
  ended_by text)""",
    "create unique index overrides_active on overrides(quarter, enterprise_id) where ended_at is null",
)


def upgrade() -> None:
    for statement in (*FEED_DDL, *AUDIT_DDL, *JOBS_DDL, *TABLES):
        op.get_bind().exec_driver_sql(statement)
