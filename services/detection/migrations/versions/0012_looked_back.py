"""Which version of a mark of stop has been held against the readings before it."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS = (
    "alter table marks add column looked_back integer not null default 0",
    """create index marks_to_look_back on marks(id)
  where effective and effect = 'stopped' and looked_back < version""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
