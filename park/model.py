"""Outlets with plausible behaviour: the same time always gives the same value, so history and live traffic meet.

A factor's value is its base, times a daily cycle, times slow wander shared by the outlet's load, plus grain of the
analyser, rounded to the step the analyser reports. Noise is a hash of (seed, time), not a running generator: any span
can be computed alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

DAY = 86_400
HOUR = 3_600
MINUTE = 60
PARK_OFFSET = 8 * HOUR
"""Beijing time, where the daily cycle turns."""


def hash01(seed: int, keys: Times) -> Values:
    """Even noise in 0..1 from (seed, key), the splitmix64 finaliser."""
    x = keys.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def wander(seed: int, times: Times, period: int) -> Values:
    """Smooth noise in -1..1 that changes over about `period` seconds."""
    step, rest = np.divmod(times, period)
    share = rest / period
    share = share * share * (3 - 2 * share)
    low, high = hash01(seed, step), hash01(seed, step + 1)
    return (low + (high - low) * share) * 2 - 1


class EventKind(StrEnum):
    """What an injected event does to a factor."""

    RAISE = "raise"
    HOLD = "hold"
    DROP = "drop"
    SPIKE = "spike"


@dataclass(frozen=True)
class Event:
    """Something that truly happens at an outlet: kind, factors, span (unix seconds, end excluded), strength."""

    kind: EventKind
    factors: tuple[str, ...]
    start: int
    end: int
    size: float = 1.0
    """RAISE and SPIKE: times the base at the top; HOLD: times the base of the held value."""


@dataclass(frozen=True)
class FactorModel:
    """One factor of one outlet. `base` in `unit`; `cycle`, `drift`, `grain` are shares of the base."""

    code: str
    unit: str
    base: float
    resolution: float
    cycle: float = 0.08
    drift: float = 0.10
    grain: float = 0.012
    span_low: float = 0.0
    span_high: float | None = None
    upper: float | None = None
    lower: float | None = None
    standard: str = ""


@dataclass(frozen=True)
class OutletModel:
    """One outlet with its logger (MN) and its factors."""

    enterprise: str
    code: str
    name_zh: str
    name_en: str
    medium: str
    mn: str
    password: str
    factors: tuple[FactorModel, ...]
    edition: str = "2017"
    latitude: float | None = None
    longitude: float | None = None
    events: tuple[Event, ...] = field(default=(), compare=False)

    @property
    def system(self) -> str:
        """HJ 212 system code: 32 surface-water source, 31 air source."""
        return "32" if self.medium == "water" else "31"

    def _honest(self, factor: FactorModel, times: Times) -> Values:
        seed = crc32(f"{self.enterprise}/{self.code}/{factor.code}".encode())
        load = wander(crc32(f"{self.enterprise}/{self.code}".encode()), times, 7 * HOUR)
        hour = ((times + PARK_OFFSET) % DAY) / HOUR
        cycle = np.cos((hour - 14) / 24 * 2 * np.pi)
        own = 0.5 * wander(seed, times, 3 * HOUR) + 0.9 * wander(seed + 4, times, 97 * MINUTE)
        slow = 0.6 * load + own + 0.3 * wander(seed + 1, times, 25 * MINUTE)
        grain = hash01(seed + 2, times) + hash01(seed + 3, times) - 1
        return factor.base * (1 + factor.cycle * cycle + factor.drift * slow + factor.grain * grain)

    def minutes(self, times: Times) -> dict[str, Values]:
        """Minute means by factor at `times` (unix seconds of the period's start); NaN where nothing is sent."""
        return {factor.code: self._happened(factor, times, self._honest(factor, times)) for factor in self.factors}

    def hours(self, times: Times) -> dict[str, Values]:
        """Hour means by factor: the mean of the 60 minutes; NaN below 45 of them (HJ 75)."""
        grid = (times[:, None] + np.arange(0, HOUR, MINUTE)[None, :]).ravel()
        result: dict[str, Values] = {}
        for factor in self.factors:
            block = self._happened(factor, grid, self._honest(factor, grid)).reshape(len(times), HOUR // MINUTE)
            counted = np.isfinite(block).sum(axis=1)
            total = np.nansum(block, axis=1)
            means = np.where(counted >= 45, total / np.maximum(counted, 1), np.nan)
            result[factor.code] = rounded(means, factor.resolution)
        return result

    def _happened(self, factor: FactorModel, times: Times, values: Values) -> Values:
        for event in self.events:
            if factor.code in event.factors or "*" in event.factors:
                values = _apply(event, factor, times, values)
        return rounded(values, factor.resolution)


def rounded(values: Values, step: float) -> Values:
    """Values in whole steps of the reading."""
    digits = max(0, round(-np.log10(step)))
    return np.round(np.round(values / step) * step, digits)


def _apply(event: Event, factor: FactorModel, times: Times, values: Values) -> Values:
    inside = (times >= event.start) & (times < event.end)
    if not inside.any():
        return values
    values = values.copy()
    if event.kind is EventKind.DROP:
        values[inside] = np.nan
    elif event.kind is EventKind.HOLD or event.kind is EventKind.SPIKE:
        values[inside] = factor.base * event.size
    else:
        share = (times[inside] - event.start) / (event.end - event.start)
        plateau = np.minimum(1.0, np.minimum(share, 1 - share) * 8)
        values[inside] += factor.base * (event.size - 1) * plateau
    return values


def grid(since: int, until: int, step: int) -> Times:
    """Times from the first multiple of `step` at or after `since` to before `until`."""
    first = -(-since // step) * step
    return np.arange(first, until, step, dtype=np.int64)


def rows(values: dict[str, Values], times: Times) -> Sequence[tuple[int, dict[str, float | None]]]:
    """Per time the factors that have a value; times without any are left out."""
    result: list[tuple[int, dict[str, float | None]]] = []
    for index, moment in enumerate(times.tolist()):
        present: dict[str, float | None] = {
            code: float(column[index]) for code, column in values.items() if np.isfinite(column[index])
        }
        if present:
            result.append((moment, present))
    return result


def factor_from(code: str, row: dict[str, Any]) -> FactorModel:
    """A factor from a line of the park's YAML."""
    return FactorModel(code=code, **row)
