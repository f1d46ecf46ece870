"""Enterprises with their trades."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        """create table enterprises(
  id uuid primary key,
  version integer not null,
  trade varchar not null,
  name_zh varchar not null,
  name_en varchar not null)"""
    )
