"""Verdicts on anomalies, and how well rules do by them."""

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from shared.contracts.ingest import Wire


class Verdict(StrEnum):
    """What people found."""

    CONFIRMED = "confirmed"
    EXPLAINED = "explained"
    FALSE_ALARM = "false_alarm"
    UNDETERMINED = "undetermined"


class RuleQuality(Wire):
    """Labels of one rule (of one outlet where `outlet_id` is given) from cases closed in the last days.

    Precision is confirmed / (confirmed + explained + false alarms), with a 95 % interval after Wilson; anomalies
    without a clear verdict do not count. None where nothing was judged.
    """

    rule: str
    outlet_id: UUID | None = None
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
