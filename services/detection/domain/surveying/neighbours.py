"""Twins 两口同源 among neighbours: outlets of one medium and trade of which two report one source, night by night.

    hits = find_neighbour_hits(rules, outlets)                              a whole history
    hits = survey_neighbours(rules, outlets, nights=(night, night), running=...).hits

Levels of honest neighbours follow one load and one weather; their steps from hour to hour do not agree in two factors
at once. Where an outlet has departed from its own past it is told alone, else both are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from services.detection.domain.backtest import Choice
from services.detection.domain.compiled import Floats
from services.detection.domain.hits import Hit
from services.detection.domain.relations.codes import PLANT
from services.detection.domain.rules import Rule
from services.detection.domain.surveying.definition import Look, Numbers, Why, blank
from services.detection.domain.surveying.departure import CLEAR, LEAD_DAYS, PARTS, Window, evidence
from services.detection.domain.surveying.likeness import likeness, pairs
from services.detection.domain.surveying.nights import JUDGED, AnyLine, Outcome, follow, line_key, numbers_of
from services.detection.domain.surveying.registry import MOST_DAYS, TWINS
from services.detection.domain.surveying.sheet import DAY, Grid, Sheet, Sheets, make_sheets

MOST_OUTLETS = 200
"""Compared with each other; a larger group is cut, in order of identity."""
MOST_PAIRS = 100
"""Told of a group on one night, the most alike first."""
MEMORY, WAIT = 6, 3
"""Nights in a row whose evidence counts together, and those after which what is not known by then is told of both."""
REACH_DAYS = MEMORY + LEAD_DAYS + (PARTS + 1) * MOST_DAYS
"""Days before a night that its answer may depend on."""

Outlet = Sequence[AnyLine]
Rows = dict[tuple[int, int], list[tuple[int, float]]]


@dataclass(frozen=True)
class _Group:
    """Outlets of one medium, trade and interval on one grid: sheets by factor for each, plant meters among them."""

    grid: Grid
    first: int
    outlets: tuple[dict[str, Sheet], ...]

    def steps(self, factor: str) -> Floats:
        """(outlets, slots), NaN where an outlet has no such factor."""
        slots = self.grid.days * self.grid.per_day
        absent = np.full(slots, np.nan)
        rows = [outlet[factor].v if factor in outlet else absent for outlet in self.outlets]
        return np.diff(np.stack(rows), prepend=np.nan, axis=1)


def find_neighbour_hits(rules: Sequence[Rule], outlets: Sequence[Outlet], choice: Choice | None = None) -> list[Hit]:
    """Hits over the whole history of some outlets, those still running as they stand last."""
    return survey_neighbours(rules, outlets, choice=choice).hits


def survey_neighbours(
    rules: Sequence[Rule],
    outlets: Sequence[Outlet],
    *,
    nights: tuple[datetime, datetime] | None = None,
    running: Sequence[Hit] = (),
    choice: Choice | None = None,
) -> Outcome:
    """Judge the nights from the first to the last given, or every one that is over, as `nights.survey` does.

    The lines of each outlet are its own sequence; outlets are told apart by the identity in their keys.
    """
    outcome = Outcome(running={line_key(hit.series, hit.rule): hit for hit in running})
    judged = [rule for rule in rules if rule.check is TWINS]
    for lines in _groups(outlets) if judged else ():
        group = _group(lines, nights)
        if group is None:
            continue
        for rule in judged:
            _judge(rule, group, choice or Choice(), outcome)
    outcome.hits.sort(key=lambda hit: (hit.decided_at, hit.key))
    return outcome


def _groups(outlets: Sequence[Outlet]) -> list[list[list[AnyLine]]]:
    """Outlets by medium, trade and interval, two at least."""
    found: dict[tuple[str, str, float], list[list[AnyLine]]] = {}
    for lines in sorted((one for one in outlets if one), key=lambda one: one[0].key.outlet_id):
        hours = [line for line in lines if line.traits.kind in JUDGED]
        for step in sorted({line.traits.interval for line in hours}):
            chosen = [line for line in hours if line.traits.interval == step]
            found.setdefault((chosen[0].traits.medium, chosen[0].traits.trade, step), []).append(chosen)
    parts = [
        group[begin : begin + MOST_OUTLETS] for group in found.values() for begin in range(0, len(group), MOST_OUTLETS)
    ]
    return [part for part in parts if len(part) > 1]


def _group(outlets: Sequence[Sequence[AnyLine]], nights: tuple[datetime, datetime] | None) -> _Group | None:
    span, first = None, 0
    if nights is not None:
        span = int(nights[0].timestamp()) - REACH_DAYS * DAY, int(nights[1].timestamp())
        first = REACH_DAYS - 1
    sheets = make_sheets([(line.traits, line.key, line.batch) for lines in outlets for line in lines], span)
    return None if sheets is None else _Group(sheets.grid, first, _by_outlet(sheets))


def _by_outlet(sheets: Sheets) -> tuple[dict[str, Sheet], ...]:
    found: dict[str, dict[str, Sheet]] = {}
    for sheet in sheets.sheets:
        if not sheet.computed:
            found.setdefault(str(sheet.key.outlet_id), {})[sheet.traits.factor] = sheet
    return tuple(found[one] for one in sorted(found))


def _judge(rule: Rule, group: _Group, choice: Choice, outcome: Outcome) -> None:
    numbers = _numbers(rule, group, choice)
    if not numbers or group.grid.days <= group.first:
        return
    looks: dict[tuple[int, str], Look] = {}
    rows: dict[tuple[int, int], list[tuple[int, float]]] = {}
    steps = {factor: group.steps(factor) for factor in numbers}
    for night in range(max(0, group.first - MEMORY), group.grid.days):
        _look(group, numbers, steps, night, (looks, rows))
    for place, outlet in enumerate(group.outlets):
        for factor, sheet in sorted(outlet.items()):
            if factor in numbers:
                look = looks.get((place, factor)) or blank(group.grid.days, Why.JUDGED)
                follow(rule, sheet.key, group.grid, look, group.first, outcome)


def _numbers(rule: Rule, group: _Group, choice: Choice) -> dict[str, Numbers]:
    """The rule's numbers by factor, for those that two outlets or more have; plant meters stay out."""
    held: dict[str, list[Sheet]] = {}
    for outlet in group.outlets:
        for factor, sheet in outlet.items():
            held.setdefault(factor, []).append(sheet)
    shared = {factor: sheets[0] for factor, sheets in sorted(held.items()) if len(sheets) > 1 and factor not in PLANT}
    given = {factor: numbers_of(rule, sheet.traits, choice) for factor, sheet in shared.items()}
    return {factor: numbers for factor, numbers in given.items() if numbers is not None}


def _look(
    group: _Group,
    numbers: dict[str, Numbers],
    steps: dict[str, Floats],
    night: int,
    kept: tuple[dict[tuple[int, str], Look], Rows],
) -> None:
    """Mark what is found on one night."""
    (looks, rows), grid, factors = kept, group.grid, list(numbers)
    end = (night + 1) * grid.per_day
    length = grid.slots(max(one["days"] for one in numbers.values()) * 24)
    if end < length:
        return
    stack = np.stack([likeness(steps[factor][:, end - length + 1 : end]) for factor in factors])
    bounds, alone = (np.array([numbers[one][name] for one in factors]) for name in ("likeness", "alone"))
    values, told = pairs(stack, bounds, alone)
    for one, other in _most_alike(values, told):
        shared = [factor for place, factor in enumerate(factors) if told[place, one, other]]
        pair, when = (one, other), Window(end, length, grid.per_day)
        row = [(at, told) for at, told in rows.get(pair, []) if at >= night - MEMORY]
        row = [*(row if row and row[-1][0] == night - 1 else []), (night, _evidence(group, pair, shared, when))]
        rows[pair] = row
        for outlet in _copies(pair, [told for _, told in row]):
            for factor in shared:
                place = factors.index(factor)
                look = looks.setdefault((outlet, factor), blank(grid.days))
                _mark(look, night, float(values[place, one, other]), (grid, length, bounds[place]))


def _most_alike(values: Floats, told: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Pairs that are told, at most `MOST_PAIRS` of them."""
    found = [(int(one), int(other)) for one, other in np.argwhere(np.triu(told.any(axis=0)))]
    if len(found) > MOST_PAIRS:
        best = np.where(told, values, -1.0).max(axis=0)
        found = sorted(sorted(found, key=lambda pair: -best[pair])[:MOST_PAIRS])
    return found


def _evidence(group: _Group, pair: tuple[int, int], shared: Sequence[str], when: Window) -> float:
    one, other = ({factor: sheet.v for factor, sheet in group.outlets[place].items()} for place in pair)
    return evidence(one, other, shared, when)


def _copies(pair: tuple[int, int], row: Sequence[float]) -> tuple[int, ...]:
    """Who of two copied, from the evidence of nights in a row: the one that departed from its past.

    Both where it cannot be known `WAIT` nights long, nobody before.
    """
    said = [one for one in row if np.isfinite(one)]
    mean = float(np.mean(said)) if said else 0.0
    if abs(mean) >= CLEAR:
        return (pair[0],) if mean > 0.0 else (pair[1],)
    return pair if len(row) >= WAIT else ()


def _mark(look: Look, night: int, value: float, window: tuple[Grid, int, float]) -> None:
    grid, length, bound = window
    end = grid.night(night)
    look.found[night] = True
    look.start[night], look.end[night] = end - length * grid.step, end
    look.value[night] = value if np.isnan(look.value[night]) else max(value, float(look.value[night]))
    look.reference[night], look.count[night] = bound, length
