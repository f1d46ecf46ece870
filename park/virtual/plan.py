"""Which outlets a seed gives: eight trades in turn, each plant with its own size, levels and instruments."""

import numpy as np

from park.model import HOUR
from park.virtual.columns import CONVERTED, MASS, Instrument, OutletPlan, Role
from park.virtual.trades import Pollutant, Trade, trades

SPANS = (1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
UNITS = {"gas": ("mg/m³", "m³/s"), "water": ("mg/L", "L/s")}
FLOW = {"gas": "a00000", "water": "w00000"}
OXYGEN, TEMPERATURE, FURNACE, PH, BOD = "a19001", "a01012", "a01901", "w01001", "w01017"
LOAD, POWER, TREATMENT_POWER = "load", "power-production", "power-treatment"
"""Load 工况 and power use 用电 come from the plant, not over HJ 212, which has no codes for them."""


def plans(seed: int, outlets: int) -> list[OutletPlan]:
    """`outlets` plants, the trades in turn; plant i is the same whatever the number of plants."""
    known = list(trades().values())
    return [_plan(seed, index, known[index % len(known)]) for index in range(outlets)]


def _plan(seed: int, index: int, trade: Trade) -> OutletPlan:
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    size = rng.random()
    return OutletPlan(
        key=f"V-{index + 1:03d}/{'DA' if trade.medium == 'gas' else 'DW'}001",
        index=index,
        seed=int(rng.integers(1 << 31)),
        trade=trade,
        flow=trade.flow[0] * (trade.flow[1] / trade.flow[0]) ** size,
        power=trade.power[0] * (trade.power[1] / trade.power[0]) ** size,
        treatment_share=float(rng.uniform(0.06, 0.14)),
        levels=tuple(float(p.level * rng.uniform(0.85, 1.12)) for p in trade.pollutants),
        phase=int(rng.integers(2)) * HOUR,
        busy=float(rng.uniform(0.82, 0.95)),
    )


def instruments(plan: OutletPlan) -> tuple[Instrument, ...]:
    """All factors of an outlet in the order in which they are made: those that others are computed from come first."""
    trade = plan.trade
    content, flow_unit = UNITS[trade.medium]
    top = _span(plan.flow * 1.3)
    found = [
        Instrument(LOAD, Role.LOAD, "%", 0.1, (0, 130)),
        Instrument(FLOW[trade.medium], Role.FLOW, flow_unit, 0.01, (0, top)),
    ]
    found += _gas(trade) if trade.medium == "gas" else [Instrument(PH, Role.PH, "", 0.01, (0, 14), 6, 9)]
    for pollutant in trade.pollutants:
        found += _pollutant(trade, pollutant, content)
    if trade.bod:
        hold = trade.sample_h * HOUR
        found.append(Instrument(BOD, Role.POLLUTANT, content, 0.01, (0, 50), None, 20, hold))
    found += [
        Instrument(POWER, Role.POWER, "kW", 0.1, (0, plan.power * 1.5)),
        Instrument(TREATMENT_POWER, Role.POWER, "kW", 0.01, (0, plan.power * 0.3)),
    ]
    return tuple(found)


def _span(most: float) -> float:
    """The span one would order for `most`: the next of 1, 1.5, 2, 3, 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(next(step for step in SPANS if step * power >= most) * power)


def _gas(trade: Trade) -> list[Instrument]:
    found = [
        Instrument(OXYGEN, Role.OXYGEN, "%", 0.01, (0, 25)),
        Instrument(TEMPERATURE, Role.TEMPERATURE, "°C", 0.1, (0, 300)),
    ]
    if trade.furnace is not None:
        found.append(Instrument(FURNACE, Role.FURNACE, "°C", 0.1, (0, 1300), 850, None))
    return found


def _pollutant(trade: Trade, made: Pollutant, unit: str) -> list[Instrument]:
    span, limit = (0.0, made.span), made.limit
    mass = Instrument(made.code + MASS, Role.MASS, "kg", 0.00001, (0, float("inf")))
    if trade.o2 is None:
        hold = trade.sample_h * HOUR
        return [Instrument(made.code, Role.POLLUTANT, unit, made.resolution, span, None, limit, hold), mass]
    return [
        Instrument(made.code, Role.POLLUTANT, unit, made.resolution, span),
        Instrument(made.code + CONVERTED, Role.CONVERTED, unit, made.resolution, (0, made.span * 4), None, limit),
        mass,
    ]
