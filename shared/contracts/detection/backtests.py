"""Backtests 回测: a change of rules tried on history, beside the rules in force."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from shared.contracts.detection.quality import Verdict
from shared.contracts.ingest import Code, Medium, ReadingKind, Wire

Number = Annotated[float, Field(allow_inf_nan=False)]


class BacktestState(StrEnum):
    """Where a backtest stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class BacktestEvent(StrEnum):
    """What moves a backtest; only `cancel` is a person's."""

    START = "start"
    FINISH = "finish"
    FAIL = "fail"
    TAKE_UP_AGAIN = "take_up_again"
    CANCEL = "cancel"


class DifferenceKind(StrEnum):
    """Whether an anomaly is one of the change only, or of the rules in force only."""

    NEW = "new"
    GONE = "gone"


class ChangedSetting(Wire):
    """Numbers of a rule for some series; an empty selector fits all, later settings override earlier ones."""

    values: dict[str, Number | None] = Field(min_length=1, max_length=40)
    kinds: list[ReadingKind] = Field(default_factory=list, max_length=8)
    media: list[Medium] = Field(default_factory=list, max_length=8)
    factors: list[Code] = Field(default_factory=list, max_length=200)
    trades: list[Code] = Field(default_factory=list, max_length=200)


class RulesChange(Wire):
    """How rules are to differ from those in force.

    `off` switches rules off; `overrides` are numbers by rule that hold for every series; `settings` replaces all
    settings of a rule. At least one rule must be named.
    """

    off: list[Code] = Field(default_factory=list, max_length=50)
    overrides: dict[str, dict[str, Number | None]] = Field(default_factory=dict, max_length=50)
    settings: dict[str, list[ChangedSetting]] = Field(default_factory=dict, max_length=50)

    @model_validator(mode="after")
    def _check(self) -> "RulesChange":
        if not (self.off or self.overrides or self.settings):
            raise ValueError("name at least one rule in off, overrides or settings")
        return self


class BacktestIn(Wire):
    """A backtest to run: days of the park (Beijing time), both included; all outlets, or those of one enterprise, or
    one outlet.
    """

    change: RulesChange
    first_day: date
    last_day: date
    enterprise_id: UUID | None = None
    outlet_id: UUID | None = None
    note: str = Field("", max_length=1000)

    @model_validator(mode="after")
    def _check(self) -> "BacktestIn":
        if self.enterprise_id and self.outlet_id:
            raise ValueError("give enterprise_id or outlet_id, not both")
        return self


class BacktestSide(Wire):
    """Anomalies of one rule on one side. `burden` is anomalies of one factor of one outlet in 30 days.

    Of the anomalies with a clear verdict that began in the span, those that this side meets: precision is confirmed /
    (confirmed + explained + false alarms), with a 95 % interval after Wilson; None where none was judged.
    """

    episodes: int
    burden: float | None = None
    confirmed: int
    explained: int
    false_alarms: int
    precision: float | None = Field(None, ge=0, le=1)
    low: float | None = Field(None, ge=0, le=1)
    high: float | None = Field(None, ge=0, le=1)


class RuleComparison(Wire):
    """One rule in force (`before`) and as changed (`after`). Anomalies overlap in time or are new or gone."""

    rule: str
    before: BacktestSide
    after: BacktestSide
    same: int
    new: int
    gone: int


class BacktestDifference(Wire):
    """An anomaly of one side only, and the live anomaly that it is or overlaps, where there is one."""

    kind: DifferenceKind
    outlet_id: UUID
    factor: str
    reading: ReadingKind
    rule: str
    started_at: AwareDatetime
    until: AwareDatetime
    points: int
    value: float | None = None
    reference: float | None = None
    anomaly_id: UUID | None = None
    anomaly_no: str = ""
    verdict: Verdict | None = None


class BacktestResult(Wire):
    """What came out; `more` differing anomalies are counted but not listed."""

    rules: list[RuleComparison]
    differences: list[BacktestDifference] = []
    more: int = 0
    outlets: int
    series: int
    series_days: float
    points: int


class BacktestOut(Wire):
    """A backtest as it stands; lists carry no result."""

    id: UUID
    no: str
    """Readable number, `B-2026-0007`."""
    state: BacktestState
    change: dict[str, Any]
    rules: list[str]
    """Codes of the rules that are changed."""
    first_day: date
    last_day: date
    enterprise_id: UUID | None = None
    outlet_id: UUID | None = None
    note: str
    retuning: bool
    """Whether the service started it to find better numbers of a rule."""
    total: int
    """Outlets in all; 0 while nobody knows."""
    done: int
    reason: str = ""
    """Why it failed: a code."""
    asked_by: str
    asked_at: AwareDatetime
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    may_cancel: bool = False
    result: BacktestResult | None = None
