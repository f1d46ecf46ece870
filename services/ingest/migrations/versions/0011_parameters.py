"""Changes of analysers' parameters."""

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS: tuple[str, ...] = (
    """create table parameter_change(
  id uuid primary key, device_id uuid not null references device(id), outlet_id uuid not null references outlet(id),
  factor text not null, code text not null, before text not null, after text not null, at timestamptz not null,
  packet_id bigint not null)""",
    "create unique index parameter_change_once on parameter_change(device_id, factor, code, at)",
    "create index parameter_change_by_time on parameter_change(at, id)",
    "create index ix_parameter_change_outlet_id on parameter_change(outlet_id)",
)


def upgrade() -> None:
    bind = op.get_bind()
    for statement in STATEMENTS:
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup to go back")
