"""Runs of the surveys of history, and what each could not judge."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = (
    """create table survey_runs(
  id uuid primary key,
  night timestamptz not null,
  trigger varchar not null,
  outlet_id uuid,
  enterprise_id uuid,
  requested_at timestamptz not null,
  requested_by jsonb,
  finished_at timestamptz,
  cursor uuid,
  outlets integer not null,
  failed integer not null,
  judged integer not null,
  hits integer not null,
  gaps jsonb not null)""",
    "create index survey_runs_by_time on survey_runs(requested_at, id)",
    "create index survey_runs_open on survey_runs(requested_at) where finished_at is null",
    """create table survey_nights(
  outlet_id uuid not null,
  night timestamptz not null,
  run_id uuid not null,
  judged integer not null,
  hits integer not null,
  unjudged jsonb not null,
  primary key(outlet_id, night))""",
    "create index survey_nights_by_night on survey_nights(night)",
)


def upgrade() -> None:
    for statement in TABLES:
        op.get_bind().exec_driver_sql(statement)
