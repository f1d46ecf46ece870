"""What each factor code is to a relation, read from `codes.yaml` beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from services.detection.domain.relations.usual import Learning

CONVERTED, MASS = "-Zs", "-Cou"
"""Endings of HJ 212-2017: converted concentration 折算浓度, mass emitted in the period 排放量."""
_HOUR, _DAY = 3600.0, 86_400.0

_known: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("codes.yaml").read_text(encoding="utf-8"))
GAS_FLOW: str = _known["flow"]["gas"]
WATER_FLOW: str = _known["flow"]["water"]
FLOWS = (GAS_FLOW, WATER_FLOW)
OXYGEN: str = _known["oxygen"]
LOAD: str = _known["load"]
PRODUCTION: str = _known["production"]
TREATMENT: str = _known["treatment"]
PLANT = (LOAD, PRODUCTION, TREATMENT)
"""Factors that come from the plant and its meters, not from the monitoring station."""
PARTS: tuple[tuple[str, str], ...] = tuple((part, whole) for part, whole in _known["parts"])
OWN_UNITS = frozenset[str](_known["own_units"])
"""Pollutants without a usual unit."""
_NO_POLLUTANTS = frozenset(_known["no_pollutants"])
LEARNING = Learning(
    memory=_known["learning"]["memory_days"] * _DAY,
    history=_known["learning"]["history_hours"] * _HOUR,
    running=_known["learning"]["running"],
    robust=_known["learning"]["robust"],
    slow=_known["learning"]["slow"],
)


def is_pollutant(code: str) -> bool:
    """Whether a factor is a concentration of something emitted, as measured."""
    return code[:1] in {"a", "w"} and "-" not in code and code not in _NO_POLLUTANTS
