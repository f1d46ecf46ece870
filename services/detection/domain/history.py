"""The history of one outlet through all rules: what backtests and the evaluation call, and live must equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.detection.domain.backtest import Choice, find_hits, stretches
from services.detection.domain.checks.definition import Traits
from services.detection.domain.hits import Hit, SeriesKey
from services.detection.domain.kernel import Batch
from services.detection.domain.relating import Place, advance, quiet_checks, running_hits
from services.detection.domain.relations.memory import Memory
from services.detection.domain.relations.table import table_of
from services.detection.domain.rules import Rule, parameters
from services.detection.domain.surveying.nights import find_survey_hits
from services.detection.domain.thresholds.timeline import ALWAYS_DEFAULT, Timeline, overrides
from shared.contracts.ingest import ReadingKind

HOUR_MEANS = frozenset({"EX-H", "EX-TREND", "HUG", "STEP", "LOWVAR"})
"""Judged on minutes only where an outlet sends no hour means."""


@dataclass(frozen=True)
class Line:
    """One series of an outlet: what is known of it, its key, its points with limits, and numbers of its `own`."""

    traits: Traits
    key: SeriesKey
    batch: Batch
    own: Timeline = ALWAYS_DEFAULT


def find_hits_of_outlet(rules: Sequence[Rule], lines: Sequence[Line], choice: Choice | None = None) -> list[Hit]:
    """Hits of all series of one outlet in the order in which they became known, and of what they say of each other.

    A factor with hour means in the history is judged as one that sends them from its first day on.
    """
    choice, hits = choice or Choice(), []
    hourly = {line.traits.factor for line in lines if line.traits.kind is ReadingKind.HOUR and len(line.batch.t)}
    for line in lines:
        minutes = line.traits.kind is ReadingKind.MINUTE and line.traits.factor in hourly
        off = choice.off | quiet_checks(rules, line.traits.factor) | (HOUR_MEANS if minutes else frozenset())
        used = replace(choice, off=off)
        hits += find_hits(rules, line.traits, line.batch, key=line.key, choice=used, own=line.own)[0]
    for kind in sorted({line.traits.kind for line in lines}) if len(lines) > 1 else ():
        hits += find_relations(rules, [line for line in lines if line.traits.kind is kind], choice)
    hits += find_survey_hits(rules, lines, choice)
    return sorted(hits, key=lambda hit: hit.order)


def find_relations(rules: Sequence[Rule], lines: Sequence[Line], choice: Choice) -> list[Hit]:
    """Hits of relations between lines of one outlet and kind, the ones still running last."""
    table = table_of({line.traits.factor: _in_order(line.batch) for line in lines})
    memory, hits, place = Memory(), [], None
    starts = tuple(sorted({at for line in lines for at in line.own.starts}))
    for begin, end, day in stretches(rules, table.t, starts):
        active = frozenset(rule.code for rule in rules if rule.in_force(day)) - choice.off
        place = _place(rules, lines, active, (choice, float(table.t[begin])))
        hits += advance(memory, table.part(begin, end), place)
    return hits + (running_hits(memory, place) if place else [])


def _place(rules: Sequence[Rule], lines: Sequence[Line], active: frozenset[str], chosen: tuple[Choice, float]) -> Place:
    first = lines[0]
    traits = {line.traits.factor: line.traits for line in lines}
    keys = {line.traits.factor: line.key for line in lines}
    choice, at = chosen
    own = {line.traits.factor: overrides(line.own.at(at)) for line in lines}
    given = choice.overrides or {}

    def numbers(rule: Rule, factor: str) -> Mapping[str, float]:
        return parameters(rule, traits[factor], {**own[factor].get(rule.code, {}), **given.get(rule.code, {})})

    return Place(
        interval=first.traits.interval,
        rules=tuple(rule for rule in rules if first.traits.kind in rule.judges),
        active=active,
        traits=traits.__getitem__,
        key=keys.__getitem__,
        numbers=numbers,
    )


def _in_order(batch: Batch) -> Batch:
    """Without the points that come after a later one: live has judged their rows before."""
    later = np.maximum.accumulate(batch.t) if len(batch.t) else batch.t
    kept = np.append(True, batch.t[1:] > later[:-1])[: len(batch.t)]
    return Batch(batch.t[kept], batch.v[kept], batch.flags[kept], batch.limits[kept])
