"""A name for the outlet as a whole, in place of a factor."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        "insert into factor_name (code, name_zh, name_en) values ('outlet', '全排口', 'whole outlet')"
        " on conflict (code) do nothing"
    )
