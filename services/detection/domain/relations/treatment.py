"""Treatment off 治污设施停运: production uses power and its treatment facility does not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from services.detection.domain.checks.definition import Parameter
from services.detection.domain.relations.codes import LOAD, PRODUCTION, TREATMENT
from services.detection.domain.relations.definition import PATIENCE, Marked, Numbers, Relation, Rows, told
from services.detection.domain.relations.running import by_meters, first_known

DRIVERS = (LOAD, PRODUCTION)


def mark(rows: Rows, numbers: Numbers) -> Iterator[Marked]:
    """Power use of treatment below `share` of what load or production power lets expect, while production runs."""
    given = numbers(TREATMENT) if TREATMENT in rows.values else None
    if given is None:
        return
    pairs = [rows.expected[TREATMENT, driver][0] for driver in DRIVERS if (TREATMENT, driver) in rows.expected]
    expected, used = first_known(pairs, len(rows.t)), rows.clean(TREATMENT)
    judged = np.isfinite(expected) & np.isfinite(used) & (by_meters(rows) >= given["running"])
    yield Marked(TREATMENT, told(judged, used < given["share"] * expected), used, expected)


RELATION = Relation(
    name="treatment",
    parameters=(*PATIENCE, Parameter("share", 0.0, 1.0), Parameter("running", 0.0, 1.0)),
    explanations=("treatment",),
    mark=mark,
)
