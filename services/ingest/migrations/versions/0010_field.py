"""What loggers tell besides readings: checks as records, states of analysers, field information."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS: tuple[str, ...] = (
    "create table journal_cursor(name text primary key, after bigint not null)",
    """create table analyser_state(
  point int not null, factor text not null, at timestamptz not null, code text not null, state int not null,
  packet_id bigint not null, primary key(point, factor, at, code))""",
    """create table field_info(
  device_id uuid not null references device(id), factor text not null, code text not null, value text not null,
  at timestamptz not null, packet_id bigint not null, primary key(device_id, factor, code))""",
    # One packet may check several factors.
    "alter table qa_record drop constraint qa_record_packet_id_key",
    "create unique index qa_record_packet on qa_record(packet_id, factor, kind)",
    "create index packet_field on packet(id) where cn in ('2062','3020')",
)


def upgrade() -> None:
    bind = op.get_bind()
    for statement in STATEMENTS:
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup to go back")
