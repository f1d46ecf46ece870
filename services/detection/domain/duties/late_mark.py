"""Late mark 标记逾期: a mark handed in after its date, or not yet."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from services.detection.domain.checks.definition import Judge, Parameter
from services.detection.domain.duties.breach import Breach, Numbers
from shared.contracts.detection.anomalies import WHOLE_OUTLET
from shared.contracts.ingest.marks import MarkOut, MarkState

VOID = (MarkState.REJECTED, MarkState.EXPIRED, MarkState.WITHDRAWN)
JUDGE = Judge(
    name="late_mark", parameters=(Parameter("grace_hours", 0.0, 720.0),), explanations=("late_mark",), by_count=True
)


def find(marks: Iterable[MarkOut], numbers: Numbers, now: datetime) -> list[Breach]:
    """Marks more than `grace_hours` past their date, those of one date as one; value: hours late so far."""
    found: dict[tuple[object, datetime], Breach] = {}
    for one in marks:
        known = numbers(one.outlet_id, WHOLE_OUTLET)
        if known is None or not one.late or one.state in VOID:
            continue
        late = (one.submitted_at or now) - one.due_at
        if late <= timedelta(hours=known["grace_hours"]):
            continue
        other = found.get((one.outlet_id, one.due_at))
        until = one.submitted_at if other is None or other.until is not None else None
        if until is not None and other is not None and other.until is not None:
            until = max(until, other.until)
        hours = max(late / timedelta(hours=1), other.value if other else 0.0)
        found[one.outlet_id, one.due_at] = Breach(one.outlet_id, WHOLE_OUTLET, one.due_at, until, hours, 0.0)
    return list(found.values())
