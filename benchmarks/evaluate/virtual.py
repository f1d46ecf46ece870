"""Outlets of the virtual park with their exact truth, as one takes them from loggers and from power-use points.

A computed value, converted or mass, has no span: there is no instrument that measures it.
"""

from dataclasses import replace
from uuid import UUID, uuid5

import numpy as np

from benchmarks.evaluate.cases import Case, Line
from benchmarks.evaluate.injections import TUNING
from benchmarks.evaluate.judge import history_of
from park.model import DAY, HOUR
from park.virtual.build import REPORTING_SEED, START, TUNING_SEED, build, window
from park.virtual.columns import NO_RECORD, Role, VirtualOutlet, VirtualPark
from park.virtual.natural import checks_of
from services.detection.domain.backtest import NOWHERE, Columns
from services.detection.domain.checks.definition import Traits
from services.detection.domain.evaluation import Span
from services.detection.domain.hits import NAMESPACE, Hit
from services.detection.domain.surveying.neighbours import find_neighbour_hits
from services.detection.service.rulebook import load_rulebook
from shared.contracts.ingest import Medium, ReadingKind

OUTLETS, HOURS = 200, 8760
MINUTE_OUTLETS, MINUTE_DAYS = 20, 10
LONGEST = 6 * DAY
"""Of an event that is looked at in minutes, in seconds."""
TRADES = {"coal_power": "thermal_power", "gas_power": "thermal_power"}
"""Trades that the registry names otherwise."""


def park(seed: int, outlets: int = OUTLETS, hours: int = HOURS) -> list[Case]:
    """A case for each outlet; the park has seeds of its own for tuning and for reporting."""
    made = build(TUNING_SEED if seed == TUNING else REPORTING_SEED, outlets, hours, START)
    return with_neighbours([_case(made, key, outlet) for key, outlet in made.outlets.items()])


def with_neighbours(cases: list[Case]) -> list[Case]:
    """Cases with what the rules in force find between them: live does so each night, one case alone cannot."""
    ids = [uuid5(NAMESPACE, case.name) for case in cases]
    lines = [[history_of(line, ids[place]) for line in case.lines] for place, case in enumerate(cases)]
    found: dict[UUID, list[Hit]] = {one: [] for one in ids}
    for hit in find_neighbour_hits(load_rulebook().rules, lines):
        found[hit.series.outlet_id].append(replace(hit, series=replace(hit.series, outlet_id=NOWHERE)))
    return [replace(case, neighbours=tuple(found[ids[place]])) for place, case in enumerate(cases)]


def minutes(seed: int, outlets: int = MINUTE_OUTLETS, hours: int = HOURS) -> list[Case]:
    """Ten days of minute means of each of some outlets of the same park, with an injected event in the middle.

    The event is one of those that fit in: the outlets take the first, the second … of theirs in turn.
    """
    made = build(TUNING_SEED if seed == TUNING else REPORTING_SEED, outlets, hours, START)
    found = []
    for number, key in enumerate(made.outlets):
        fitting = [t for t in made.truths if t.outlet == key and t.end - t.start <= LONGEST]
        if fitting:
            event = fitting[number % len(fitting)]
            since = (event.start + event.end - MINUTE_DAYS * DAY) // 2 // HOUR * HOUR
            part = window(made, since, since + MINUTE_DAYS * DAY, [key])
            found.append(_case(part, key, part.outlets[key], "minutes"))
    return found


def _case(made: VirtualPark, key: str, outlet: VirtualOutlet, group: str = "park") -> Case:
    medium = Medium(outlet.plan.trade.medium)
    lines = tuple(_line(made, key, code, medium) for code in outlet.columns)
    labels = tuple(
        Span(truth.start, truth.end, f"{truth.kind} {truth.strength}", truth.start, truth.touched or truth.factors)
        for truth in (*made.truths, *made.natural)
        if truth.outlet == key
    )
    fits = {label.kind: frozenset(checks_of(label.kind.split(" ")[0])) for label in labels}
    return Case(group, key, lines, labels, kinds=True, ignore=frozenset(), fits=fits)


def _line(made: VirtualPark, key: str, code: str, medium: Medium) -> Line:
    series = made.series(key, code)
    sent = series.flags != NO_RECORD
    low, high = (np.nan if limit is None else limit for limit in series.limits)
    outlet = made.outlets[key]
    instrument = outlet.columns[code].instrument
    computed = instrument.role in (Role.CONVERTED, Role.MASS)
    span = None if computed else series.span[1]
    kind = ReadingKind.HOUR if made.step == HOUR else ReadingKind.MINUTE
    trade = TRADES.get(outlet.plan.trade.code, outlet.plan.trade.code)
    traits = Traits(kind, medium, code, float(made.step), series.resolution, span, trade, instrument.unit)
    columns = Columns(series.t[sent], series.v[sent], series.flags[sent])
    return Line(traits, columns, np.tile([low, high], (int(sent.sum()), 1)).astype(np.float64))
