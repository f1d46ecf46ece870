"""Imports and exports that run as jobs."""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS: tuple[str, ...] = (
    """create table transfer(
  id uuid primary key, kind text not null, direction text not null, state text not null,
  total bigint not null, done bigint not null, parameters jsonb not null, result jsonb not null, errors jsonb not null,
  error_count int not null, reason text not null, file_name text not null, file_size bigint,
  source_id uuid, caller jsonb not null, owner text not null, organisation uuid, tenant uuid,
  sealed bool not null, attempts int not null, beat_at timestamptz, created_at timestamptz not null,
  started_at timestamptz, finished_at timestamptz, expires_at timestamptz)""",
    "create index transfer_newest on transfer(created_at, id)",
    "create index transfer_state on transfer(state, created_at)",
)


def upgrade() -> None:
    bind = op.get_bind()
    for statement in STATEMENTS:
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup to go back")
