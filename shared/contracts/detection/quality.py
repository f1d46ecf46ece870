"""Verdicts on anomalies, and how well rules do by them."""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.ingest import Wire


class Verdict(StrEnum):
    """What people found."""

    CONFIRMED = "confirmed"
    EXPLAINED = "explained"
    FALSE_ALARM = "false_alarm"
    UNDETERMINED = "undetermined"


class RuleQuality(Wire):
    """Labels of one rule (of one outlet where `outlet_id` is given, of one trade with `trade`; an empty trade is
    not known) from cases closed in the last days.

    Precision is confirmed / (confirmed + explained + false alarms), with a 95 % interval after Wilson; anomalies
    without a clear verdict do not count. None where nothing was judged.
    """

    rule: str
    outlet_id: UUID | None = None
    trade: str | None = None
    confirmed: int
    explained: int
    false_alarms: int
    undetermined: int
    precision: float | None = Field(None, ge=0, le=1)
    low: float | None = Field(None, ge=0, le=1)
    high: float | None = Field(None, ge=0, le=1)
    retune: bool
    """Proposed for retuning: precision too low on enough labels."""


class QualityOut(Wire):
    """Quality of rules over `days` up to now."""

    days: int
    least_precision: float
    least_labels: int
    rules: list[RuleQuality]


class LabelOut(Wire):
    """A judged anomaly with the case that judged it. Empty number and factor: detection knows it no more."""

    anomaly_id: UUID
    anomaly_no: str
    case_id: UUID
    case_no: str
    enterprise_id: UUID
    outlet_id: UUID
    rule: str
    factor: str
    verdict: Verdict
    rectified: bool
    judged_at: AwareDatetime
    started_at: AwareDatetime | None = None
