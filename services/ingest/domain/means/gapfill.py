"""The hours of an outlet's quarter with what stands in for those that lack a value."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.ingest.domain.completeness import MISSING, STOPPED
from services.ingest.domain.means.folds import Part
from services.ingest.domain.means.hours import emission_of
from services.ingest.domain.means.periods import HOUR, day_of
from services.ingest.domain.means.plants import Plant
from services.ingest.domain.means.rules import quantities
from services.ingest.domain.means.substitution import HourValue, Substitute, SubstitutionRule, substitute
from shared.contracts.ingest.means import MeanState

NOT_RUNNING = (MeanState.STOPPED, MeanState.IDLE)
EMISSION = "emission"

Key = tuple[str, int]
"""Factor and hour."""


class Filled(NamedTuple):
    """A substitute with the emission it leads to, in kg."""

    substitute: Substitute
    emission: float | None


class Series:
    """Hour means of an outlet from `since`, its quarter beginning at `begin`, to before `until` (`span`).

    `days`: letters of the hours by start of the day, for hours without any mean. `captures`: by factor, once filled.
    """

    def __init__(
        self, plant: Plant, parts: Mapping[str, Sequence[Part]], days: Mapping[int, str], span: tuple[int, int, int]
    ) -> None:
        self.plant = plant
        self.captures: dict[str, float] = {}
        self._parts = {factor: {part.at: part for part in own} for factor, own in parts.items()}
        self._days = days
        self._since, self._begin, self._until = span

    def fill(self, rule: SubstitutionRule) -> dict[Key, Filled]:
        """All substitutes of the quarter by factor and hour, flow before what needs it."""
        filled: dict[Key, Filled] = {}
        flow = self.plant.flow_factor
        for factor in sorted(self._parts, key=lambda code: (code != flow, code)):
            if not self._is_filled(factor, rule):
                continue
            hours = self._hours(factor, rule.quantity)
            capture = self.captures[factor] = self._capture(hours)
            for one in substitute(rule, factor, hours, since=self._begin, capture=capture):
                emission = one.value if rule.quantity == EMISSION else self._emission(factor, one, filled)
                filled[factor, one.at] = Filled(one, emission)
        return filled

    def _is_filled(self, factor: str, rule: SubstitutionRule) -> bool:
        if rule.quantity == EMISSION:
            return any(part.emission is not None for part in self._parts[factor].values())
        return self.plant.scale(factor) is not None or factor in (self.plant.flow_factor, quantities().ph)

    def _hours(self, factor: str, quantity: str) -> list[HourValue]:
        hours = []
        for at in range(self._since, self._until, HOUR):
            part = self._parts[factor].get(at)
            stopped = self._letter(at) == STOPPED if part is None else part.state in NOT_RUNNING
            value = None
            if part is not None and part.state is MeanState.VALID:
                value = part.emission if quantity == EMISSION else part.value
            hours.append(HourValue(at, value, stopped))
        return hours

    def _letter(self, at: int) -> str:
        day = day_of(at)
        return self._days[day][(at - day) // HOUR] if day in self._days else MISSING

    def _capture(self, hours: Sequence[HourValue]) -> float:
        inside = [hour for hour in hours if hour.at >= self._begin and not hour.stopped]
        return sum(hour.value is not None for hour in inside) / len(inside) if inside else 1.0

    def _emission(self, factor: str, one: Substitute, filled: Mapping[Key, Filled]) -> float | None:
        """Kilograms of the hour from the substituted concentration and the measured or substituted flow."""
        scale, flow_scale = self.plant.scale(factor), self.plant.flow_scale
        if scale is None or flow_scale is None:
            return None
        measured = self._parts.get(self.plant.flow_factor, {}).get(one.at)
        flow = measured.value if measured is not None and measured.state is MeanState.VALID else None
        stand_in = filled.get((self.plant.flow_factor, one.at))
        if flow is None and stand_in is not None:
            flow = stand_in.substitute.value
        return None if flow is None else emission_of(self.plant.medium, one.value * scale, flow * flow_scale)
