"""Dilution 稀释: oxygen rises and pollutants fall together, while load and flow stay as they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from services.detection.domain.checks.definition import Parameter
from services.detection.domain.compiled import Floats
from services.detection.domain.relations.codes import GAS_FLOW, LOAD, OXYGEN, PRODUCTION, is_pollutant
from services.detection.domain.relations.definition import PATIENCE, Marked, Numbers, Relation, Rows, told
from services.detection.domain.relations.running import by_any, first_known

DRIVERS = (LOAD, PRODUCTION, GAS_FLOW)
"""By which oxygen is expected, the most telling first."""


def mark(rows: Rows, numbers: Numbers) -> Iterator[Marked]:
    """Oxygen above what load (or power use, or flow) lets expect by `spreads` of its usual stray and `least` percent.

    Only while production runs, and only where the pollutants together are not above `risen` of their usual level: air
    that is let in thins them all.
    """
    given = numbers(OXYGEN) if OXYGEN in rows.values else None
    if given is None:
        return
    number = len(rows.t)
    pairs = [rows.expected[OXYGEN, driver] for driver in DRIVERS if (OXYGEN, driver) in rows.expected]
    expected = first_known([pair[0] for pair in pairs], number)
    spread = first_known([pair[1] for pair in pairs], number)
    oxygen, contents = rows.clean(OXYGEN), _together(rows)
    bound = expected + np.maximum(given["spreads"] * spread, given["least"])
    judged = np.isfinite(oxygen) & np.isfinite(bound) & (by_any(rows) >= given["running"]) & np.isfinite(contents)
    yield Marked(OXYGEN, told(judged, (oxygen > bound) & (contents <= given["risen"])), oxygen, expected)


def _together(rows: Rows) -> Floats:
    """Geometric mean of the pollutants as shares of their usual levels, NaN where none is known."""
    shares = [rows.clean(code) / rows.level(code) for code in sorted(rows.values) if is_pollutant(code)]
    if not shares:
        return np.full(len(rows.t), np.nan)
    logs = np.log(np.maximum(np.stack(shares), 1e-6))
    known = np.isfinite(logs)
    total = np.where(known, logs, 0.0).sum(axis=0)
    return np.where(known.any(axis=0), np.exp(total / np.maximum(known.sum(axis=0), 1)), np.nan)


RELATION = Relation(
    name="dilution",
    parameters=(
        *PATIENCE,
        Parameter("spreads", 1.0, 100.0),
        Parameter("least", 0.0, 21.0),
        Parameter("risen", 0.0, 100.0),
        Parameter("running", 0.0, 1.0),
    ),
    explanations=("dilution",),
    mark=mark,
)
