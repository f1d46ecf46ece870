"""Changed parameter 参数变更: range, slope or intercept of an analyser changed, and the dossier knows nothing of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from services.detection.domain.checks.definition import Judge
from services.detection.domain.duties.breach import HOUR, Breach, Numbers
from shared.contracts.detection.anomalies import WHOLE_OUTLET
from shared.contracts.ingest.parameters import ParameterChangeOut

JUDGE = Judge(name="parameter", parameters=(), explanations=("parameter",))
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def find(changes: Iterable[ParameterChangeOut], numbers: Numbers) -> list[Breach]:
    """Changes that are not registered; value: what it is now, reference: what it was."""
    found = []
    for one in changes:
        factor = one.factor or WHOLE_OUTLET
        if not one.registered and numbers(one.outlet_id, factor) is not None:
            found.append(Breach(one.outlet_id, factor, one.at, one.at + HOUR, _last(one.after), _last(one.before)))
    return found


def _last(text: str) -> float:
    """The last number in a value, of a range its upper end; zero where there is none."""
    found = _NUMBER.findall(text)
    return float(found[-1]) if found else 0.0
