"""The registry of everything that a rule can set, by name."""

from __future__ import annotations

from collections.abc import Mapping

from services.detection.domain import duties
from services.detection.domain.checks import CHECKS
from services.detection.domain.checks.definition import Judge
from services.detection.domain.relations import RELATIONS
from services.detection.domain.surveying.registry import SURVEYS, TWINS

JUDGES: Mapping[str, Judge] = {judge.name: judge for judge in (*CHECKS, *RELATIONS, *SURVEYS, TWINS, *duties.JUDGES)}
