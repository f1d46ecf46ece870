"""Links of devices, tolerance profiles, re-tries of the quarantine."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """create table device_setting(
  device_id uuid primary key references device(id), tolerance text not null, accepted text[] not null,
  networks text[] not null, password_check text not null, version int not null, changed_at timestamptz not null)""",
    """create table device_key(
  device_id uuid primary key references device(id), key bytea not null, previous bytea,
  set_at timestamptz not null)""",
    """create table device_link(
  device_id uuid primary key references device(id), state text not null, since timestamptz,
  connected_at timestamptz, last_frame_at timestamptz, heartbeat_at timestamptz, duplicate_at timestamptz,
  skew_at timestamptz, skew float8, clock_off bool not null, peer text not null, editions text[] not null,
  edition_other text, last_by_cn jsonb not null, lines jsonb not null)""",
    "create index device_link_last on device_link(last_frame_at) where state = 'online'",
    """create table device_day(
  device_id uuid not null references device(id), day date not null, frames bigint not null, late bigint not null,
  repeats bigint not null, repaired bigint not null, rejected bigint not null, undelivered bigint not null,
  primary key(device_id, day))""",
    """create table device_oddity(
  device_id uuid not null references device(id), kind text not null, name text not null,
  first_at timestamptz not null, last_at timestamptz not null, count bigint not null,
  primary key(device_id, kind, name))""",
    """create table device_event(
  id bigint generated always as identity primary key, device_id uuid not null references device(id),
  at timestamptz not null, change text not null, detail jsonb not null)""",
    "create index device_event_device on device_event(device_id, id)",
    """create table unknown_device(
  mn text primary key, first_at timestamptz not null, last_at timestamptz not null, frames bigint not null,
  peer text not null, st text not null, cn text not null, edition text not null)""",
    "create index unknown_device_last on unknown_device(last_at)",
    # No foreign key: old packets leave the journal, what was done with them stays.
    """create table packet_act(
  id bigint generated always as identity primary key, packet_id bigint not null, at timestamptz not null,
  act text not null, actor text not null, status text, reason text, detail text not null, closes bool not null)""",
    "create index packet_act_packet on packet_act(packet_id, id)",
    "create unique index packet_act_closes on packet_act(packet_id) where closes",
)


def upgrade() -> None:
    bind = op.get_bind()
    for statement in STATEMENTS:
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup to go back")
