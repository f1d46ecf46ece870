"""What truly leaves the stack or the pipe, before any instrument looks at it.

Everything is a function of the time and the plant's seed, so hours of a year and minutes of a day are the same plant.
"""

from dataclasses import dataclass

import numpy as np

from park.model import DAY, HOUR, Times, Values, wander
from park.virtual.columns import OutletPlan
from park.virtual.load import load_at
from park.virtual.plan import BOD, FLOW, FURNACE, LOAD, OXYGEN, PH, POWER, TEMPERATURE, TREATMENT_POWER

AIR_O2 = 20.9
AMBIENT = 18.0
STOPPED_FLOW = 0.01
"""Share of the flow that leaks while nothing is produced."""


@dataclass(frozen=True)
class State:
    """True values by factor code, and where production stood still."""

    values: dict[str, Values]
    stopped: Values


def _wave(seed: int, times: Times, *layers: tuple[float, int]) -> Values:
    total = np.zeros(len(times))
    for number, (size, period) in enumerate(layers):
        total += size * wander(seed + 101 * number, times, period)
    return total


def _emission(plan: OutletPlan, times: Times, load: Values) -> list[Values]:
    """Concentration per pollutant in the unit of its limit (gas: at reference oxygen).

    Treatment efficiency wanders over days and hours; a share of it is common to all pollutants of the plant.
    """
    common = _wave(plan.seed + 11, times, (0.10, 6 * DAY), (0.07, 19 * HOUR))
    found = []
    for number, made in enumerate(plan.trade.pollutants):
        own = _wave(
            plan.seed + 1000 * (number + 1), times,
            (0.13, 9 * DAY), (0.10, 31 * HOUR), (0.09, 7 * HOUR), (0.06, 150 * 60),
        )  # fmt: skip
        relative = np.maximum(load, 0.05) / plan.busy
        found.append(made.limit * plan.levels[number] * relative**made.power * np.exp(common + own))
    return found


def _power(plan: OutletPlan, times: Times, load: Values) -> dict[str, Values]:
    wave = 1 + _wave(plan.seed + 21, times, (0.012, 3 * HOUR), (0.01, 40 * 60))
    running = load > 0
    return {
        POWER: plan.power * np.where(running, 0.1 + 0.9 * load, 0.02) * wave,
        TREATMENT_POWER: plan.power * plan.treatment_share * np.where(running, 0.35 + 0.65 * load, 0.06) * wave,
    }


def gas(plan: OutletPlan, times: Times) -> State:
    """A stack: O2 falls and temperature rises with load; excess air dilutes what is emitted."""
    trade, load = plan.trade, load_at(plan, times)
    if trade.o2 is None or trade.temperature is None:
        raise ValueError(f"trade {trade.code} has no flue gas")
    stopped = load == 0
    share = np.minimum(load, 1.05)
    o2 = trade.o2.full + trade.o2.rise * (1 - share) + _wave(plan.seed + 31, times, (0.35, 11 * HOUR), (0.25, 2 * HOUR))
    o2 = np.where(stopped, AIR_O2 - 0.1, np.clip(o2, 1.0, 18.5))
    heat = trade.temperature.at(share) + _wave(plan.seed + 41, times, (1.5, 13 * HOUR), (1.0, 2 * HOUR))
    flow = plan.flow * (0.3 + 0.7 * share) * (1 + _wave(plan.seed + 51, times, (0.015, 9 * HOUR), (0.012, 70 * 60)))
    values = {
        LOAD: load * 100,
        FLOW["gas"]: np.where(stopped, plan.flow * STOPPED_FLOW, flow),
        OXYGEN: o2,
        TEMPERATURE: np.where(stopped, AMBIENT + 4 * wander(plan.seed + 61, times, DAY), heat),
        **_power(plan, times, load),
    }
    if trade.furnace is not None:
        hot = trade.furnace.at(share) + _wave(plan.seed + 71, times, (14, 17 * HOUR), (12, 3 * HOUR))
        values[FURNACE] = np.where(stopped, AMBIENT + 30, hot)
    thinner = (21 - o2) / (21 - trade.o2.ref)
    for made, content in zip(trade.pollutants, _emission(plan, times, load), strict=True):
        values[made.code] = np.where(stopped, made.span * 0.001, content * thinner)
    return State(values, stopped)


def water(plan: OutletPlan, times: Times) -> State:
    """A pipe: COD, NH3-N, TN, TP and metals; TN is NH3-N plus nitrate and organic nitrogen, BOD a part of COD."""
    trade, load = plan.trade, load_at(plan, times)
    stopped = load == 0
    flow = plan.flow * (0.08 + 0.92 * load) * (1 + _wave(plan.seed + 51, times, (0.04, 10 * HOUR), (0.025, 80 * 60)))
    values = {
        LOAD: load * 100,
        FLOW["water"]: np.where(stopped, 0.0, flow),
        PH: 7.35 + _wave(plan.seed + 61, times, (0.18, 5 * DAY), (0.12, 11 * HOUR), (0.06, 2 * HOUR)),
        **_power(plan, times, load),
    }
    taken = sampled(plan, times)
    contents = _emission(plan, taken, load_at(plan, taken))
    by_code = {made.code: content for made, content in zip(trade.pollutants, contents, strict=True)}
    if "w21001" in by_code:
        by_code["w21001"] = 0.9 * by_code["w21001"] + 0.15 * by_code["w21003"]
        by_code["w21001"] = np.maximum(by_code["w21001"], 1.12 * by_code["w21003"])
    if trade.bod:
        by_code[BOD] = by_code["w01018"] * trade.bod * (1 + 0.15 * wander(plan.seed + 81, taken, 3 * DAY))
    return State({**values, **by_code}, stopped)


def sampled(plan: OutletPlan, times: Times) -> Times:
    """When the sample was taken whose result a water analyser shows at `times`."""
    every = plan.trade.sample_h * HOUR
    return (times - plan.phase) // every * every + plan.phase if every else times


def state(plan: OutletPlan, times: Times) -> State:
    """The plant's true state at `times`."""
    return gas(plan, times) if plan.trade.medium == "gas" else water(plan, times)
