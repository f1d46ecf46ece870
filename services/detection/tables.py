"""Tables of detection, in a registry of their own."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Index, LargeBinary, MetaData, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class Table(SQLModel, registry=registry(metadata=MetaData())):
    """Base of this service's tables."""


metadata = Table.metadata


class OutletRow(Table, table=True):
    """What detection knows of an outlet: the newest version ingest told."""

    __tablename__ = "outlets"

    id: UUID = Field(primary_key=True)
    enterprise_id: UUID = Field(index=True)
    version: int
    outlet: dict[str, Any] = Field(sa_type=JSONB)
    thresholds: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """Counts the changes of thresholds of its series: what was read of them under another count is old."""
    learnt_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """The start of the day in the park for which thresholds were last learnt."""


class EnterpriseRow(Table, table=True):
    """What detection knows of an enterprise: its trade 行业 and names as ingest last told."""

    __tablename__ = "enterprises"

    id: UUID = Field(primary_key=True)
    version: int
    trade: str
    name_zh: str
    name_en: str


class MarkRow(Table, table=True):
    """A mark as ingest last told of it; `factors` empty means all. `looked_back`: the version that was last held
    against the readings before it.
    """

    __tablename__ = "marks"
    __table_args__ = (
        Index(
            "marks_to_look_back",
            "id",
            postgresql_where=text("effective and effect = 'stopped' and looked_back < version"),
        ),
    )

    id: UUID = Field(primary_key=True)
    outlet_id: UUID = Field(index=True)
    version: int
    looked_back: int = 0
    effective: bool
    effect: str
    since: datetime = Field(sa_type=DateTime(timezone=True))
    until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    factors: list[str] = Field(sa_type=ARRAY(Text))


class SeriesRow(Table, table=True):
    """The kernel's state of one series, stored in the transaction that moves the feed cursor."""

    __tablename__ = "series"

    outlet_id: UUID = Field(primary_key=True)
    factor: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    state: bytes = Field(sa_type=LargeBinary)
    first_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    last_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True), index=True)
    late: int = 0


class MemoryRow(Table, table=True):
    """What relations remember of one outlet and kind, stored like the states of series."""

    __tablename__ = "memories"

    outlet_id: UUID = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    memory: bytes = Field(sa_type=LargeBinary)


class HitRow(Table, table=True):
    """A rule hit as it was last told: where it belongs, and the span it covers."""

    __tablename__ = "hits"
    __table_args__ = (
        Index("hits_of_series", "outlet_id", "until"),
        Index("hits_suppressed", "suppressed_by", postgresql_where=text("suppressed_by is not null")),
        Index("hits_running", "rule", postgresql_where=text("running")),
        Index("hits_quiet", "outlet_id", postgresql_where=text("running and suppressed_by is not null")),
    )

    id: UUID = Field(primary_key=True)
    outlet_id: UUID
    factor: str
    kind: str
    rule: str
    started_at: datetime = Field(sa_type=DateTime(timezone=True))
    until: datetime = Field(sa_type=DateTime(timezone=True))
    running: bool
    value: float
    reference: float
    points: int
    suppressed_by: UUID | None = None


class SuppressionRow(Table, table=True):
    """A suppression with who proposed, decided and ended it."""

    __tablename__ = "suppressions"
    __table_args__ = (Index("suppressions_by_time", "proposed_at", "id"),)

    id: UUID = Field(primary_key=True)
    no: str = Field(unique=True)
    enterprise_id: UUID = Field(index=True)
    outlet_id: UUID | None = None
    factor: str | None = None
    rule: str
    kind: str | None = None
    value_at_least: float | None = None
    value_at_most: float | None = None
    since: datetime = Field(sa_type=DateTime(timezone=True))
    until: datetime = Field(sa_type=DateTime(timezone=True))
    reason_code: str
    note: str
    state: str
    proposed_at: datetime = Field(sa_type=DateTime(timezone=True))
    proposed: dict[str, Any] = Field(sa_type=JSONB)
    decided: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    decision: str
    ended: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    end_reason: str
    version: int


class ThresholdRow(Table, table=True):
    """The threshold of one rule on one series, with where it stands."""

    __tablename__ = "thresholds"
    __table_args__ = (Index("thresholds_by_change", "changed_at", "id"),)

    id: UUID = Field(primary_key=True)
    enterprise_id: UUID = Field(index=True)
    outlet_id: UUID = Field(index=True)
    factor: str
    kind: str
    rule: str
    state: str
    before: str
    confirmed: dict[str, float] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    held: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    held_reason: str
    changed_at: datetime = Field(sa_type=DateTime(timezone=True))
    version: int


class ThresholdVersionRow(Table, table=True):
    """One version of a threshold's numbers; `accepted` is empty while a person has to decide."""

    __tablename__ = "threshold_versions"

    threshold_id: UUID = Field(primary_key=True)
    number: int = Field(primary_key=True)
    origin: str
    numbers: dict[str, float] = Field(sa_type=JSONB)
    made: dict[str, Any] = Field(sa_type=JSONB)
    note: str
    basis: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    accepted: bool | None = None
    valid_from: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    decided: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    decision: str


class AnomalyRow(Table, table=True):
    """An anomaly: the episode as JSON, and the columns that lists select and sort by."""

    __tablename__ = "anomalies"
    __table_args__ = (
        Index("anomalies_by_start", "started_at", "id"),
        Index("anomalies_of_outlet", "outlet_id", "until"),
        Index("anomalies_open", "outlet_id", postgresql_where=text("state = 'open'")),
        Index("anomalies_of_parent", "parent_id", postgresql_where=text("parent_id is not null")),
    )

    id: UUID = Field(primary_key=True)
    no: str = Field(unique=True)
    enterprise_id: UUID = Field(index=True)
    outlet_id: UUID
    factor: str
    rule: str
    state: str
    started_at: datetime = Field(sa_type=DateTime(timezone=True))
    until: datetime = Field(sa_type=DateTime(timezone=True))
    episode: dict[str, Any] = Field(sa_type=JSONB)
    parent_id: UUID | None = None
    version: int


class LabelRow(Table, table=True):
    """What the end of a case says of one anomaly; `verdict` is empty while the case is open."""

    __tablename__ = "labels"
    __table_args__ = (Index("labels_by_time", "judged_at"),)

    anomaly_id: UUID = Field(primary_key=True)
    case_id: UUID = Field(index=True)
    case_no: str
    enterprise_id: UUID
    outlet_id: UUID
    rule: str
    verdict: str | None = None
    rectified: bool
    judged_at: datetime = Field(sa_type=DateTime(timezone=True))


class BacktestRow(Table, table=True):
    """A backtest: what is asked, how far it is, what came of it. `changes` are tried each by itself."""

    __tablename__ = "backtests"
    __table_args__ = (
        Index("backtests_by_time", "asked_at", "id"),
        Index("backtests_open", "asked_at", "id", postgresql_where=text("state in ('queued', 'running')")),
    )

    id: UUID = Field(primary_key=True)
    no: str = Field(unique=True)
    state: str
    changes: list[dict[str, Any]] = Field(sa_type=JSONB)
    rules: list[str] = Field(sa_type=ARRAY(Text))
    first_day: date
    last_day: date
    enterprise_id: UUID | None = None
    outlet_id: UUID | None = None
    note: str
    retuning: bool
    total: int
    done: int
    attempts: int
    reason: str
    asked: dict[str, Any] = Field(sa_type=JSONB)
    asked_at: datetime = Field(sa_type=DateTime(timezone=True))
    started_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    finished_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    result: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))


class ProposalRow(Table, table=True):
    """New numbers of a rule that people accept or decline; `former` are those it had."""

    __tablename__ = "proposals"
    __table_args__ = (
        Index("proposals_by_time", "made_at", "id"),
        Index("proposals_open", "rule", unique=True, postgresql_where=text("state = 'proposed'")),
    )

    id: UUID = Field(primary_key=True)
    no: str = Field(unique=True)
    rule: str
    state: str
    backtest_id: UUID
    settings: list[dict[str, Any]] = Field(sa_type=JSONB)
    former: list[dict[str, Any]] = Field(sa_type=JSONB)
    tried: list[dict[str, Any]] = Field(sa_type=JSONB)
    made_at: datetime = Field(sa_type=DateTime(timezone=True))
    decided: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    decision: str
    ended: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    end_reason: str
    version: int


class RuleVersionRow(Table, table=True):
    """Settings that people put in force over the shipped ones of a rule, from a day on."""

    __tablename__ = "rule_versions"
    __table_args__ = (UniqueConstraint("rule", "number"),)

    id: UUID = Field(primary_key=True)
    rule: str
    number: int
    settings: list[dict[str, Any]] = Field(sa_type=JSONB)
    valid_from: date
    valid_to: date | None = None
    proposal_id: UUID = Field(unique=True)


class NumberRow(Table, table=True):
    """The last number given to an anomaly of a day."""

    __tablename__ = "numbers"

    day: str = Field(primary_key=True)
    last: int


class SurveyRunRow(Table, table=True):
    """A run of the surveys: what it covers and how far it has come; `cursor` is the last outlet done."""

    __tablename__ = "survey_runs"
    __table_args__ = (
        Index("survey_runs_by_time", "requested_at", "id"),
        Index("survey_runs_open", "requested_at", postgresql_where=text("finished_at is null")),
    )

    id: UUID = Field(primary_key=True)
    night: datetime = Field(sa_type=DateTime(timezone=True))
    trigger: str
    outlet_id: UUID | None = None
    enterprise_id: UUID | None = None
    requested_at: datetime = Field(sa_type=DateTime(timezone=True))
    requested_by: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    finished_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    cursor: UUID | None = None
    outlets: int
    failed: int
    judged: int
    hits: int
    gaps: dict[str, int] = Field(sa_type=JSONB)


class SurveyNightRow(Table, table=True):
    """That an outlet was surveyed for a night, and what could not be judged: a list of factor, rule and why."""

    __tablename__ = "survey_nights"
    __table_args__ = (Index("survey_nights_by_night", "night"),)

    outlet_id: UUID = Field(primary_key=True)
    night: datetime = Field(primary_key=True, sa_type=DateTime(timezone=True))
    run_id: UUID
    judged: int
    hits: int
    unjudged: list[dict[str, str]] = Field(sa_type=JSONB)
