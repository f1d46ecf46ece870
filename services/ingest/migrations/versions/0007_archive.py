"""Sealed chunks and the archive."""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    """create table sealed_day(
  day date primary key, sealed_at timestamptz, fault text not null, vals bigint not null, rows bigint not null)""",
    """create table series_day(
  point int not null, kind smallint not null, day date not null, rev smallint not null, state text not null,
  changed_at timestamptz not null, last_at timestamptz, row_hash bigint not null, rows int not null, vals int not null,
  digest bytea not null, origin bytea not null, primary key(point, kind, day))""",
    "create index series_day_thawed on series_day(day) where state = 'thawed'",
    """create table series_chunk(
  point int not null, factor int not null, day date not null, kind smallint not null, rev smallint not null,
  vals int not null, stale bool not null, body bytea not null, besides bytea,
  primary key(point, factor, kind, day))""",
    # Chunks are compressed already.
    """alter table series_chunk alter column body set storage external, alter column besides set storage external""",
    """alter table series_day alter column origin set storage external""",
    """create table seal_touch(
  id bigint generated always as identity primary key, day date not null, point int not null)""",
    """create table archive_file(
  month date not null, kind smallint not null, rev smallint not null, path text not null, state text not null,
  detail text not null, rows bigint not null, size bigint not null, sha256 bytea not null, schema_version int not null,
  written_at timestamptz not null, verified_at timestamptz, released_at timestamptz, primary key(month, kind, rev))""",
    # While a day is being sealed: which points somebody still writes to.
    """create function frame_touched() returns trigger language plpgsql as $$ begin
  insert into seal_touch(day, point) values ((new.at at time zone 'UTC')::date, new.point);
  return new; end $$""",
    # In a day that is sealed: only what was thawed may be written. Held until the writer commits.
    """create function frame_guarded() returns trigger language plpgsql as $$ begin
  perform 1 from series_day where point = new.point and kind = new.kind
    and day = (new.at at time zone 'UTC')::date and state = 'thawed' for share;
  if not found then raise exception 'this day is sealed' using errcode = 'SE001'; end if;
  return new; end $$""",
)


def upgrade() -> None:
    bind = op.get_bind()
    for statement in STATEMENTS:
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup to go back")
