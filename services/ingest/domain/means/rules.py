"""Rule sets of validity and of making means, read from `rules.yaml`; quantities from `quantities.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any

import yaml

from shared.clock import PARK_ZONE
from shared.contracts.ingest import Medium
from shared.errors import InvalidError

NATIONAL = "CN"
FEBRUARY = 2


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """When means of a medium are valid and how they are made. `normal`: valid flags by edition of HJ 212."""

    id: str
    version: int
    jurisdiction: str
    medium: Medium
    valid_from: date
    valid_to: date | None
    source: str
    hour_share: float
    day_hours: int
    month_days: int
    february_days: int
    normal: Mapping[str, str]
    idle: str
    any_abnormal: bool
    negative_invalid: bool
    flow_weighted: bool
    ph_median: bool

    @property
    def name(self) -> str:
        """Id and version, as each derived value names it."""
        return f"{self.id}/{self.version}"

    def minutes_needed(self, expected: int) -> int:
        """Valid minute values an hour needs of `expected` ones: 45 of 60."""
        return max(1, int(-(-expected * self.hour_share // 1)))

    def days_needed(self, month: date) -> int:
        """Valid days a month needs: 25, in February 23."""
        return self.february_days if month.month == FEBRUARY else self.month_days

    def valid_flags(self, edition: str) -> str:
        """Flags of valid values, one letter each."""
        return self.normal.get(edition, self.normal["2017"])


def read_yaml(name: str) -> Any:
    """A data file of this package."""
    return yaml.safe_load(resources.files(__package__).joinpath(name).read_text("utf-8"))


def _rule_set(row: Mapping[str, Any]) -> RuleSet:
    flags = row["flags"]
    return RuleSet(
        id=row["id"], version=row["version"], jurisdiction=row["jurisdiction"], medium=Medium(row["medium"]),
        valid_from=row["valid_from"], valid_to=row["valid_to"], source=row["source"],
        hour_share=row["hour"]["share"], day_hours=row["day"]["hours"],
        month_days=row["month"]["days"], february_days=row["month"]["february"],
        normal=flags["normal"], idle=flags["idle"], any_abnormal=flags["rule"] == "any",
        negative_invalid=row["negative"] == "invalid", flow_weighted=row["mean"] == "flow",
        ph_median=row["ph"] == "median",
    )  # fmt: skip


@cache
def rule_sets() -> tuple[RuleSet, ...]:
    """All rule sets."""
    return tuple(_rule_set(row) for row in read_yaml("rules.yaml"))


def check_rule_set(rule_id: str | None, medium: Medium) -> None:
    """Raise `InvalidError` unless there is such a rule set for the medium."""
    if rule_id is not None and not any(rule.id == rule_id and rule.medium is medium for rule in rule_sets()):
        raise InvalidError(f"no rule set {rule_id} for {medium}", field="rule_set")


def check_jurisdiction(name: str) -> str:
    """The name, where rule sets are known for it; `InvalidError` else."""
    if not any(rule.jurisdiction == name for rule in rule_sets()):
        raise InvalidError(f"no rule sets of the jurisdiction {name}", field="INGEST_MEAN_RULES")
    return name


def rules_at(medium: Medium, at: datetime, *, jurisdiction: str = NATIONAL, rule_id: str | None = None) -> RuleSet:
    """The rule set in force at a time: the outlet's own, the jurisdiction's, or the national one."""
    day = at.astimezone(PARK_ZONE).date()
    in_force = [
        rule for rule in rule_sets()
        if rule.medium is medium and rule.valid_from <= day and (rule.valid_to is None or day < rule.valid_to)
    ]  # fmt: skip
    own = [rule for rule in in_force if rule.id == rule_id]
    found = own or [rule for rule in in_force if rule.jurisdiction == jurisdiction]
    if found:
        return found[0]
    if jurisdiction != NATIONAL:
        return rules_at(medium, at)
    raise InvalidError(f"no rule set for {medium} on {day}")


@dataclass(frozen=True)
class Quantities:
    """What the formulas need to know of factors and units."""

    flow: Mapping[str, str]
    ph: str
    oxygen: str
    temperature: str
    pressure: str
    moisture: str
    units: Mapping[str, Mapping[str, float]]
    difference: Mapping[str, float]
    grace_minutes: Mapping[str, int]
    reference_oxygen: Mapping[str, Mapping[str, Any]]

    def flow_scale(self, medium: Medium, unit: str) -> float | None:
        """To L/s or m³/s; None for a unit that is not known."""
        return self.units[f"flow_{medium.value}"].get(unit)

    def concentration_scale(self, medium: Medium, unit: str) -> float | None:
        """To mg/L or mg/m³; None for what is no concentration."""
        return self.units[medium.value].get(unit)

    def oxygen_of(self, trade: str) -> float | None:
        """Reference oxygen of a trade in %, None where none is set."""
        entry = self.reference_oxygen.get(trade)
        return float(entry["o2"]) if entry else None


@cache
def quantities() -> Quantities:
    """The data of `quantities.yaml`."""
    return Quantities(**read_yaml("quantities.yaml"))
