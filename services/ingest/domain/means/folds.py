"""Day means of hours, month means of days: one rule with two numbers."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from services.ingest.domain.means import formulas
from services.ingest.domain.means.hours import DIGEST_BYTES, NOTHING
from services.ingest.domain.means.periods import DAY, HOURS_A_DAY, KINDS, date_of, end_of
from services.ingest.domain.means.plants import Mean, Plant, Reported, agreement_of, decimals_of
from services.ingest.domain.means.rules import RuleSet, quantities
from shared.contracts.ingest.means import Basis, MeanKind, MeanState, Method

NOT_RUNNING = (MeanState.STOPPED, MeanState.IDLE)


class Part(NamedTuple):
    """A mean of the level below, as the one above needs it."""

    at: int
    value: float | None
    converted: float | None
    emission: float | None
    state: MeanState
    digest: int


Parts = Mapping[str, Sequence[Part]]
"""Parts by factor, ascending by time."""


def derive_day(plant: Plant, day: int, hours: Parts, reported: Mapping[str, Reported]) -> dict[str, Mean]:
    """Day means from the hours of the day: valid with 20 valid hours (by rule set)."""
    rules = plant.rules(day)
    return {
        factor: _fold(plant, (rules, rules.day_hours, HOURS_A_DAY), factor, hours, reported.get(factor, NOTHING))
        for factor in sorted(hours)
    }


def derive_month(plant: Plant, month: int, days: Parts) -> dict[str, Mean]:
    """Month means from the days of the month: valid with 25 valid days, February 23 (by rule set)."""
    rules = plant.rules(month)
    expected = (end_of(KINDS[MeanKind.MONTH], month) - month) // DAY
    needed = rules.days_needed(date_of(month))
    rule = (rules, needed, expected)
    return {factor: _fold(plant, rule, factor, days, NOTHING, Basis.DAYS) for factor in sorted(days)}


def _fold(
    plant: Plant, rule: tuple[RuleSet, int, int], factor: str, parts: Parts, told: Reported, basis: Basis = Basis.HOURS
) -> Mean:
    rules, needed, expected = rule
    own = parts[factor]
    good = [part for part in own if part.state is MeanState.VALID and part.value is not None]
    value, method = _average(plant, rules, factor, good, parts) if good else (None, Method.ARITHMETIC)
    known = [part.converted for part in good if part.converted is not None]
    emitted = [part.emission for part in own if part.emission is not None]
    state = _state(own, len(good), needed, expected)
    decimals = decimals_of(factor, plant.steps.get(factor))
    return Mean(
        value=value,
        converted=float(np.mean(known)) if known else None,
        emission=float(sum(emitted)) if emitted else None,
        state=state, valid=len(good), expected=expected, reasons=_reasons(own, expected), basis=basis, method=method,
        reported=told.value, reported_flag=told.flag or None,
        agreement=agreement_of(value if state is MeanState.VALID else None, told.value, decimals),
        rule=rules.name, digest=_digest(plant, rules, factor, parts, told),
    )  # fmt: skip


def _average(plant: Plant, rules: RuleSet, factor: str, good: Sequence[Part], parts: Parts) -> tuple[float, Method]:
    values = np.array([part.value for part in good], np.float64)
    if factor == quantities().ph:
        how = Method.MEDIAN if rules.ph_median else Method.HYDROGEN
        return formulas.ph_mean(values, by_median=rules.ph_median), how
    if not rules.flow_weighted or plant.scale(factor) is None:
        return float(values.mean()), Method.ARITHMETIC
    flows = {
        part.at: part.value for part in parts.get(plant.flow_factor, ()) if part.state is MeanState.VALID and part.value
    }
    pairs = [(part.value, flows[part.at]) for part in good if part.at in flows and part.value is not None]
    weight = sum(flow for _, flow in pairs)
    if weight > 0:
        return sum(value * flow for value, flow in pairs) / weight, Method.FLOW
    return float(values.mean()), Method.FLOW_MISSING


def _state(own: Sequence[Part], valid: int, needed: int, expected: int) -> MeanState:
    if valid >= needed:
        return MeanState.VALID
    still = [part.state for part in own if part.state in NOT_RUNNING]
    if len(still) > expected - needed:
        marked = sum(state is MeanState.STOPPED for state in still)
        return MeanState.STOPPED if 2 * marked >= len(still) else MeanState.IDLE
    return MeanState.FEW if own else MeanState.MISSING


def _reasons(own: Sequence[Part], expected: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    for part in own:
        if part.state is not MeanState.VALID:
            counts[part.state.value] = counts.get(part.state.value, 0) + 1
    absent = expected - len(own)
    if absent > 0:
        counts["missing"] = counts.get("missing", 0) + absent
    return counts


def _digest(plant: Plant, rules: RuleSet, factor: str, parts: Parts, told: Reported) -> int:
    weights = parts.get(plant.flow_factor, ()) if plant.scale(factor) is not None else ()
    below = [(part.at, part.digest, part.state.value) for part in (*parts[factor], *weights)]
    text = repr((rules.name, plant.unit(factor), plant.settings, below, told))
    return int.from_bytes(blake2b(text.encode(), digest_size=DIGEST_BYTES).digest(), "big", signed=True)
