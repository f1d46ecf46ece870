"""Derived means and rates."""

from alembic import op

revision = "0006"
down_revision = "0005"

_DERIVED = """at timestamptz not null, computed_at timestamptz not null,
  value float8, converted float8, emission float8, reported float8, digest bigint not null,
  point int not null, factor int not null, rule int not null,
  kind smallint not null, rev smallint not null, valid smallint not null, expected smallint not null,
  state smallint not null, basis smallint not null, method smallint not null, why smallint not null,
  agreement smallint, late bool not null, reported_flag text, reasons text"""

STATEMENTS: tuple[str, ...] = (
    f"create table derived_value({_DERIVED}, primary key(point, factor, kind, at)) partition by range(at)",
    f"""create table derived_revision({_DERIVED}, replaced_at timestamptz not null,
  primary key(point, factor, kind, at, rev))""",
    "create index derived_value_beyond on derived_value(at, point) where agreement = 2",
    """create table outlet_day(
  at timestamptz not null, changed_at timestamptz not null, point int not null, late int not null,
  stopped smallint not null, received smallint not null, valid smallint not null, states text not null,
  primary key(point, at)) partition by range(at)""",
    """create table outlet_reach(
  point int primary key, first_at timestamptz not null, heard_at timestamptz not null)""",
    """create table mean_task(
  kind smallint not null, at timestamptz not null, point int not null, due_at timestamptz not null,
  why smallint not null, primary key(kind, at, point))""",
    "create index mean_task_due on mean_task(due_at)",
    "create table mean_roll(one bool primary key default true check(one), reached_at timestamptz not null)",
    """create table mean_setting(
  outlet_id uuid primary key references outlet(id), rule_set text, convert bool not null,
  reference_oxygen float8, reference_alpha float8, actual_state bool not null, barometric float8 not null,
  version int not null, changed_at timestamptz not null)""",
    """create table substituted_value(
  at timestamptz not null, first_at timestamptz not null, last_at timestamptz not null,
  computed_at timestamptz not null, replaced_at timestamptz,
  value float8 not null, emission float8, capture float8 not null, point int not null, factor int not null,
  rule int not null, rev int not null, hours int not null, gap int not null, provisional bool not null,
  statistic text not null, quantity text not null, primary key(point, factor, at, rev))""",
    "create unique index substituted_value_current on substituted_value(point, factor, at) where replaced_at is null",
)


def upgrade() -> None:
    bind = op.get_bind()
    for statement in STATEMENTS:
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup to go back")
