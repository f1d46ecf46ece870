"""Oxygen of air while production runs: the probe draws air, or the stack does."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from services.detection.domain.checks.definition import Parameter
from services.detection.domain.relations.codes import OXYGEN
from services.detection.domain.relations.definition import PATIENCE, Marked, Numbers, Relation, Rows, told
from services.detection.domain.relations.running import by_any


def mark(rows: Rows, numbers: Numbers) -> Iterator[Marked]:
    """Oxygen at `high` percent or more while load, power use or flow is at `running` of its usual level or more.

    Outlets whose usual oxygen is above `most_usual` (process gases, drying, painting) have air by nature.
    """
    given = numbers(OXYGEN) if OXYGEN in rows.values else None
    if given is None:
        return
    oxygen = rows.clean(OXYGEN)
    judged = (by_any(rows) >= given["running"]) & (rows.level(OXYGEN) <= given["most_usual"]) & np.isfinite(oxygen)
    yield Marked(OXYGEN, told(judged, oxygen >= given["high"]), oxygen, np.full(len(oxygen), given["high"]))


RELATION = Relation(
    name="oxygen",
    parameters=(
        *PATIENCE,
        Parameter("high", 10.0, 21.0),
        Parameter("running", 0.0, 1.0),
        Parameter("most_usual", 0.0, 21.0),
    ),
    explanations=("oxygen",),
    mark=mark,
)
