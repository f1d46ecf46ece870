"""Flow against load 排放差距: the flow no longer fits what the plant produces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from services.detection.domain.checks.definition import Parameter
from services.detection.domain.relations.codes import FLOWS, LOAD, PRODUCTION
from services.detection.domain.relations.definition import PATIENCE, Marked, Numbers, Relation, Rows, told
from services.detection.domain.relations.running import by_meters, first_known

DRIVERS = (LOAD, PRODUCTION)


def mark(rows: Rows, numbers: Numbers) -> Iterator[Marked]:
    """Flow outside what load (or power use) lets expect by more than `spreads` of its usual stray and a `share` of it.

    The line is the outlet's own past, as in the flow-to-load test of 40 CFR part 75, appendix B, 2.2.5, which allows a
    mean departure of 10 or 15 %. Judged only while production runs.
    """
    for flow in FLOWS:
        pairs = [rows.expected[flow, driver] for driver in DRIVERS if (flow, driver) in rows.expected]
        given = numbers(flow) if pairs else None
        if given is None:
            continue
        expected = first_known([pair[0] for pair in pairs], len(rows.t))
        spread = first_known([pair[1] for pair in pairs], len(rows.t))
        said = rows.clean(flow)
        band = np.maximum(given["spreads"] * spread, given["share"] * expected)
        judged = np.isfinite(said) & np.isfinite(band) & (by_meters(rows) >= given["running"])
        yield Marked(flow, told(judged, np.abs(said - expected) > band), said, expected)


RELATION = Relation(
    name="flow_load",
    parameters=(
        *PATIENCE,
        Parameter("spreads", 1.0, 100.0),
        Parameter("share", 0.0, 10.0),
        Parameter("running", 0.0, 1.0),
    ),
    explanations=("flow_load",),
    mark=mark,
)
