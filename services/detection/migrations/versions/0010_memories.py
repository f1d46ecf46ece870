"""What relations remember of each outlet."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        """create table memories(
  outlet_id uuid not null,
  kind varchar not null,
  memory bytea not null,
  primary key(outlet_id, kind))"""
    )
