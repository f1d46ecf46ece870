"""Mass emitted 排放量: concentration times flow over the period."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from services.detection.domain.checks.definition import Parameter
from services.detection.domain.relations.codes import GAS_FLOW, MASS, OWN_UNITS, WATER_FLOW, is_pollutant
from services.detection.domain.relations.definition import PATIENCE, Marked, Numbers, Relation, Rows, told
from services.detection.domain.surveys.identities import CONCENTRATIONS, FLOWS

_MG_PER_KG = 1e6
_HOUR = 3600.0
_KILOGRAMS = {"kg": 1.0, "g": 1e-3, "mg": 1e-6, "t": 1e3}
_AS_SENT = {"a": ("mg/m3", "m3/s", "kg"), "w": ("mg/L", "L/s", "kg")}
"""Units of HJ 212-2017 for concentration, flow and mass, for factors registered without one."""


def mark(rows: Rows, numbers: Numbers) -> Iterator[Marked]:
    """Reported mass against concentration x flow x period, within `tolerance` of it and what last digits leave open.

    The tolerance leaves room for the product of two means, which is not the mean of the product. Rows with a negative
    concentration or flow, and factors registered in units that are not known, are not judged.
    """
    for code in sorted(rows.values):
        source = code.removesuffix(MASS)
        if source == code or not is_pollutant(source):
            continue
        flow = WATER_FLOW if source.startswith("w") else GAS_FLOW
        given, scale = numbers(code), _scale(rows, source, flow)
        if given is None or scale is None:
            continue
        content, stream, said = rows.clean(source), rows.clean(flow), rows.clean(code)
        expected = content * stream * scale
        digits = rows.step(code) + scale * (rows.step(source) * stream + rows.step(flow) * content) / 2
        off = np.abs(said - expected)
        judged = (content >= 0.0) & (stream >= 0.0) & np.isfinite(said)
        yield Marked(code, told(judged, off > given["tolerance"] * expected + digits), said, expected)


def _scale(rows: Rows, source: str, flow: str) -> float | None:
    """Mass in its unit per concentration and flow in theirs, None where a unit is not known."""
    usual = ("", _AS_SENT[source[0]][1], "") if source in OWN_UNITS else _AS_SENT[source[0]]
    units = [_unit(rows, code) or printed for code, printed in zip((source, flow, source + MASS), usual, strict=True)]
    known = CONCENTRATIONS.get(units[0]), FLOWS.get(units[1]), _KILOGRAMS.get(units[2])
    if None in known:
        return None
    content, stream, mass = (float(one or 0.0) for one in known)
    return content * stream * (rows.interval / _HOUR) / (_MG_PER_KG * mass)


def _unit(rows: Rows, code: str) -> str:
    known = rows.traits.get(code)
    return known.unit.replace("³", "3").replace("μ", "u").replace("µ", "u") if known else ""


RELATION = Relation(
    name="mass",
    parameters=(*PATIENCE, Parameter("tolerance", 0.001, 1.0)),
    explanations=("mass",),
    mark=mark,
)
