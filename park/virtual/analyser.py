"""From the true state to the readings of a station: noise, span, resolution, events and flags, derived factors."""

from dataclasses import dataclass, replace

import numpy as np

from park.model import MINUTE, Times, Values, hash01, rounded
from park.virtual.columns import (
    CONVERTED,
    FAULT,
    INDEPENDENT,
    MASS,
    NO_RECORD,
    NORMAL,
    STOPPED,
    Column,
    Flags,
    Instrument,
    Mark,
    OutletPlan,
    Role,
)
from park.virtual.physics import AIR_O2, sampled, state
from park.virtual.plan import FLOW, OXYGEN, instruments

DERIVED = (Role.CONVERTED, Role.MASS)
GRAIN = {MINUTE: 0.012}
HOUR_GRAIN, SAMPLE_GRAIN = 0.006, 0.025
"""Noise of one reading as a share of it: minute and hour means, the analysis of one water sample."""
QUIET = {Role.TEMPERATURE: 0.1, Role.FURNACE: 0.15, Role.PH: 0.2, Role.OXYGEN: 0.5, Role.POWER: 0.3}
"""Instruments quieter than a gas or water analyser, times the usual noise."""


@dataclass(frozen=True)
class Readings:
    """What an outlet's columns are computed from."""

    plan: OutletPlan
    times: Times
    step: int
    marks: tuple[Mark, ...]


def _noise(seed: int, times: Times) -> Values:
    """Noise of variance 1, at most ±3: six even draws added."""
    total = np.zeros(len(times))
    for turn in range(6):
        total += hash01(seed + turn, times)
    return np.asarray((total - 3) * np.sqrt(2))


def readings(made: Readings) -> dict[str, Column]:
    """All columns of an outlet, honest."""
    true = state(made.plan, made.times)
    columns: dict[str, Column] = {}
    for number, one in enumerate(instruments(made.plan)):
        if one.role not in DERIVED:
            columns[one.code] = _read(made, one, number, (true.values[one.code], true.stopped))
        else:
            columns[one.code] = derived(one, columns, made.plan, made.step)
    return columns


def _read(made: Readings, one: Instrument, number: int, true: tuple[Values, Values]) -> Column:
    values, stopped = true
    seed = made.plan.seed + 7919 * (number + 1)
    moments = sampled(made.plan, made.times) if one.hold else made.times
    size = (SAMPLE_GRAIN if one.hold else GRAIN.get(made.step, HOUR_GRAIN)) * QUIET.get(one.role, 1.0)
    seen = values * (1 + size * _noise(seed, moments))
    flags = np.full(len(seen), NORMAL, dtype=np.uint8)
    if one.role not in INDEPENDENT:
        flags[stopped.astype(bool)] = STOPPED
        for mark in made.marks:
            if one.code in mark.factors:
                _apply(mark, one, made.times, seen, flags)
    return settled(Column(one, seen, flags))


def _apply(mark: Mark, one: Instrument, times: Times, seen: Values, flags: Flags) -> None:
    """Write one honest event into the readings; a stop is left as it is."""
    inside = (times >= mark.start) & (times < mark.end) & (flags != STOPPED)
    if mark.flag == NO_RECORD and mark.kind != "outlier":
        seen[inside] = np.nan
        flags[inside] = NO_RECORD
        return
    if mark.flag == FAULT:
        seen[inside] = np.nan
    elif mark.kind == "calibration":
        seen[inside] = one.span[1] * 0.4 * (1 + 0.01 * _noise(int(mark.start), times[inside]))
    else:
        seen[inside] *= mark.size if one.role is not Role.OXYGEN else 1.1
    if mark.kind != "outlier" and mark.shown is not None:
        shown = (times >= mark.shown[0]) & (times < mark.shown[1]) & (flags != STOPPED) & (flags != NO_RECORD)
        flags[shown] = mark.flag


def settled(column: Column) -> Column:
    """The column as the instrument can say it: in steps of its resolution, and no record where there is no flag."""
    v = rounded(column.v, column.instrument.resolution)
    v[column.flags == NO_RECORD] = np.nan
    return replace(column, v=v)


def sources(code: str, medium: str) -> tuple[str, str]:
    """The pollutant that a converted value or a mass is computed from, and its partner: O2 or the flow."""
    return code.removesuffix(CONVERTED).removesuffix(MASS), OXYGEN if code.endswith(CONVERTED) else FLOW[medium]


def derived(one: Instrument, columns: dict[str, Column], plan: OutletPlan, step: int) -> Column:
    """Converted concentration C·(21−O2ref)/(21−O2) or mass C·Q, from the readings as reported.

    Where the plant stands still, or O2 reaches that of air, nothing is converted (the formula has no meaning there).
    """
    source, partner = (columns[code] for code in sources(one.code, plan.trade.medium))
    flags = np.where(source.flags == NORMAL, partner.flags, source.flags)
    if one.role is Role.MASS:
        value = source.v * partner.v * step * 1e-6
    else:
        ref = plan.trade.o2.ref if plan.trade.o2 else 0.0
        factor = np.where((flags == STOPPED) | (partner.v >= AIR_O2), 1.0, (21 - ref) / np.maximum(21 - partner.v, 0.1))
        value = source.v * np.where(np.isnan(partner.v), np.nan, factor)
    return settled(Column(one, value, flags.astype(np.uint8)))
