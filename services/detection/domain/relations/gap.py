"""Emission against load 排放差距: a concentration no longer fits what the plant produces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from services.detection.domain.checks.definition import Parameter
from services.detection.domain.compiled import Floats
from services.detection.domain.relations.codes import FLOWS, LOAD, PRODUCTION, is_pollutant
from services.detection.domain.relations.definition import PATIENCE, Marked, Numbers, Relation, Rows, told
from services.detection.domain.relations.running import by_any, first_known

DRIVERS = (LOAD, PRODUCTION, *FLOWS)
LOGARITHM = "ln "
"""Begins the name of a concentration's logarithm: emissions vary by shares of themselves."""


_LEAST = 1e-9
"""Of zero there is no logarithm: it counts as next to nothing."""


def logarithm(v: Floats) -> Floats:
    """Natural logarithms, NaN of what is not above zero."""
    return np.log(np.where(v > 0.0, v, np.nan))


def mark(rows: Rows, numbers: Numbers) -> Iterator[Marked]:
    """Concentration outside what load (or power use, or flow) lets expect by `spreads` of its usual stray and the
    factor `times`, above or below. Judged only while production runs.
    """
    for code in sorted(rows.values):
        pairs = [pair for driver in DRIVERS if (pair := rows.expected.get((LOGARITHM + code, driver))) is not None]
        given = numbers(code) if pairs and is_pollutant(code) else None
        if given is None:
            continue
        expected = first_known([pair[0] for pair in pairs], len(rows.t))
        spread = first_known([pair[1] for pair in pairs], len(rows.t))
        said = rows.clean(code)
        off = np.abs(np.log(np.maximum(said, _LEAST)) - expected)
        judged = np.isfinite(said) & np.isfinite(expected) & (by_any(rows) >= given["running"])
        broken = off > np.maximum(given["spreads"] * spread, np.log(given["times"]))
        yield Marked(code, told(judged, broken), said, np.exp(expected))


RELATION = Relation(
    name="gap",
    parameters=(
        *PATIENCE,
        Parameter("spreads", 1.0, 100.0),
        Parameter("times", 1.0, 100.0),
        Parameter("running", 0.0, 1.0),
    ),
    explanations=("gap",),
    mark=mark,
)
