"""Yearly budget of marks 标记年度时限: hours of fault and accident that a trade may mark in a year, nearly used up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.detection.domain.checks.definition import Judge, Parameter
from services.detection.domain.duties.breach import Breach, Numbers
from shared.contracts.detection.anomalies import WHOLE_OUTLET
from shared.contracts.ingest.marks import OutletBudget

JUDGE = Judge(name="mark_budget", parameters=(Parameter("share", 0.1, 10.0),), explanations=("mark_budget",))


def find(budgets: Iterable[OutletBudget], numbers: Numbers, now: datetime) -> list[Breach]:
    """Budgets of which `share` or more is used; value: hours used, reference: hours allowed."""
    found = []
    for one in budgets:
        known = numbers(one.outlet_id, WHOLE_OUTLET)
        if known is not None and one.used_h >= known["share"] * one.limit_h:
            found.append(Breach(one.outlet_id, WHOLE_OUTLET, now, None, one.used_h, one.limit_h))
    return found
