"""Webhooks."""

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS: tuple[str, ...] = (
    """create table hook(
  id uuid primary key, name text not null, url text not null, types text[] not null, active bool not null,
  secret text not null, version int not null, failing_since timestamptz, switched_off bool not null,
  created_at timestamptz not null, changed_at timestamptz not null)""",
    """create table hook_delivery(
  id bigint generated always as identity primary key, hook_id uuid not null references hook(id),
  event_id uuid not null, type text not null, body text not null, state text not null, attempts smallint not null,
  status int, problem text not null, created_at timestamptz not null, next_at timestamptz, delivered_at timestamptz,
  unique(hook_id, event_id))""",
    "create index hook_delivery_due on hook_delivery(next_at) where state = 'waiting'",
    "create index hook_delivery_hook on hook_delivery(hook_id, id)",
    "create table hook_cursor(one bool primary key default true check(one), seq bigint not null)",
    # What happened before there were webhooks is not sent.
    "insert into hook_cursor select true, seq from feed_head",
)


def upgrade() -> None:
    bind = op.get_bind()
    for statement in STATEMENTS:
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup to go back")
