"""Share of flagged hours 标记占比: too much of a month is maintenance, calibration or fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.detection.domain.checks.definition import Judge, Parameter
from services.detection.domain.duties.breach import Breach, Numbers
from shared.contracts.detection.anomalies import WHOLE_OUTLET
from shared.contracts.ingest.means import DayOut

FLAGGED = frozenset("MD")
"""Hours invalid by a mark or by the logger's flag, as in `GET /v1/rates/definition`."""
JUDGE = Judge(
    name="flag_rate",
    parameters=(Parameter("share", 0.0, 1.0), Parameter("min_days", 1.0, 31.0)),
    explanations=("flag_rate",),
)


def find(days: Mapping[UUID, Sequence[DayOut]], numbers: Numbers, month: datetime) -> list[Breach]:
    """Outlets of whose expected hours since `month` began more than `share` are flagged, after `min_days` days."""
    found = []
    for outlet_id, listed in days.items():
        known = numbers(outlet_id, WHOLE_OUTLET)
        expected = sum(day.expected for day in listed)
        if known is None or len(listed) < known["min_days"] or expected == 0:
            continue
        share = sum(state in FLAGGED for day in listed for state in day.states) / expected
        if share > known["share"]:
            found.append(Breach(outlet_id, WHOLE_OUTLET, month, None, share, known["share"]))
    return found
