"""Anomalies of several factors: each names the parent that stands for it."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in (
        "alter table anomalies add column parent_id uuid",
        "create index anomalies_of_parent on anomalies (parent_id) where parent_id is not null",
    ):
        op.get_bind().exec_driver_sql(statement)
