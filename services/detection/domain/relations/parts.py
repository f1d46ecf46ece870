"""A part is not more than the whole: ammonia nitrogen 氨氮 and total nitrogen 总氮, BOD5 and COD."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from services.detection.domain.checks.definition import Parameter
from services.detection.domain.compiled import Floats
from services.detection.domain.relations.codes import PARTS
from services.detection.domain.relations.definition import PATIENCE, Marked, Numbers, Relation, Rows, told


def mark(rows: Rows, numbers: Numbers) -> Iterator[Marked]:
    """Part against whole, within `tolerance` of it: two analysers take two samples.

    Accused is the one of the two that is farther from its own usual level; the part while that is unknown.
    """
    for part, whole in PARTS:
        if part not in rows.values or whole not in rows.values:
            continue
        some, everything = rows.clean(part), rows.clean(whole)
        by_whole = _strangeness(rows, whole, everything) > _strangeness(rows, part, some)
        for code, value, against, mine in ((part, some, everything, ~by_whole), (whole, everything, some, by_whole)):
            given = numbers(code)
            if given is None:
                continue
            judged = np.isfinite(some) & (everything >= 0.0)
            over = some > everything * (1.0 + given["tolerance"]) + rows.step(part) + rows.step(whole)
            yield Marked(code, told(judged, over & mine), value, against)


def _strangeness(rows: Rows, code: str, v: Floats) -> Floats:
    """How many times a value is above or below its usual level, as a logarithm; 0 while that is unknown."""
    share = np.maximum(v / rows.level(code), 1e-6)
    return np.nan_to_num(np.abs(np.log(share)))


RELATION = Relation(
    name="parts",
    parameters=(*PATIENCE, Parameter("tolerance", 0.0, 1.0)),
    explanations=("parts",),
    mark=mark,
)
