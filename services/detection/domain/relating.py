"""Rows of one outlet through all relations: the same for the live stream and for years of history.

    hits = advance(memory, table, place)

The memory is changed. Cutting an outlet's rows into tables changes nothing. A row is judged once it is whole, that is
when it has every factor that the row before it had, or when a later row has come: the factors of one time may arrive in
several packets, of several loggers. A row whose time has been judged is late and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from services.detection.domain.checks.definition import HOUR, Check, Traits
from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.hits import Hit, SeriesKey
from services.detection.domain.relations import dilution, flow_load, gap, treatment
from services.detection.domain.relations.codes import FLOWS, LEARNING, OXYGEN, PLANT, TREATMENT, is_pollutant
from services.detection.domain.relations.definition import NOT_SENT, Flag, Marked, Relation, Rows
from services.detection.domain.relations.machine import STATE, follow
from services.detection.domain.relations.memory import BEFORE_ALL, Memory
from services.detection.domain.relations.running import by_any
from services.detection.domain.relations.table import Table, joined, waiting_of
from services.detection.domain.relations.usual import FIT, LEVEL, learn_fit, learn_level
from services.detection.domain.rules import Rule

_OPEN, _START, _LAST, _VALUE, _REFERENCE, _COUNT = range(6)
_PAIRS = (
    *((OXYGEN, driver) for driver in dilution.DRIVERS),
    *((flow, driver) for flow in FLOWS for driver in flow_load.DRIVERS),
    *((TREATMENT, driver) for driver in treatment.DRIVERS),
)
"""What is learnt from what: the first is expected by the second."""


@dataclass(frozen=True)
class Place:
    """One outlet and kind: its interval in seconds, the rules of relations and which of them judge it today (`active`
    codes), and what they need to know of a factor: its traits, the key of its hits, a rule's numbers.
    """

    interval: float
    rules: tuple[Rule, ...]
    active: frozenset[str]
    traits: Callable[[str], Traits]
    key: Callable[[str], SeriesKey]
    numbers: Callable[[Rule, str], Mapping[str, float]]


@dataclass(frozen=True)
class _Line:
    """What one rule says of one factor."""

    key: str
    numbers: Mapping[str, float]
    marked: Marked


def advance(memory: Memory, table: Table, place: Place) -> list[Hit]:
    """Hits that these rows begin or end, in the order of rules and factors; `memory` is changed."""
    rows = joined(memory.waiting, table.part(int(np.searchsorted(table.t, memory.last, side="right")), len(table)))
    if not len(rows):
        return []
    whole = _whole(rows, memory.sent)
    at = np.where(whole, rows.t, np.append(rows.t[1:], rows.t[-1]))
    ready = len(rows) if whole[-1] else len(rows) - 1
    memory.waiting = None if whole[-1] else waiting_of(rows)
    hits: list[Hit] = []
    # Rows in which a factor appears for the first time begin a part of their own: which factors an outlet has decides
    # whom a relation accuses.
    for begin, end in pairwise(_edges(rows.part(0, ready), memory.factors)):
        part = rows.part(begin, end)
        memory.factors = sorted({*memory.factors, *_sent(part, 0)})
        hits += _judge(memory, part.named(memory.factors), at[begin:end], place)
        memory.last, memory.sent = int(part.t[-1]), _sent(part, -1)
    return hits


def quiet_checks(rules: Sequence[Rule], factor: str) -> frozenset[str]:
    """Rules of checks that have nothing to say of a factor of the plant: load and power use may do as they please, only
    their absence is looked at.
    """
    if factor not in PLANT:
        return frozenset()
    return frozenset(rule.code for rule in rules if isinstance(rule.check, Check) and rule.check.name != "missing")


def running_hits(memory: Memory, place: Place) -> list[Hit]:
    """Hits that are running, as they stand at the last row judged."""
    told = []
    for key, state in sorted(memory.hits.items()):
        rule = _rule_of(place.rules, key)
        if state[_OPEN] == 1.0 and rule is not None:
            told.append(_hit(place, rule, key, [0.0, *_told(state, place.interval, memory.last)], opened=True))
    return told


def reach(memory: Memory) -> float:
    """Epoch seconds of the earliest time at which a hit not yet told may begin; inf before the first row."""
    begun = [state[_START] for state in memory.hits.values() if state[_COUNT] > 0.0]
    return min([float(memory.last), *begun]) if memory.last > BEFORE_ALL else np.inf


def _told(state: Sequence[float], interval: float, at: float) -> list[float]:
    return [1.0, state[_START], state[_LAST] + interval, at, state[_VALUE], state[_REFERENCE], state[_COUNT]]


def _whole(rows: Table, sent_before: list[str] | None) -> Flag:
    """Rows that have every factor of the row before them."""
    sent = rows.flags != NOT_SENT
    before = np.zeros_like(sent)
    before[:, 1:] = sent[:, :-1]
    if sent_before is None:
        whole: Flag = ~(before & ~sent).any(axis=0)
        whole[0] = False
        return whole
    before[:, 0] = np.isin(rows.factors, sent_before)
    whole = ~(before & ~sent).any(axis=0)
    whole[0] &= set(sent_before) <= set(rows.factors)
    return whole


def _edges(rows: Table, known: Sequence[str]) -> list[int]:
    """Places at which a new factor appears, with both ends."""
    firsts = {
        int(np.argmax(rows.flags[place] != NOT_SENT))
        for place, factor in enumerate(rows.factors)
        if factor not in known and (rows.flags[place] != NOT_SENT).any()
    }
    return sorted({0, len(rows), *firsts}) if len(rows) else []


def _sent(rows: Table, row: int) -> list[str]:
    return [factor for place, factor in enumerate(rows.factors) if rows.flags[place, row] != NOT_SENT]


def _judge(memory: Memory, table: Table, at: Integers, place: Place) -> list[Hit]:
    rows = _learn(memory, table, place)
    lines = list(_lines(rows, place))
    hits = _forget(memory, {line.key for line in lines}, int(at[0]), place)
    if not lines:
        return hits
    states = np.array([memory.hits.get(line.key, [0.0] * len(STATE)) for line in lines])
    patience = np.array([_patience(line.numbers, place.interval) for line in lines])
    marked = (
        np.stack([line.marked.broken for line in lines]),
        np.stack([line.marked.value for line in lines]),
        np.stack([line.marked.reference for line in lines]),
    )
    found = follow(table.t, at, marked, patience, place.interval, states)
    for line, state in zip(lines, states.tolist(), strict=True):
        if state[_COUNT] > 0.0:
            memory.hits[line.key] = state
        else:
            memory.hits.pop(line.key, None)
    for row in found:
        rule = _rule_of(place.rules, lines[int(row[0])].key)
        if rule is not None:
            hits.append(_hit(place, rule, lines[int(row[0])].key, row.tolist(), opened=row[1] == 1.0))
    return hits


def _lines(rows: Rows, place: Place) -> Iterator[_Line]:
    for rule in place.rules:
        if not isinstance(rule.check, Relation) or rule.code not in place.active:
            continue

        def numbers(factor: str, rule: Rule = rule) -> Mapping[str, float]:
            return place.numbers(rule, factor)

        for marked in rule.check.mark(rows, numbers):
            yield _Line(f"{rule.code}|{marked.factor}", place.numbers(rule, marked.factor), marked)


def _forget(memory: Memory, kept: set[str], at: int, place: Place) -> list[Hit]:
    """End the hits of lines that are no longer followed: their rule is off, or another factor is accused now."""
    gone = sorted(set(memory.hits) - kept)
    hits = []
    for key in gone:
        state = memory.hits.pop(key)
        rule = _rule_of(place.rules, key)
        if state[_OPEN] == 1.0 and rule is not None:
            hits.append(_hit(place, rule, key, [0.0, *_told(state, place.interval, at)], opened=False))
    return hits


def _learn(memory: Memory, table: Table, place: Place) -> Rows:
    """Rows with what the outlet's past lets expect of each; the past grows by them."""
    values = dict(zip(table.factors, table.v, strict=True))
    flags = dict(zip(table.factors, table.flags, strict=True))
    traits = {factor: place.traits(factor) for factor in table.factors}
    plain = Rows(table.t, place.interval, values, flags, traits)
    usual: dict[str, Floats] = {}
    for code in table.factors:
        if code in (*FLOWS, *PLANT, OXYGEN) or is_pollutant(code):
            state = np.array(memory.levels.get(code, [0.0] * len(LEVEL)))
            usual[code] = learn_level(plain.clean(code), place.interval, LEARNING, state)
            memory.levels[code] = state.tolist()
    levelled = replace(plain, usual=usual)
    running = by_any(levelled) >= LEARNING.running
    expected: dict[tuple[str, str], tuple[Floats, Floats]] = {}
    for name, y, x in _pairs(plain):
        state = np.array(memory.fits.get(f"{name}~{x}", [0.0] * len(FIT)))
        expected[name, x] = learn_fit(np.where(running, plain.clean(x), np.nan), y, place.interval, LEARNING, state)
        memory.fits[f"{name}~{x}"] = state.tolist()
    return replace(levelled, expected=expected)


def _pairs(rows: Rows) -> Iterator[tuple[str, Floats, str]]:
    """What is learnt from what: name and numbers of the first, code of the second."""
    for y, x in _PAIRS:
        if y in rows.values and x in rows.values:
            yield y, rows.clean(y), x
    for code in rows.values:
        drivers = [driver for driver in gap.DRIVERS if driver in rows.values] if is_pollutant(code) else []
        if drivers:
            logarithm = gap.logarithm(rows.clean(code))
            for driver in drivers:
                yield gap.LOGARITHM + code, logarithm, driver


def _patience(numbers: Mapping[str, float], interval: float) -> tuple[float, float, float, float]:
    hold = max(numbers["hold_hours"] * HOUR, interval)
    return numbers["min_hours"] * HOUR, numbers["min_points"], numbers["calm_points"], hold


def _rule_of(rules: Sequence[Rule], key: str) -> Rule | None:
    code = key.split("|", 1)[0]
    return next((rule for rule in rules if rule.code == code), None)


def _hit(place: Place, rule: Rule, key: str, row: Sequence[float], *, opened: bool) -> Hit:
    _, _, start, end, at, value, reference, count = row
    return Hit(
        series=place.key(key.split("|", 1)[1]),
        check=rule.check.name,
        rule=rule.code,
        opened=opened,
        started_at=datetime.fromtimestamp(int(start), UTC),
        until=datetime.fromtimestamp(int(end), UTC),
        decided_at=datetime.fromtimestamp(int(at), UTC),
        value=float(value),
        reference=float(reference),
        count=int(count),
    )
