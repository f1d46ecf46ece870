"""How grave and how frequent an anomaly is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.detection.domain.rules import Rule
from shared.contracts.detection import Frequency, Nature, Severity

WEEK = timedelta(days=7)
MONTH = timedelta(days=30)
REPEATED = 2
CHRONIC = 4


@dataclass(frozen=True)
class Grounds:
    """What raises a severity: the longest hit, a hazardous factor, another suspicion at the outlet."""

    lasted: timedelta
    hazardous: bool
    supported: bool


def grade(rule: Rule, grounds: Grounds) -> tuple[Nature, Severity]:
    """Nature N1 to N6 and severity A (gravest) to C.

    One statistical suspicion of fraud is at most what its rule says; two independent ones in one window
    are A. Severity letters sort with the gravest first.
    """
    nature, severity = rule.nature, rule.severity
    for step in rule.raises:
        if grounds.lasted >= step.after:
            nature = step.nature or nature
            severity = min(severity, step.severity)
    if grounds.hazardous and rule.hazardous is not None:
        severity = min(severity, rule.hazardous)
    if grounds.supported and nature is Nature.SUSPECTED_FRAUD:
        severity = Severity.A
    return nature, severity


def frequency(earlier: Sequence[datetime], at: datetime) -> tuple[Frequency, int]:
    """Frequency class and the number in 30 days, of an anomaly that starts at `at`, itself included.

    First, repeated (at least 2 in 7 days), chronic (at least 4 in 30 days).
    """
    month = 1 + sum(at - MONTH < one < at for one in earlier)
    week = 1 + sum(at - WEEK < one < at for one in earlier)
    if month >= CHRONIC:
        return Frequency.CHRONIC, month
    return (Frequency.REPEATED if week >= REPEATED else Frequency.FIRST), month
