"""Failed check 质控不合格: zero, span, standard sample or comparison beyond what is allowed."""

from __future__ import annotations

from collections.abc import Iterable

from services.detection.domain.checks.definition import Judge, Parameter
from services.detection.domain.duties.breach import HOUR, Breach, Numbers
from shared.contracts.ingest.qa import QaOut

JUDGE = Judge(name="quality_check", parameters=(Parameter("times", 1.0, 100.0),), explanations=("quality_check",))


def find(records: Iterable[QaOut], numbers: Numbers) -> list[Breach]:
    """Records whose error is more than `times` the limit they were judged by; corrected ones do not count."""
    found = []
    for one in records:
        known = numbers(one.outlet_id, one.factor)
        if known is None or one.replaced or one.passed is not False or one.error is None or one.limit is None:
            continue
        if abs(one.error) > known["times"] * one.limit:
            found.append(Breach(one.outlet_id, one.factor, one.at, one.at + HOUR, abs(one.error), one.limit))
    return found
