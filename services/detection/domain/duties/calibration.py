"""Overdue calibration 校准逾期: a check that should have been made at its date and was not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from services.detection.domain.checks.definition import Judge, Parameter
from services.detection.domain.duties.breach import Breach, Numbers
from shared.contracts.ingest.qa import QaDueOut, QaState

OPEN = (QaState.OVERDUE, QaState.FAILED)
JUDGE = Judge(
    name="calibration", parameters=(Parameter("grace_days", 0.0, 365.0),), explanations=("calibration",), by_count=True
)


def find(duties: Iterable[QaDueOut], numbers: Numbers, now: datetime) -> list[Breach]:
    """Duties `grace_days` past their date; reference: days of the interval. One never begun has no date."""
    found = []
    for one in duties:
        known = numbers(one.outlet_id, one.factor)
        if known is None or one.due_at is None or one.state not in OPEN:
            continue
        since = one.due_at + timedelta(days=known["grace_days"])
        if since <= now:
            found.append(Breach(one.outlet_id, one.factor, since, None, 0.0, float(one.interval_days)))
    return found
