"""What the virtual park is made of: series by outlet and factor, marks, and the truth about what was injected."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from park.model import Times, Values
from park.virtual.trades import Trade

Flags = npt.NDArray[np.uint8]

NORMAL, STOPPED, MAINTENANCE, FAULT, CALIBRATION, OVER_RANGE = (ord(letter) for letter in "NFMDCT")
NO_RECORD = 0
"""The flag of a row that was never sent; its value is NaN."""
CONVERTED, MASS = "-Zs", "-Cou"
"""Endings of HJ 212: converted concentration 折算值, mass emitted in the period 排放量."""


class Role(StrEnum):
    """What a factor is to its outlet."""

    POLLUTANT = "pollutant"
    CONVERTED = "converted"
    MASS = "mass"
    OXYGEN = "oxygen"
    FLOW = "flow"
    TEMPERATURE = "temperature"
    FURNACE = "furnace"
    PH = "ph"
    LOAD = "load"
    POWER = "power"


INDEPENDENT = (Role.LOAD, Role.POWER)
"""Factors that come from the plant and its power meters, not from the monitoring station."""


@dataclass(frozen=True)
class Instrument:
    """One factor of one outlet: unit, step of the reading, span, limits; `hold` seconds between samples (0: always)."""

    code: str
    role: Role
    unit: str
    resolution: float
    span: tuple[float, float]
    lower: float | None = None
    upper: float | None = None
    hold: int = 0


@dataclass(frozen=True)
class Column:
    """An instrument's readings on the time grid of its park: values (NaN where none) and flags of HJ 212 (letters)."""

    instrument: Instrument
    v: Values
    flags: Flags

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """Rows with a number under N."""
        return np.asarray((self.flags == NORMAL) & np.isfinite(self.v))


class Series(NamedTuple):
    """One (outlet, factor) as a detector takes it."""

    t: Times
    v: Values
    flags: Flags
    limits: tuple[float | None, float | None]
    resolution: float
    span: tuple[float, float]


@dataclass(frozen=True)
class Mark:
    """An honest event with what the people wrote: it truly lasted `start` to `end`, the mark says `shown` (or nothing).

    `care`: exact, late, long or forgotten.
    """

    kind: str
    start: int
    end: int
    shown: tuple[int, int] | None
    flag: int
    factors: tuple[str, ...] = ()
    care: str = "exact"
    size: float = 1.0


@dataclass(frozen=True)
class OutletPlan:
    """One outlet's plant: its trade and the constants drawn for it."""

    key: str
    index: int
    seed: int
    trade: Trade
    flow: float
    power: float
    treatment_share: float
    levels: tuple[float, ...]
    phase: int
    """Seconds after the even hour at which the water analysers take their sample."""
    busy: float
    """Usual share of full load."""


@dataclass(frozen=True)
class Truth:
    """One event, injected or natural: `factors` it was aimed at, `touched` all columns it changed; `end` excluded."""

    number: int
    outlet: str
    kind: str
    strength: str
    factors: tuple[str, ...]
    touched: tuple[str, ...]
    start: int
    end: int
    other: str | None = None
    """The outlet whose data were used, where there is one."""


@dataclass(frozen=True)
class VirtualOutlet:
    """One outlet with its columns by factor code and its honest events."""

    plan: OutletPlan
    columns: dict[str, Column]
    marks: tuple[Mark, ...]

    def of(self, *roles: Role) -> tuple[str, ...]:
        """Codes of the factors with these roles."""
        return tuple(code for code, column in self.columns.items() if column.instrument.role in roles)


@dataclass(frozen=True)
class VirtualPark:
    """The whole park on one grid of times `t` (unix seconds of the period's start), `step` seconds apart."""

    seed: int
    step: int
    t: Times
    outlets: dict[str, VirtualOutlet]
    truths: tuple[Truth, ...] = ()
    natural: tuple[Truth, ...] = ()
    """What went wrong by itself, numbered for itself at each outlet; see `park.virtual.natural`."""

    def series(self, outlet: str, factor: str) -> Series:
        """One series. Raises KeyError for an unknown outlet or factor."""
        column = self.outlets[outlet].columns[factor]
        made = column.instrument
        return Series(self.t, column.v, column.flags, (made.lower, made.upper), made.resolution, made.span)
