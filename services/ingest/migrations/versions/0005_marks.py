"""Marks and quality-assurance records."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS: tuple[str, ...] = (
    """create table mark(
  id uuid primary key, serial bigint generated always as identity unique,
  enterprise_id uuid not null references enterprise(id), outlet_id uuid not null references outlet(id),
  device_id uuid references device(id), kind text not null, code text not null, effect text not null,
  since timestamptz not null, until timestamptz, factors text[] not null, source text not null, flag text,
  follows bool not null, seen_until timestamptz, reason text not null, state text not null,
  submitted_at timestamptz, submitted_by text not null, due_at timestamptz not null, evidence_due_at timestamptz,
  reviewed_at timestamptz, reviewed_by text not null, review_reason text not null, untrue bool not null,
  version int not null, changed_at timestamptz not null, check(until is null or until > since))""",
    "create index mark_outlet on mark(outlet_id, since)",
    "create index mark_enterprise on mark(enterprise_id, since)",
    "create index mark_due on mark(due_at)",
    "create index mark_unproven on mark(evidence_due_at) where state in ('proposed','pending','queried')",
    """create table mark_version(
  mark_id uuid not null references mark(id), version int not null, at timestamptz not null, by text not null,
  event text not null, content jsonb not null, primary key(mark_id, version))""",
    "create table evidence_content(sha256 bytea primary key, content bytea not null)",
    # Documents and pictures are packed already.
    "alter table evidence_content alter column content set storage external",
    """create table evidence(
  id uuid primary key, enterprise_id uuid not null references enterprise(id), subject_id uuid not null,
  name text not null, media_type text not null, size bigint not null,
  sha256 bytea not null references evidence_content(sha256), uploaded_at timestamptz not null,
  uploaded_by text not null)""",
    "create index ix_evidence_subject_id on evidence(subject_id)",
    """create table flag_run(
  point int not null, factor text not null, since timestamptz not null, until timestamptz not null,
  flag text not null, mark_id uuid references mark(id), primary key(point, factor, since), check(until > since))""",
    "create index flag_run_until on flag_run(point, until)",
    "create index flag_run_mark on flag_run(mark_id)",
    """create table qa_record(
  id uuid primary key, serial bigint generated always as identity unique,
  enterprise_id uuid not null references enterprise(id), outlet_id uuid not null references outlet(id),
  factor text not null, kind text not null, at timestamptz not null, pairs jsonb not null, full_scale float8,
  reference float8 not null, reading float8 not null, error float8, error_kind text not null, allowed_error float8,
  passed bool, next_due_at timestamptz, rule_source text not null, note text not null, source text not null,
  recorded_at timestamptz not null, recorded_by text not null, replaces uuid references qa_record(id),
  replaced bool not null, packet_id bigint unique)""",
    "create index qa_record_latest on qa_record(outlet_id, factor, kind, at)",
    "create index qa_record_enterprise on qa_record(enterprise_id, at)",
)


def upgrade() -> None:
    bind = op.get_bind()
    for statement in STATEMENTS:
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup to go back")
