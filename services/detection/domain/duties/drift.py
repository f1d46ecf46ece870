"""Drift of checks 质控漂移: errors that all pass, and move one way check after check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import numpy as np

from services.detection.domain.checks.definition import Judge, Parameter
from services.detection.domain.duties.breach import Breach, Numbers
from services.detection.domain.surveys.drift import Settings, survey_drift
from services.detection.domain.surveys.series import make_series
from shared.contracts.ingest.qa import QaKind, QaOut

LATEST = 3
JUDGE = Judge(
    name="drift",
    parameters=(
        Parameter("k", 0.1, 5.0),
        Parameter("h", 1.0, 50.0),
        Parameter("learn", 3.0, 200.0),
        Parameter("least_points", 4.0, 1000.0),
    ),
    explanations=("drift",),
)


def find(records: Iterable[QaOut], numbers: Numbers) -> list[Breach]:
    """Kinds of checks of a factor whose errors have left zero for good (CUSUM), one breach a factor: the first.

    Value: median of the latest errors, reference: what one check may err.
    """
    listed: dict[tuple[UUID, str, QaKind], list[QaOut]] = defaultdict(list)
    for one in records:
        if not one.replaced and one.error is not None and one.limit is not None:
            listed[one.outlet_id, one.factor, one.kind].append(one)
    found: dict[tuple[UUID, str], Breach] = {}
    for (outlet_id, factor, _), checks in sorted(listed.items(), key=lambda item: str(item[0])):
        known = numbers(outlet_id, factor)
        breach = _drift(outlet_id, factor, checks, known) if known is not None else None
        other = found.get((outlet_id, factor))
        if breach is not None and (other is None or breach.since < other.since):
            found[outlet_id, factor] = breach
    return list(found.values())


def _drift(outlet_id: UUID, factor: str, checks: Sequence[QaOut], known: Mapping[str, float]) -> Breach | None:
    ordered = sorted(checks, key=lambda one: one.at)
    errors = [float(one.error or 0.0) for one in ordered]
    series = make_series([int(one.at.timestamp()) for one in ordered], errors)
    settings = Settings(known["k"], known["h"], int(known["learn"]), int(known["least_points"]))
    judged = survey_drift(series, 0.0, settings=settings)
    if judged.alarm is None:
        return None
    since = datetime.fromtimestamp(judged.alarm.end, UTC)
    return Breach(outlet_id, factor, since, None, float(np.median(errors[-LATEST:])), float(ordered[-1].limit or 0.0))
