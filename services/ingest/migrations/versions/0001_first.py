"""Registry, readings, journal, and the tables of the kernel."""

from alembic import op

from shared.audit import AUDIT_DDL
from shared.feed import FEED_DDL
from shared.jobs import JOBS_DDL

revision = "0001"
down_revision = None

REGISTRY = (
    """create table enterprise(
  id uuid primary key, code text not null unique, name_zh text not null, name_en text not null, trade text not null,
  address text not null, latitude float8, longitude float8, connected_on date, permit_class text not null,
  key_unit bool not null, toxic bool not null, near_homes bool not null, large_flow bool not null,
  contact_name text not null, contact_phone text not null, active bool not null,
  version int not null, changed_at timestamptz not null)""",
    """create table outlet(
  id uuid primary key, point int generated always as identity unique,
  enterprise_id uuid not null references enterprise(id), code text not null,
  name_zh text not null, name_en text not null, medium text not null, latitude float8, longitude float8,
  minute_interval int not null, factors jsonb not null, active bool not null,
  version int not null, changed_at timestamptz not null, unique(enterprise_id, code))""",
    """create table device(
  id uuid primary key, outlet_id uuid not null references outlet(id), mn text not null unique, password text,
  edition text not null, active bool not null, last_seen_at timestamptz, changed_at timestamptz not null)""",
    "create index ix_device_outlet_id on device(outlet_id)",
    """create table discharge_limit(
  id uuid primary key, outlet_id uuid not null references outlet(id), factor text not null,
  upper float8, lower float8, averaging text not null, unit text not null, standard text not null,
  valid_from timestamptz not null, valid_to timestamptz, unique(outlet_id, factor, averaging, valid_from))""",
)
READINGS = (
    "create table factor_code(id int generated always as identity primary key, name text not null unique)",
    "create table reading_source(id int generated always as identity primary key, name text not null unique)",
    "create table factor_layout(id int generated always as identity primary key, factors text[] not null unique)",
    # The widest columns first: no padding between them.
    """create table frame(
  at timestamptz not null, received_at timestamptz not null,
  point int not null, layout int not null, source int not null, kind smallint not null, rev smallint not null,
  avg float8[] not null, vmin float8[], vmax float8[], cou float8[], zs float8[], flags text,
  primary key(point, kind, at)) partition by range(at)""",
    """create table reading_value(
  at timestamptz not null, received_at timestamptz not null,
  point int not null, factor int not null, source int not null, kind smallint not null, rev smallint not null,
  value float8, vmin float8, vmax float8, cou float8, zs float8, flag text not null,
  primary key(point, factor, kind, at)) partition by range(at)""",
    """create table reading_revision(
  point int not null, factor int not null, kind smallint not null, at timestamptz not null, rev smallint not null,
  value float8, vmin float8, vmax float8, cou float8, zs float8, flag text not null,
  source int not null, received_at timestamptz not null, replaced_at timestamptz not null,
  primary key(point, factor, kind, at, rev))""",
)
PACKETS = (
    """create table packet(
  id bigint generated always as identity primary key, received_at timestamptz not null, remote text not null,
  mn text, cn text, status text not null, reason text, detail text not null, repairs text[] not null,
  raw bytea not null)""",
    "create index packet_mn on packet(mn, id)",
    "create index packet_quarantined on packet(id) where status = 'quarantined'",
    "create index packet_received on packet using brin(received_at)",
)
IDEMPOTENCY = (
    """create table idempotency_key(
  caller text not null, key text not null, body_hash bytea not null, answer jsonb,
  at timestamptz not null, primary key(caller, key))""",
    "create index idempotency_key_at on idempotency_key(at)",
)


def upgrade() -> None:
    bind = op.get_bind()
    for statement in (*FEED_DDL, *AUDIT_DDL, *JOBS_DDL, *REGISTRY, *READINGS, *PACKETS, *IDEMPOTENCY):
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup to go back")
