"""Commands to devices."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS: tuple[str, ...] = (
    """create table command(
  id uuid primary key, number bigint generated always as identity unique,
  device_id uuid not null references device(id), outlet_id uuid not null references outlet(id),
  enterprise_id uuid not null references enterprise(id), mn text not null, edition text not null,
  code text not null, params jsonb not null, secret text, state text not null, outcome text, return_code int,
  reason text not null, origin text not null, requested_by jsonb not null, requested_at timestamptz not null,
  approved_by jsonb, approved_at timestamptz, valid_until timestamptz not null, qn text unique, tries int not null,
  sent_at timestamptz, due_at timestamptz, accepted_at timestamptz, finished_at timestamptz, result jsonb not null,
  frames int not null, values_arrived int not null, version int not null, changed_at timestamptz not null)""",
    # A device does one thing at a time, whichever gateway asks.
    """create unique index command_in_flight on command(mn)
  where state in ('sent', 'accepted', 'running')""",
    "create index command_waiting on command(number) where state in ('queued', 'awaiting_approval')",
    "create index command_mn on command(mn, number)",
    "create index command_device on command(device_id, number)",
    "create index command_outlet on command(outlet_id, number)",
    "create index command_enterprise on command(enterprise_id, number)",
    """create table command_exchange(
  id bigint generated always as identity primary key, command_id uuid not null references command(id),
  at timestamptz not null, sent bool not null, cn text not null, frame text not null, note text not null)""",
    "create index command_exchange_command on command_exchange(command_id, id)",
    """create table command_setting(
  device_id uuid primary key references device(id), calibrate_clock bool not null, fetch_history bool not null,
  initialise bool not null, initialised_at timestamptz)""",
    """create table history_try(
  device_id uuid not null references device(id), kind text not null, day date not null, tries int not null,
  next_at timestamptz not null, primary key(device_id, kind, day))""",
    # Unix milliseconds of the last QN given: unique for the whole platform, and growing.
    "create table command_qn(one bool primary key default true check(one), last bigint not null)",
    "insert into command_qn values(true, 0)",
)


def upgrade() -> None:
    bind = op.get_bind()
    for statement in STATEMENTS:
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup to go back")
