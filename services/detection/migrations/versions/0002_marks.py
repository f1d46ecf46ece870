"""Marks of outlets."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    """create table marks(
  id uuid primary key,
  outlet_id uuid not null,
  version integer not null,
  effective boolean not null,
  effect varchar not null,
  since timestamptz not null,
  until timestamptz,
  factors text[] not null)""",
    "create index ix_marks_outlet_id on marks(outlet_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
