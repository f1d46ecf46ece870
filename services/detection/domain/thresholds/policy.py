"""How far numbers of one series may move by themselves, and which numbers a person may set, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from services.detection.domain.checks.definition import Parameter
from services.detection.domain.thresholds.model import Numbers
from shared.clock import PARK_ZONE

FILE = Path(__file__).with_name("policy.yaml")
Way = Literal["up", "down"]
Problem = tuple[str, str, str]
"""Field, code, message."""


@dataclass(frozen=True)
class Policy:
    """Bounds in force from `valid_from` on. `numbers`: by rule and parameter, the way that loosens it."""

    valid_from: date
    span_days: int
    least_change: float
    most_loosening: float
    most_tightening: float
    most_by_hand: float
    lead_hours: float
    source: str
    numbers: Mapping[str, Mapping[str, Way]]

    def takes_effect(self, now: datetime) -> datetime:
        """The data time from which a version decided now holds.

        The first start of a day in the park that lies more than the lead after now. No reading of that time can have
        been judged yet (readings ahead of their arrival are left out), so that history read again meets the same
        numbers.
        """
        day = (now + timedelta(hours=self.lead_hours)).astimezone(PARK_ZONE).date() + timedelta(days=1)
        return datetime.combine(day, time(), PARK_ZONE)

    def is_new(self, numbers: Numbers, before: Numbers) -> bool:
        """Whether any number differs enough to be worth a version."""
        return any(_differs(value, before.get(name), self.least_change) for name, value in numbers.items())

    def waits(self, rule: str, numbers: Numbers, confirmed: Numbers) -> bool:
        """Whether a person has to decide: a number moves too far from the one confirmed last, or from none."""
        return any(self._jumps(self.numbers[rule][name], value, confirmed.get(name)) for name, value in numbers.items())

    def _jumps(self, way: Way, value: float, confirmed: float | None) -> bool:
        if confirmed is None or not (confirmed > 0.0 and value > 0.0):
            return value != confirmed
        looser = value / confirmed if way == "up" else confirmed / value
        return looser > self.most_loosening or looser < 1.0 / self.most_tightening


def _differs(value: float, before: float | None, share: float) -> bool:
    if before is None or not math.isfinite(before):
        return True
    return abs(value - before) > share * abs(before)


@cache
def _all() -> tuple[Policy, ...]:
    entries: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["policies"]
    return tuple(sorted((Policy(**entry) for entry in entries), key=lambda one: one.valid_from))


def policy_on(day: date) -> Policy:
    """The policy of that day; before the first one, that."""
    return next((one for one in reversed(_all()) if one.valid_from <= day), _all()[0])


def find_problems(
    policy: Policy, rule: str, parameters: tuple[Parameter, ...], numbers: Numbers, default: Numbers
) -> list[Problem]:
    """What is wrong with numbers that a person sets, by field `numbers.<parameter>`; nothing where all is well."""
    known = {one.name: one for one in parameters if one.name in policy.numbers.get(rule, {})}
    problems: list[Problem] = []
    for name, value in numbers.items():
        field, own = f"numbers.{name}", default.get(name, math.nan)
        if name not in known:
            allowed = ", ".join(known) or "none"
            problems.append((field, "no_such_number", f"{rule} takes no {name} of a series; it takes: {allowed}"))
        elif not own > 0.0:
            problems.append((field, "not_judged", f"{rule} does not judge this series by {name}"))
        else:
            low = max(known[name].minimum, own / policy.most_by_hand)
            high = min(known[name].maximum, own * policy.most_by_hand)
            if not low <= value <= high:
                problems.append((field, "out_of_bounds", f"{name} must be {low:g} to {high:g}, not {value:g}"))
    return problems
