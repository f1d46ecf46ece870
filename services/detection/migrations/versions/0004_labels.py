"""Verdicts on anomalies."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    """create table labels(
  anomaly_id uuid primary key,
  case_id uuid not null,
  case_no varchar not null,
  enterprise_id uuid not null,
  outlet_id uuid not null,
  rule varchar not null,
  verdict varchar,
  rectified bool not null,
  judged_at timestamptz not null)""",
    "create index ix_labels_case_id on labels(case_id)",
    "create index labels_by_time on labels(judged_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
