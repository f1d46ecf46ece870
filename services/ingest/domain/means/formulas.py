"""The formulas of HJ 212-2017 appendix D and HJ 75-2017, each with its units; rounding at the edge only.

All take and give floats or numpy arrays alike, but `rounded` and `converted`.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

STANDARD_PRESSURE = 101_325.0
"""Pa."""
ZERO_CELSIUS = 273.0
"""K, as the standard has it."""
AIR_OXYGEN = 21.0
"""% by volume."""
MOLAR_VOLUME = 22.4
"""L/mol at 273 K and 101,325 Pa."""
NO2_MASS, NO_MASS = 46.0, 30.0
"""g/mol."""
SECONDS = 3600.0

Number = TypeVar("Number", float, NDArray[np.float64])


def rounded(value: float, decimals: int) -> float:
    """四舍六入五成双: half to even, judged on the decimal digits as written, so that 2.675 is 2.68."""
    return float(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN))


def standard_state(actual: Number, temperature: Number, static: Number, barometric: float) -> Number:
    """Concentration at 273 K and 101,325 Pa: Csn = Cs·(101325/(Ba+Ps))·((273+ts)/273). °C and Pa."""
    return actual * (STANDARD_PRESSURE / (barometric + static)) * ((ZERO_CELSIUS + temperature) / ZERO_CELSIUS)


def dry(wet: Number, moisture: Number) -> Number:
    """Concentration without water vapour: wet/(1−Xsw), `moisture` as a share."""
    return wet / (1.0 - moisture)


def standard_flow(actual: Number, temperature: Number, static: Number, moisture: Number, barometric: float) -> Number:
    """Dry flow at standard state: Qsn = Qs·273/(273+ts)·(Ba+Ps)/101325·(1−Xsw); °C, Pa, share."""
    state = ZERO_CELSIUS / (ZERO_CELSIUS + temperature) * (barometric + static) / STANDARD_PRESSURE
    return actual * state * (1.0 - moisture)


def mass_concentration(ppm: Number, molar_mass: float) -> Number:
    """mg/m³ from a volume share in ppm: CQ = M/22.4·CV."""
    return molar_mass / MOLAR_VOLUME * ppm


def nox_as_no2(no: Number, no2: Number) -> Number:
    """NOx as NO2, mg/m³: NO·M(NO2)/M(NO) + NO2."""
    return no * (NO2_MASS / NO_MASS) + no2


def excess_air(oxygen: float) -> float | None:
    """Excess air factor α = 21/(21−O2); None from 21 % on, where there is no combustion to speak of."""
    return None if oxygen >= AIR_OXYGEN else AIR_OXYGEN / (AIR_OXYGEN - oxygen)


def converted(measured: float, oxygen: float, *, reference: float | None, alpha: float | None = None) -> float | None:
    """Converted concentration 折算: C·α/αs where a reference α is set, else C·(21−O2s)/(21−O2).

    `oxygen` and `reference` in %. None where O2 is 21 % or more, or no reference is set.
    """
    excess = excess_air(oxygen)
    if excess is None:
        return None
    if alpha is not None:
        return measured * excess / alpha
    if reference is None:
        return None
    return measured * (AIR_OXYGEN - reference) / (AIR_OXYGEN - oxygen)


def water_volume(mean_flow: float, seconds: float = SECONDS) -> float:
    """m³ from a mean flow in L/s: D = Q·T·10⁻³."""
    return mean_flow * seconds / 1000.0


def mean_flow(volume: float, seconds: float = SECONDS) -> float:
    """L/s from a volume in m³: Q = D·1000/T."""
    return volume * 1000.0 / seconds


def water_emission(concentration: float, volume: float) -> float:
    """Mass in kg from mg/L and m³: G = C·D·10⁻³."""
    return concentration * volume / 1000.0


def gas_rate(concentration: float, flow: float) -> float:
    """kg/h from mg/m³ and m³/h, both dry at standard state: Gh = CQ·Qsn·10⁻⁶."""
    return concentration * flow * 1e-6


def ph_mean(values: NDArray[np.float64], *, by_median: bool) -> float:
    """The pH of a period: the median, or −lg of the mean hydrogen activity. Never the arithmetic mean of pH."""
    if by_median:
        return float(np.median(values))
    return float(-np.log10(np.mean(np.power(10.0, -values))))
