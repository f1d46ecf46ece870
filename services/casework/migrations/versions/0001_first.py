"""Cases, visits, findings, evidence; feed, audit, jobs."""

from alembic import op

from shared.audit import AUDIT_DDL
from shared.feed import FEED_DDL
from shared.jobs import JOBS_DDL

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """create table cases (id uuid not null, no text not null, enterprise_id uuid not null, outlet_id uuid not
  null, factor text not null, rule text not null, nature text not null, severity text not null, frequency text
  not null, count_30d integer not null, title jsonb not null, state text not null, priority integer not null,
  anomaly_started_at timestamptz not null, anomaly_last_at timestamptz not null, anomalies integer not null,
  recurrence boolean not null, opened_at timestamptz not null, changed_at timestamptz not null, closed_at
  timestamptz, clock_name text, clock_started_at timestamptz, due_at timestamptz, clock_policy text,
  clock_params jsonb, clock_source text, escalates_at timestamptz, overdue_level integer not null, rounds
  integer not null, returns integer not null, returned_due_at timestamptz, cause_code text, sent_at
  timestamptz, sent_by text, inquiry_text text, acknowledge_by timestamptz, reply_by timestamptz,
  acknowledged_at timestamptz, first_replied_at timestamptz, on_time boolean, assignee text, screened_by text,
  merged_into text, version integer not null, primary key (id) )""",
    "create index cases_closed on cases (closed_at) where closed_at is not null",
    "create index cases_enterprise on cases (enterprise_id, opened_at)",
    "create index cases_escalates on cases (escalates_at) where escalates_at is not null",
    "create unique index cases_no on cases (no)",
    "create index cases_open on cases (state, due_at) where closed_at is null",
    "create index cases_opened on cases (opened_at, id)",
    "create index cases_screening on cases (outlet_id, factor) where state = 'screening'",
    """create table enterprise_copy (id uuid not null, code text not null, name_zh text not null, name_en text not
  null, version integer not null, colour text not null, colour_weight integer not null, primary key (id) )""",
    """create table factor_name (code text not null, name_zh text not null, name_en text not null, primary key
  (code) )""",
    """create table numbers (kind text not null, year integer not null, last integer not null, primary key (kind,
  year) )""",
    """create table outlet_copy (id uuid not null, enterprise_id uuid not null, code text not null, name_zh text
  not null, name_en text not null, medium text not null, version integer not null, primary key (id) )""",
    """create table anomaly_copy (id uuid not null, case_id uuid not null, version integer not null, data jsonb not
  null, joined_at timestamptz, primary key (id), foreign key(case_id) references cases (id) )""",
    "create index anomaly_copy_case on anomaly_copy (case_id)",
    "create index anomaly_copy_joined on anomaly_copy (joined_at) where joined_at is not null",
    """create table replies (id uuid not null, case_id uuid not null, round integer not null, data jsonb not null,
  submitted_at timestamptz not null, submitted_by text not null, on_time boolean not null, primary key (id),
  foreign key(case_id) references cases (id) )""",
    "create unique index replies_round on replies (case_id, round)",
    """create table visits (id uuid not null, no text not null, case_id uuid not null, enterprise_id uuid not null,
  type text not null, trigger text not null, state text not null, planned_at timestamptz not null, created_at
  timestamptz not null, officers text[] default '{}' not null, started_at timestamptz, completed_at
  timestamptz, record text not null, colour text, findings integer not null, points integer not null, version
  integer not null, primary key (id), foreign key(case_id) references cases (id) )""",
    "create index visits_case on visits (case_id)",
    "create unique index visits_no on visits (no)",
    "create index visits_planned on visits (planned_at, id)",
    """create table findings (id uuid not null, no text not null, case_id uuid not null, visit_id uuid not null,
  enterprise_id uuid not null, code text not null, severity text not null, points integer not null, facts text
  not null, location text not null, responsible text not null, state text not null, found_at timestamptz not
  null, clock_name text, clock_started_at timestamptz, due_at timestamptz, clock_policy text, clock_params
  jsonb, clock_source text, plan text not null, statement text not null, issued_at timestamptz, submitted_at
  timestamptz, verified_at timestamptz, rejections integer not null, extended boolean not null, on_time
  boolean, relapse_of uuid, version integer not null, primary key (id), foreign key(case_id) references cases
  (id), foreign key(visit_id) references visits (id) )""",
    "create index findings_case on findings (case_id)",
    "create index findings_due on findings (due_at) where state in ('issued', 'fixing', 'rejected')",
    "create unique index findings_no on findings (no)",
    "create index findings_relapse on findings (enterprise_id, code, verified_at)",
    """create table evidence (id uuid not null, case_id uuid not null, finding_id uuid, kind text not null, name
  text not null, media_type text not null, size bigint not null, sha256 text not null, uploaded_at timestamptz
  not null, uploaded_by text not null, organisation text not null, from_enterprise boolean not null, primary
  key (id), foreign key(case_id) references cases (id), foreign key(finding_id) references findings (id) )""",
    "create index evidence_case on evidence (case_id)",
    "create index evidence_finding on evidence (finding_id)",
)


def upgrade() -> None:
    connection = op.get_bind()
    for statement in (*FEED_DDL, *AUDIT_DDL, *JOBS_DDL, *TABLES):
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
