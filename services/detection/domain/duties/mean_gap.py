"""Reported and recomputed mean 均值不符: the hour's mean that was sent is not that of the minutes that were sent."""

from __future__ import annotations

from collections.abc import Iterable

from services.detection.domain.checks.definition import Judge, Parameter
from services.detection.domain.duties.breach import HOUR, Breach, Numbers
from shared.contracts.ingest.means import DifferenceOut, MeanKind

JUDGE = Judge(name="mean_gap", parameters=(Parameter("relative", 0.001, 10.0),), explanations=("mean_gap",))


def find(differences: Iterable[DifferenceOut], numbers: Numbers) -> list[Breach]:
    """Hours whose reported mean differs by more than `relative` of the recomputed one; value: reported."""
    found = []
    for one in differences:
        known = numbers(one.outlet_id, one.factor)
        if known is None or one.kind is not MeanKind.HOUR or one.reported is None or one.value is None:
            continue
        if abs(one.reported - one.value) > known["relative"] * abs(one.value):
            found.append(Breach(one.outlet_id, one.factor, one.at, one.at + HOUR, one.reported, one.value))
    return found
