"""Substituted values for missing or invalid hours: HJ 75 for gas, HJ 356 for water, as rules in data."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Any, NamedTuple

from services.ingest.domain.means.periods import HOUR
from services.ingest.domain.means.rules import read_yaml
from shared.contracts.ingest import Medium

AS_LONG_AS_THE_GAP = "gap"
LOOK_BACK_HOURS = 2160


class HourValue(NamedTuple):
    """An hour of a series: `value` None where it is missing or invalid; `stopped` hours need no value."""

    at: int
    value: float | None
    stopped: bool = False


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of a rule; a bound that is None does not bind. `hours` None: as many as the gap is long."""

    statistic: str
    hours: int | None
    capture_min: float | None
    gap_max: int | None
    factors: tuple[str, ...]

    def fits(self, factor: str, capture: float, gap: int) -> bool:
        """Whether this line is the one for a gap of so many hours."""
        by_factor = not self.factors or factor in self.factors
        by_capture = self.capture_min is None or capture >= self.capture_min
        return by_factor and by_capture and (self.gap_max is None or gap <= self.gap_max)


@dataclass(frozen=True, kw_only=True)
class SubstitutionRule:
    """How gaps are filled for a medium. `quantity`: emission (kg) or value (unit of the factor)."""

    id: str
    version: int
    medium: Medium
    source: str
    quantity: str
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """Id and version."""
        return f"{self.id}/{self.version}"


class Substitute(NamedTuple):
    """What stands in for one hour, and what it was made of: `hours` measured values from `first_at` to `last_at`."""

    at: int
    value: float
    statistic: str
    hours: int
    gap: int
    first_at: int
    last_at: int


def _step(row: dict[str, Any]) -> Step:
    hours = row["hours"]
    return Step(
        statistic=row["statistic"], hours=None if hours == AS_LONG_AS_THE_GAP else int(hours),
        capture_min=row.get("capture_min"), gap_max=row.get("gap_max"), factors=tuple(row.get("factors", ())),
    )  # fmt: skip


@cache
def rule_for(medium: Medium) -> SubstitutionRule:
    """The rule of a medium."""
    row = next(row for row in read_yaml("substitution.yaml") if row["medium"] == medium.value)
    return SubstitutionRule(
        id=row["id"], version=row["version"], medium=medium, source=row["source"], quantity=row["quantity"],
        steps=tuple(_step(step) for step in row["steps"]),
    )  # fmt: skip


def gaps(hours: Sequence[HourValue]) -> list[list[HourValue]]:
    """Runs of hours without a value, one after the other in time; a stopped hour ends a run."""
    found: list[list[HourValue]] = []
    for hour in hours:
        if hour.value is not None or hour.stopped:
            continue
        if found and hour.at - found[-1][-1].at == HOUR:
            found[-1].append(hour)
        else:
            found.append([hour])
    return found


def substitute(
    rule: SubstitutionRule, factor: str, hours: Sequence[HourValue], *, since: int, capture: float
) -> list[Substitute]:
    """Substitutes for the gaps that begin at `since` or later. `hours` reach back before it as far as rules look.

    `hours` may come in any order. Looks only at measured values before the gap, the most recent by time; where
    fewer are there than the rule asks for, at those. None where no step fits or nothing was measured before.
    """
    ordered = sorted(hours)
    measured = [(hour.at, hour.value) for hour in ordered if hour.value is not None and not hour.stopped]
    result: list[Substitute] = []
    for gap in gaps(ordered):
        inside = [hour for hour in gap if hour.at >= since]
        step = next((step for step in rule.steps if step.fits(factor, capture, len(gap))), None)
        if not inside or step is None:
            continue
        before = [(at, value) for at, value in measured if at < gap[0].at][-(step.hours or len(gap)) :]
        if before:
            value = _statistic(step.statistic, [value for _, value in before])
            result += [
                Substitute(hour.at, value, step.statistic, len(before), len(gap), before[0][0], before[-1][0])
                for hour in inside
            ]
    return result


def _statistic(name: str, values: Sequence[float]) -> float:
    if name == "max":
        return max(values)
    return float(median(values)) if name == "median" else sum(values) / len(values)
