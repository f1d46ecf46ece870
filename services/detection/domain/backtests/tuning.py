"""Better numbers for a rule that is seldom right: candidates along its tunable parameters, and which to keep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from services.detection.domain.backtests.change import plain_settings
from services.detection.domain.backtests.comparison import RuleOutcome
from services.detection.domain.rules import Rule

MOST_CANDIDATES = 12
COST_OF_LOST = 3.0
"""False labels that must go for each true one that is lost. Product default."""


def candidates(rule: Rule) -> list[list[dict[str, Any]]]:
    """Settings to try, the mildest first: each tunable number by each of its steps, then all by their first steps.

    A step multiplies the number wherever the rule sets it, so that exceptions keep their proportion, and zeros and
    open numbers stay; what would leave the bounds of the parameter is not tried.
    """
    steps = sorted((place, tune.parameter, step) for tune in rule.tunes for place, step in enumerate(tune.steps))
    tried = [{name: step} for _, name, step in steps]
    if len(rule.tunes) > 1:
        tried.append({tune.parameter: tune.steps[0] for tune in rule.tunes})
    made: list[list[dict[str, Any]]] = []
    for factors in tried:
        settings = _multiplied(rule, factors)
        if settings is not None and settings != plain_settings(rule) and settings not in made:
            made.append(settings)
    return made[:MOST_CANDIDATES]


def choose(outcomes: Sequence[RuleOutcome]) -> int | None:
    """The candidate that drops most false labels for the true ones it loses; None where none is worth it.

    Worth is false labels dropped less `COST_OF_LOST` for each true one lost. Of equals the one that loses least, then
    the mildest.
    """
    ranked = [(_gain(one), -_lost(one), -place) for place, one in enumerate(outcomes)]
    best = max(ranked, default=(0.0, 0, 0))
    return -best[2] if ranked and best[0] > 0 else None


def _gain(one: RuleOutcome) -> float:
    return one.before.wrong - one.after.wrong - COST_OF_LOST * _lost(one)


def _lost(one: RuleOutcome) -> int:
    return one.before.confirmed - one.after.confirmed


def _multiplied(rule: Rule, factors: Mapping[str, float]) -> list[dict[str, Any]] | None:
    bounds = {one.name: one for one in rule.check.parameters}
    settings = plain_settings(rule)
    for setting in settings:
        for name, factor in factors.items():
            value = setting["values"].get(name)
            if value is None or value == 0:
                continue
            made = float(f"{value * factor:.4g}")
            if not math.isfinite(made) or not bounds[name].minimum <= made <= bounds[name].maximum:
                return None
            setting["values"][name] = made
    return settings
