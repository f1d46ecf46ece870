"""B1 emission 排放达标: exceeding outlet-days and the exceeding hours besides them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from services.grading.domain.facts import EnterpriseFacts, Exceedance, Outlet
from services.grading.domain.rules import EmissionRules
from services.grading.domain.score import Block, Cause, block, limited
from shared.calendar import Quarter
from shared.clock import PARK_ZONE

DAY_RULE, HOUR_RULE = "EX-D", "EX-H"
OutletDay = tuple[UUID, date]


@dataclass
class Tally:
    """Which outlet-days and outlet-hours are charged already: each counts once, whatever the factor."""

    hours_in_day: int
    start: datetime
    end: datetime
    """The quarter, in UTC as the exceedances are: comparing across zones is slow."""
    days: set[OutletDay] = field(default_factory=set)
    hours: set[tuple[UUID, datetime]] = field(default_factory=set)
    taken_up: Counter[OutletDay] = field(default_factory=Counter)

    @classmethod
    def of(cls, quarter: Quarter, rules: EmissionRules) -> "Tally":
        """Nothing charged yet."""
        return cls(rules.hours_in_day, quarter.start.astimezone(UTC), quarter.end.astimezone(UTC))

    def charge_days(self, anomaly: Exceedance, quarter: Quarter) -> int:
        """Exceeding days of the anomaly in the quarter that are new."""
        new = {(anomaly.outlet_id, day) for day in anomaly.days() if _in_quarter(day, quarter)} - self.days
        self.days |= new
        return len(new)

    def charge_hours(self, anomaly: Exceedance) -> int:
        """Exceeding hours that are new and not taken up by an exceeding day. Charge all days before."""
        charged = 0
        for hour in anomaly.hours():
            slot = (anomaly.outlet_id, hour)
            if slot in self.hours or not self.start <= hour < self.end:
                continue
            self.hours.add(slot)
            day = (anomaly.outlet_id, hour.astimezone(PARK_ZONE).date())
            if day in self.days and self.taken_up[day] < self.hours_in_day:
                self.taken_up[day] += 1
            else:
                charged += 1
        return charged


def emission_block(facts: EnterpriseFacts, quarter: Quarter, rules: EmissionRules) -> Block:
    """25 − 5 × exceeding outlet-days − 0.5 × other exceeding hours (at most 10), not below 0 (product E6)."""
    tally, names = Tally.of(quarter, rules), {outlet.id: outlet for outlet in facts.outlets}
    days, hours = [], []
    for anomaly in _in_order(facts.exceedances, DAY_RULE):
        if count := tally.charge_days(anomaly, quarter):
            params = _params(anomaly, names.get(anomaly.outlet_id)) | {"days": count}
            days.append(_cause(anomaly, -rules.day * count, "exceeding_days", params))
    for anomaly in _in_order(facts.exceedances, HOUR_RULE):
        if count := tally.charge_hours(anomaly):
            params = _params(anomaly, names.get(anomaly.outlet_id)) | {"hours": count}
            hours.append(_cause(anomaly, -rules.hour * count, "exceeding_hours", params))
    return block("B1", rules.maximum, [*days, *limited(hours, rules.hours_at_most)])


def worst_month(exceedances: Iterable[Exceedance], quarter: Quarter) -> tuple[str, int]:
    """Calendar month of the quarter with most exceeding days (any outlet, park time), as `2026-11`, and the days."""
    days = {
        day
        for anomaly in exceedances
        if anomaly.rule == DAY_RULE
        for day in anomaly.days()
        if _in_quarter(day, quarter)
    }
    months = Counter(f"{day:%Y-%m}" for day in days)
    return max(months.items(), key=lambda item: (item[1], item[0]), default=("", 0))


def _in_quarter(day: date, quarter: Quarter) -> bool:
    return quarter.start.date() <= day < quarter.end.date()


def _in_order(exceedances: Iterable[Exceedance], rule: str) -> list[Exceedance]:
    return sorted((each for each in exceedances if each.rule == rule), key=lambda each: (each.started_at, each.id))


def _params(anomaly: Exceedance, outlet: Outlet | None) -> dict[str, Any]:
    return {
        "no": anomaly.no,
        "factor": anomaly.factor,
        "outlet": outlet.code if outlet else "",
        "outlet_name_zh": outlet.name_zh if outlet else "",
        "outlet_name_en": outlet.name_en if outlet else "",
    }


def _cause(anomaly: Exceedance, points: float, code: str, params: dict[str, Any]) -> Cause:
    return Cause("anomaly", str(anomaly.id), round(points, 2), code, params, anomaly.started_at)
