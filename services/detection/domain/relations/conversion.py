"""Conversion to reference oxygen 折算: the converted concentration follows from the measured one and from oxygen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from services.detection.domain.checks.definition import Parameter
from services.detection.domain.compiled import Floats
from services.detection.domain.relations.codes import CONVERTED, OXYGEN, is_pollutant
from services.detection.domain.relations.definition import PATIENCE, Marked, Numbers, Relation, Rows, told
from services.detection.domain.surveys.identities import AIR

_REFERENCES = ("reference_oxygen", "second_oxygen", "third_oxygen")


def mark(rows: Rows, numbers: Numbers) -> Iterator[Marked]:
    """Reported value against C x (21 - reference) / (21 - O2), within `tolerance` of it and what last digits leave.

    A trade may have several reference oxygens (by fuel): the nearest counts. Rows with oxygen above `most_oxygen` are
    not judged, since a step of it there moves the result too far, nor are rows of a trade without a reference.
    """
    oxygen = rows.clean(OXYGEN)
    for code in sorted(rows.values):
        if not code.endswith(CONVERTED) or not is_pollutant(code.removesuffix(CONVERTED)):
            continue
        given = numbers(code)
        if given is None or np.isnan(given["reference_oxygen"]):
            continue
        measured, said = rows.clean(code.removesuffix(CONVERTED)), rows.clean(code)
        possible = (oxygen >= 0.0) & (oxygen <= given["most_oxygen"])
        expected, off, allowed = _nearest(rows, code, (measured, oxygen, said), given)
        judged = possible & np.isfinite(said) & np.isfinite(expected)
        yield Marked(code, told(judged, off > allowed), said, expected)


def _nearest(
    rows: Rows, code: str, known: tuple[Floats, Floats, Floats], given: Mapping[str, float]
) -> tuple[Floats, Floats, Floats]:
    """What is expected by the reference nearest to what was said, how far off that is, and how far it may be."""
    measured, oxygen, said = known
    missing = np.where(oxygen < AIR, AIR - oxygen, np.nan)
    half = max(rows.step(OXYGEN), given["oxygen_step"]) / 2
    best: tuple[Floats, Floats, Floats] | None = None
    for name in _REFERENCES:
        reference = given[name]
        if np.isnan(reference):
            continue
        factor = (AIR - reference) / missing
        expected = measured * factor
        digits = rows.step(code) + rows.step(code.removesuffix(CONVERTED)) / 2 * factor
        slack = np.abs(expected) * half / np.maximum(missing - half, half) + digits
        allowed = given["tolerance"] * np.abs(expected) + slack
        off = np.abs(said - expected)
        if best is None:
            best = expected, off, allowed
        else:
            nearer = off / np.maximum(allowed, 1e-12) < best[1] / np.maximum(best[2], 1e-12)
            best = (
                np.where(nearer, expected, best[0]), np.where(nearer, off, best[1]), np.where(nearer, allowed, best[2])
            )  # fmt: skip
    return best or (measured * np.nan, measured * np.nan, measured * np.nan)


RELATION = Relation(
    name="conversion",
    parameters=(
        *PATIENCE,
        Parameter("tolerance", 0.001, 1.0),
        Parameter("oxygen_step", 0.0, 1.0),
        Parameter("most_oxygen", 0.0, 20.9),
        *(Parameter(name, 0.0, 20.0, optional=True) for name in _REFERENCES),
    ),
    explanations=("conversion",),
    mark=mark,
)
