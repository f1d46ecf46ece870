"""A name for what stands for several factors."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        "insert into factor_name (code, name_zh, name_en) values ('*', '多个因子', 'several factors')"
        " on conflict (code) do nothing"
    )
