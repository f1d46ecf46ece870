"""How urgent a case is: a number from data (`priority.yaml`); time left breaks ties in the list."""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from shared.contracts.detection import Frequency, Severity
from shared.contracts.grading import Colour


@cache
def _weights() -> dict[str, Any]:
    weights: dict[str, Any] = yaml.safe_load(
        files("services.casework.domain").joinpath("priority.yaml").read_text("utf-8")
    )
    return weights


def own_priority(
    severity: Severity, frequency: Frequency, overdue_level: int, rule_precision: float | None = None
) -> int:
    """The share of the case itself; stored with it.

    `rule_precision` 0 to 1 is how often people found the rule right; unknown counts as neither good nor bad.
    """
    weights = _weights()
    measured = 0.0
    if rule_precision is not None:
        measured = weights["rule_precision"]["weight"] * (rule_precision - weights["rule_precision"]["neutral"])
    return int(
        weights["severity"][severity]
        + weights["frequency"][frequency]
        + weights["overdue_level"] * overdue_level
        + round(measured)
    )


def colour_weight(colour: Colour) -> int:
    """The share of the enterprise's colour; stored with the enterprise, so that a new colour counts at once."""
    return int(_weights()["colour"][colour])
