"""Minute values of an hour on its even grid, and which of them may be used."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.ingest.domain.columns import Columns
from services.ingest.domain.covers import Cover, Effect
from services.ingest.domain.means.formulas import dry, standard_flow, standard_state
from services.ingest.domain.means.periods import HOUR
from services.ingest.domain.means.plants import Plant
from services.ingest.domain.means.rules import RuleSet, quantities

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
INVALID, STOPPED, VALID = Effect.INVALID, Effect.STOPPED, Effect.VALID
LAST_CODE = 255


class Slots(NamedTuple):
    """Values of one factor on the places of an hour: NaN where missing; `flag` 0 where nothing came, else its code."""

    value: Values
    flag: NDArray[np.uint8]


class Screened(NamedTuple):
    """Slots judged. `usable` may be averaged; `abnormal` came with a flag that speaks against it.

    `marked` and `stopped` are places covered by marks, with or without a value.
    """

    value: Values
    usable: Mask
    came: Mask
    abnormal: Mask
    idle: Mask
    marked: Mask
    stopped: Mask
    negative: Mask
    flag: NDArray[np.uint8]

    def reasons(self) -> dict[str, int]:
        """How many places were lost, each counted once, for its strongest reason."""
        counts: dict[str, int] = {}
        left = ~self.usable
        empty = np.isnan(self.value) & ~self.abnormal & ~self.idle
        for name, mask in (
            ("stopped", self.stopped), ("mark", self.marked), ("missing", empty), ("negative", self.negative),
        ):  # fmt: skip
            if (left & mask).any():
                counts[name] = int((left & mask).sum())
                left &= ~mask
        told = left & (self.abnormal | self.idle)
        for code in np.unique(self.flag[told]).tolist():
            counts[f"flag:{chr(code)}"] = int((told & (self.flag == code)).sum())
        if (left & ~told).any():
            counts["working_state"] = int((left & ~told).sum())
        return counts


def places(interval: int) -> int:
    """Places of an hour for minute values every `interval` minutes."""
    return max(1, 60 // interval)


def lay(at: Iterable[int], value: Iterable[float], flag: Iterable[int], hour: int, interval: int) -> Slots:
    """Values on the grid of the hour; of two on one place the later stays."""
    count = places(interval)
    slots = Slots(np.full(count, np.nan), np.zeros(count, np.uint8))
    step = HOUR // count
    index = (np.asarray(at, np.int64) - hour) // step
    slots.value[index] = np.asarray(value, np.float64)
    slots.flag[index] = np.asarray(flag, np.uint8)
    return slots


def lay_all(columns: Columns, intervals: Mapping[int, int]) -> dict[tuple[int, int], dict[str, Slots]]:
    """Ordered minute columns of many outlets, by (point, hour) and factor. `intervals`: minutes, by point."""
    if not len(columns):
        return {}
    codes = np.array([min(ord(flag[0]), LAST_CODE) if flag else ord("?") for flag in columns.flag], np.uint8)
    hour = columns.at - columns.at % HOUR
    factor = columns.factor.astype(str)
    turns = (columns.point[1:] != columns.point[:-1]) | (factor[1:] != factor[:-1]) | (hour[1:] != hour[:-1])
    starts = np.concatenate(([0], np.flatnonzero(turns) + 1, [len(columns)])).tolist()
    found: dict[tuple[int, int], dict[str, Slots]] = {}
    for start, end in itertools.pairwise(starts):
        point, begin = int(columns.point[start]), int(hour[start])
        slots = lay(columns.at[start:end], columns.value[start:end], codes[start:end], begin, intervals[point])
        found.setdefault((point, begin), {})[str(factor[start])] = slots
    return found


def cover_mask(covers: Sequence[Cover], effect: Effect, factor: str | None, hour: int, count: int) -> Mask:
    """Places of the hour that marks of an effect cover; `factor` None asks for marks on the whole outlet."""
    mask = np.zeros(count, bool)
    step = HOUR // count
    for cover in covers:
        mine = cover.factors is None or (factor is not None and factor in cover.factors)
        if mine and cover.effect is effect and cover.since < hour + HOUR and cover.until > hour:
            first = max(0, -(-(cover.since - hour) // step))
            mask[first : max(0, -(-(cover.until - hour) // step))] = True
    return mask


def _codes(letters: str) -> NDArray[np.bool_]:
    table = np.zeros(256, bool)
    table[[ord(letter) for letter in letters]] = True
    return table


def screen(slots: Slots, factor: str, plant: Plant, rules: RuleSet, hour: int, covers: Sequence[Cover]) -> Screened:
    """Judge the values of a factor in an hour by flags and marks."""
    count = len(slots.value)
    marked, stopped, blessed = (cover_mask(covers, effect, factor, hour, count) for effect in (INVALID, STOPPED, VALID))
    came = slots.flag != 0
    known = ~np.isnan(slots.value)
    idle = came & _codes(rules.idle)[slots.flag]
    normal = _codes(rules.valid_flags(plant.edition))[slots.flag] | blessed
    negative = np.zeros(count, bool)
    if rules.negative_invalid and (plant.scale(factor) is not None or factor == plant.flow_factor):
        negative = known & (slots.value < 0)
    usable = known & normal & ~marked & ~stopped & ~negative
    abnormal = came & ~normal & ~idle & ~marked & ~stopped
    return Screened(slots.value, usable, came, abnormal, idle, marked, stopped, negative, slots.flag)


def to_standard(screened: Mapping[str, Screened], plant: Plant) -> dict[str, Screened]:
    """Concentrations and flow of wet gas at working state as dry gas at standard state, value by value.

    A value whose temperature, pressure (kPa) or moisture (%) is not usable at the same minute is not usable either.
    """
    names = quantities()
    state = [screened.get(code) for code in (names.temperature, names.pressure, names.moisture)]
    result = dict(screened)
    for factor, own in screened.items():
        is_flow = factor == plant.flow_factor
        if not is_flow and plant.scale(factor) is None:
            continue
        if any(part is None for part in state):
            result[factor] = own._replace(usable=np.zeros(len(own.value), bool))
            continue
        temperature, pressure, moisture = (part for part in state if part is not None)
        static, share = pressure.value * 1000.0, moisture.value / 100.0
        if is_flow:
            value = standard_flow(own.value, temperature.value, static, share, plant.barometric)
        else:
            value = dry(standard_state(own.value, temperature.value, static, plant.barometric), share)
        usable = own.usable & temperature.usable & pressure.usable & moisture.usable
        result[factor] = own._replace(value=value, usable=usable)
    return result
