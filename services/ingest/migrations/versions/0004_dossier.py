"""The rest of the registry."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS: tuple[str, ...] = (
    """create table dossier_entry(
  id uuid primary key, part text not null, enterprise_id uuid not null references enterprise(id),
  outlet_id uuid references outlet(id), data jsonb not null, active bool not null, version int not null,
  changed_at timestamptz not null)""",
    "create index dossier_entry_enterprise on dossier_entry(enterprise_id, part, id)",
    "create index dossier_entry_outlet on dossier_entry(outlet_id, part, id)",
    """create table dossier_version(
  entry_id uuid not null references dossier_entry(id), version int not null, data jsonb not null, active bool not null,
  changed_at timestamptz not null, actor text not null, organisation text not null, reason text not null,
  primary key(entry_id, version))""",
)


def upgrade() -> None:
    bind = op.get_bind()
    for statement in STATEMENTS:
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup to go back")
