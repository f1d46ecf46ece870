"""Hour means: from minute values where enough of them came, else the device's own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from services.ingest.domain.covers import Cover
from services.ingest.domain.means import formulas
from services.ingest.domain.means.periods import HOUR
from services.ingest.domain.means.plants import Mean, Plant, Reported, agreement_of, decimals_of
from services.ingest.domain.means.rules import RuleSet, quantities
from services.ingest.domain.means.slots import (
    INVALID,
    STOPPED,
    VALID,
    Screened,
    Slots,
    cover_mask,
    places,
    screen,
    to_standard,
)
from shared.contracts.ingest import Medium
from shared.contracts.ingest.means import Basis, MeanState, Method

SIXTY = 60
DIGEST_BYTES = 8
NOTHING = Reported(None, "", some=False)


def derive_hour(
    plant: Plant, hour: int, minutes: Mapping[str, Slots], reported: Mapping[str, Reported], covers: Sequence[Cover]
) -> dict[str, Mean]:
    """The mean of each factor that came in the hour. `covers`: marks that touch the hour."""
    rules = plant.rules(hour)
    near = _clipped(covers, hour)
    screened = {factor: screen(slots, factor, plant, rules, hour, near) for factor, slots in minutes.items()}
    if plant.actual_state and plant.medium is Medium.GAS:
        screened = to_standard(screened, plant)
    flow = screened.get(plant.flow_factor)
    means: dict[str, Mean] = {}
    for factor in sorted(minutes.keys() | reported.keys()):
        told = reported.get(factor, NOTHING)
        digest = _digest(plant, rules, factor, (minutes, reported), near)
        own = screened.get(factor)
        expected = places(plant.interval)
        judged = own is not None and int(own.came.sum()) >= rules.minutes_needed(expected)
        if own is not None and (judged or not told.some):
            mean = _from_minutes(plant, rules, factor, own, flow)
        else:
            mean = _from_report(plant, rules, factor, hour, told, near)
        step = decimals_of(factor, plant.steps.get(factor))
        seen = mean.value if mean.basis is Basis.MINUTES and mean.state is MeanState.VALID else None
        means[factor] = replace(
            mean, reported=told.value, reported_flag=told.flag or None, digest=digest,
            agreement=agreement_of(seen, told.value, step),
        )  # fmt: skip
    return {factor: _completed(plant, factor, mean, means) for factor, mean in means.items()}


def _clipped(covers: Sequence[Cover], hour: int) -> list[Cover]:
    """Covers that touch the hour, cut to it: what lies outside must not change its digest."""
    return [
        cover._replace(since=max(cover.since, hour), until=min(cover.until, hour + HOUR))
        for cover in covers
        if cover.since < hour + HOUR and cover.until > hour
    ]


def is_stopped(plant: Plant, hour: int, covers: Sequence[Cover]) -> bool:
    """Whether marks on the whole outlet stop it for so much of the hour that it cannot be valid."""
    spare = SIXTY - plant.rules(hour).minutes_needed(SIXTY)
    return int(cover_mask(covers, STOPPED, None, hour, SIXTY).sum()) > spare


def _from_minutes(plant: Plant, rules: RuleSet, factor: str, own: Screened, flow: Screened | None) -> Mean:
    expected = len(own.value)
    valid = int(own.usable.sum())
    value, method = _average(plant, rules, factor, own, flow) if valid else (None, Method.ARITHMETIC)
    return _mean(
        value=value, state=_state_of_minutes(rules, own, valid), valid=valid, expected=expected,
        reasons=own.reasons(), basis=Basis.MINUTES, method=method, rule=rules.name,
    )  # fmt: skip


def _average(plant: Plant, rules: RuleSet, factor: str, own: Screened, flow: Screened | None) -> tuple[float, Method]:
    values = own.value[own.usable]
    if factor == quantities().ph:
        how = Method.MEDIAN if rules.ph_median else Method.HYDROGEN
        return formulas.ph_mean(values, by_median=rules.ph_median), how
    if not rules.flow_weighted or plant.scale(factor) is None:
        return float(values.mean()), Method.ARITHMETIC
    if flow is not None:
        both = own.usable & flow.usable
        weight = float(flow.value[both].sum())
        if weight > 0:
            return float((own.value[both] * flow.value[both]).sum()) / weight, Method.FLOW
    return float(values.mean()), Method.FLOW_MISSING


def _state_of_minutes(rules: RuleSet, own: Screened, valid: int) -> MeanState:
    expected = len(own.value)
    needed = rules.minutes_needed(expected)
    spare = expected - needed
    stopped, marked = int(own.stopped.sum()), int((own.marked | own.stopped).sum())
    if stopped > spare:
        return MeanState.STOPPED
    if marked > spare:
        return MeanState.MARK
    if valid >= needed and not (rules.any_abnormal and own.abnormal.any()):
        return MeanState.VALID
    return _weakness(rules, own)


def _weakness(rules: RuleSet, own: Screened) -> MeanState:
    """What stands against the hour most, marks aside."""
    expected = len(own.value)
    if np.isnan(own.value).all() and not own.idle.any():
        return MeanState.MISSING
    if rules.any_abnormal and own.abnormal.any():
        return MeanState.FLAG
    idle, abnormal = int(own.idle.sum()), int(own.abnormal.sum())
    missing = expected - int(own.came.sum())
    if idle and idle >= max(abnormal, missing):
        return MeanState.IDLE
    if abnormal and abnormal >= missing:
        return MeanState.FLAG
    return MeanState.FEW


def _from_report(plant: Plant, rules: RuleSet, factor: str, hour: int, told: Reported, covers: Sequence[Cover]) -> Mean:
    spare = SIXTY - rules.minutes_needed(SIXTY)
    stopped = cover_mask(covers, STOPPED, factor, hour, SIXTY)
    marked = stopped | cover_mask(covers, INVALID, factor, hour, SIXTY)
    blessed = bool(cover_mask(covers, VALID, factor, hour, SIXTY).any())
    state, reasons = MeanState.VALID, {}
    if int(stopped.sum()) > spare:
        state, reasons = MeanState.STOPPED, {"stopped": 1}
    elif int(marked.sum()) > spare:
        state, reasons = MeanState.MARK, {"mark": 1}
    elif told.flag in rules.idle and told.flag:
        state, reasons = MeanState.IDLE, {f"flag:{told.flag}": 1}
    elif not told.some:
        state, reasons = MeanState.MISSING, {"missing": 1}
    elif told.flag not in rules.valid_flags(plant.edition) and not blessed:
        state, reasons = MeanState.FLAG, {f"flag:{told.flag}": 1}
    elif rules.negative_invalid and (told.value or 0) < 0 and plant.scale(factor) is not None:
        state, reasons = MeanState.FLAG, {"negative": 1}
    return _mean(
        value=told.value, state=state, valid=int(state is MeanState.VALID), expected=1, reasons=reasons,
        basis=Basis.REPORTED, method=Method.TAKEN, rule=rules.name,
    )  # fmt: skip


def _mean(**fields: object) -> Mean:
    return Mean(**{"reported": None, "reported_flag": None, "agreement": None, "digest": 0, **fields})  # type: ignore[arg-type]


def _completed(plant: Plant, factor: str, mean: Mean, means: Mapping[str, Mean]) -> Mean:
    """With converted concentration and emission, where their inputs are valid."""
    scale = plant.scale(factor)
    if scale is None or mean.value is None or factor == plant.flow_factor:
        return mean
    emission = None
    flow, flow_scale = means.get(plant.flow_factor), plant.flow_scale
    both = mean.state is MeanState.VALID and flow is not None and flow.state is MeanState.VALID
    if both and flow is not None and flow.value is not None and flow_scale is not None:
        emission = emission_of(plant.medium, mean.value * scale, flow.value * flow_scale)
    return replace(mean, emission=emission, converted=_converted(plant, mean.value, means))


def emission_of(medium: Medium, concentration: float, flow: float) -> float:
    """Mass in kg of an hour, from mg/L and L/s, or from mg/m³ and m³/s."""
    if medium is Medium.WATER:
        return formulas.water_emission(concentration, formulas.water_volume(flow))
    return formulas.gas_rate(concentration, flow * formulas.SECONDS)


def _converted(plant: Plant, value: float, means: Mapping[str, Mean]) -> float | None:
    oxygen = means.get(quantities().oxygen)
    if plant.medium is not Medium.GAS or not plant.convert or oxygen is None:
        return None
    if oxygen.state is not MeanState.VALID or oxygen.value is None:
        return None
    return formulas.converted(value, oxygen.value, reference=plant.reference_oxygen, alpha=plant.reference_alpha)


def _digest(
    plant: Plant, rules: RuleSet, factor: str, inputs: tuple[Mapping[str, Slots], Mapping[str, Reported]],
    covers: Sequence[Cover],
) -> int:  # fmt: skip
    """Of everything the mean of a factor depends on, the same in every order of arrival."""
    minutes, reported = inputs
    names = quantities()
    also = (plant.flow_factor, names.oxygen, names.temperature, names.pressure, names.moisture)
    marks = sorted((c.since, c.until, sorted(c.factors or ()), c.factors is None, c.effect.value) for c in covers)
    state = blake2b(repr((rules.name, plant.unit(factor), plant.settings, marks)).encode(), digest_size=DIGEST_BYTES)
    for code in (factor, *also):
        slots = minutes.get(code)
        if slots is not None:
            state.update(np.nan_to_num(slots.value, nan=-1e300).tobytes() + slots.flag.tobytes())
        if code in reported:
            state.update(repr((code, reported[code])).encode())
    return int.from_bytes(state.digest(), "big", signed=True)
