"""Physical identities: what follows from what, and holds whatever the plant does.

Each function takes columns of one outlet at the same moments (`columns` aligns and checks them) and gives
spans of consecutive breaches. A row without all its numbers, or a gap, ends a breach.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.surveys.finding import Finding, Reason, Span, Unjudged, require, require_positive
from services.detection.domain.surveys.series import breaks

AIR = 21.0  # volume percent of oxygen by which HJ 75-2017 and the emission standards convert
# Definitions of units: to mg/m3, m3/h and kg/h.
CONCENTRATIONS: Mapping[str, float] = {"ug/m3": 1e-3, "mg/m3": 1.0, "g/m3": 1e3, "ug/L": 1.0, "mg/L": 1e3}
FLOWS: Mapping[str, float] = {"m3/h": 1.0, "L/s": 3.6, "L/h": 1e-3, "m3/min": 60.0, "m3/s": 3600.0}
MASSES: Mapping[str, float] = {"kg/h": 1.0, "g/h": 1e-3, "g/s": 3.6, "mg/s": 3.6e-3, "kg/min": 60.0, "t/h": 1e3}
_MG_PER_KG = 1e6


@dataclass(frozen=True)
class Settings:
    """`tolerance` relative to what is expected, plus `absolute` in its unit for rounding.

    `least` consecutive breaches are told; `interval` seconds between rows. `oxygen_step` is the step in which
    oxygen is reported (HJ 212-2017 gives a19001 one decimal): near 21 % half of it moves the converted value
    by more than the tolerance, so that much is allowed on top. Configurable defaults.
    """

    tolerance: float = 0.02
    absolute: float = 0.0
    least: int = 3
    interval: float = 3600.0
    oxygen_step: float = 0.1

    def __post_init__(self) -> None:
        require_positive(tolerance=self.tolerance, least=self.least, interval=self.interval)
        for field, value in (("absolute", self.absolute), ("oxygen_step", self.oxygen_step)):
            require(math.isfinite(value) and value >= 0, field, f"must be zero or more, not {value}")


@dataclass(frozen=True)
class Breach:
    """Consecutive rows that break the identity; the worst of them, and what was expected there."""

    span: Span
    points: int
    value: float
    expected: float


@dataclass(frozen=True, kw_only=True)
class Identity(Finding):
    """`statistic` is the largest relative departure in a breach told (0 without), `reference` the tolerance.

    `points` rows were judged; `invalid` rows have all numbers, but ones from which nothing can follow
    (oxygen of 21 % and more, a negative flow).
    """

    identity: str
    breaches: tuple[Breach, ...] = ()
    invalid: int = 0


def converted(
    t: npt.ArrayLike,
    measured: npt.ArrayLike,
    oxygen: npt.ArrayLike,
    reported: npt.ArrayLike,
    reference_oxygen: float,
    settings: Settings | None = None,
) -> Identity:
    """折算浓度: reported = measured x (21 - reference) / (21 - oxygen), oxygen in volume percent.

    The reference oxygen 基准氧含量 is that of the plant's emission standard. Raises SurveyInputError for
    one that is not within 0 to 21.
    """
    require(0 <= reference_oxygen < AIR, "reference_oxygen", f"must be from 0 to below 21, not {reference_oxygen}")
    times, (c, o2, said) = _columns(t, measured=measured, oxygen=oxygen, reported=reported)
    possible = (o2 < AIR) & (o2 >= 0)
    settings, short = settings or Settings(), np.where(possible, AIR - o2, np.nan)
    expected = c * (AIR - reference_oxygen) / short
    # What the last digit of oxygen leaves open, as an amount; no end to it where the step reaches 21 %.
    half = settings.oxygen_step / 2
    slack = np.where(short > half, np.abs(expected) * half / np.where(short > half, short - half, 1.0), np.inf)
    return _judge("converted", times, said, expected, possible | np.isnan(o2), settings, slack)


def mass(
    t: npt.ArrayLike,
    concentration: tuple[npt.ArrayLike, str],
    flow: tuple[npt.ArrayLike, str],
    reported: tuple[npt.ArrayLike, str],
    settings: Settings | None = None,
) -> Identity:
    """Emission rate 排放量: reported = concentration x flow, each a column with its unit.

    Raises SurveyInputError for a unit that is not in CONCENTRATIONS, FLOWS or MASSES.
    """
    factors = []
    for field, unit, known in (
        ("concentration", concentration[1], CONCENTRATIONS),
        ("flow", flow[1], FLOWS),
        ("reported", reported[1], MASSES),
    ):
        require(unit in known, field, f"has unit {unit!r}, not one of {', '.join(known)}")
        factors.append(known[unit])
    times, (c, q, said) = _columns(t, concentration=concentration[0], flow=flow[0], reported=reported[0])
    possible = ~(q < 0)
    expected = np.where(possible, c * q, np.nan) * (factors[0] * factors[1] / (_MG_PER_KG * factors[2]))
    return _judge("mass", times, said, expected, possible, settings)


def at_most(
    t: npt.ArrayLike, part: npt.ArrayLike, whole: npt.ArrayLike, identity: str, settings: Settings | None = None
) -> Identity:
    """A part is not more than the whole: ammonia nitrogen 氨氮 and total nitrogen 总氮, BOD and COD."""
    times, (some, all_of_it) = _columns(t, part=part, whole=whole)
    expected = np.where(some > all_of_it, all_of_it, some)
    return _judge(identity, times, some, expected, np.ones(len(times), dtype=np.bool_), settings)


def parts_at_most(
    t: npt.ArrayLike, parts: Sequence[npt.ArrayLike], whole: npt.ArrayLike, settings: Settings | None = None
) -> Identity:
    """The parts together are not more than the whole; a row needs all of them."""
    require(len(parts) > 0, "parts", "must have one column or more")
    named = {f"part {number}": part for number, part in enumerate(parts, 1)}
    _, columns = _columns(t, **named, whole=whole)
    return at_most(t, np.sum(columns[:-1], axis=0), columns[-1], "parts_at_most", settings)


def _columns(t: npt.ArrayLike, **given: npt.ArrayLike) -> tuple[Integers, list[Floats]]:
    """Columns in order of time, of one moment the last row; infinities are no numbers."""
    times = np.asarray(t)
    require(
        times.ndim == 1 and (times.dtype.kind in "iu" or not times.size), "t", "must be one column of whole seconds"
    )
    order = np.argsort(times, kind="stable")
    times = times[order].astype(np.int64)
    last = np.append(np.diff(times) > 0, True)[: len(times)]
    columns = []
    for field, column in given.items():
        values = np.asarray(column)
        require(values.shape == order.shape, field, f"has shape {values.shape}, not {order.shape}")
        require(values.dtype.kind in "iuf" or not values.size, field, f"must be numbers, not {values.dtype}")
        numbers = values.astype(np.float64)[order][last]
        columns.append(np.where(np.abs(numbers) < 1e100, numbers, np.nan))  # noqa: PLR2004
    return times[last], columns


def _judge(  # noqa: PLR0913
    identity: str,
    t: Integers,
    said: Floats,
    expected: Floats,
    possible: npt.NDArray[np.bool_],
    settings: Settings | None,
    slack: Floats | float = 0.0,
) -> Identity:
    settings = settings or Settings()
    span = Span(int(t[0]), int(t[-1])) if len(t) else None
    judged = np.isfinite(said) & np.isfinite(expected)
    invalid, points = int(np.count_nonzero(~possible)), int(np.count_nonzero(judged))
    if not points:
        none = Unjudged(Reason.TOO_FEW, 0, 1)
        return Identity(span=span, points=0, unjudged=none, identity=identity, invalid=invalid)
    off = np.where(judged, np.abs(said - expected), 0.0)
    broken = off > settings.tolerance * np.abs(np.where(judged, expected, 0.0)) + settings.absolute + slack
    # Expected zero has no share to depart by: there the value said is the measure.
    share = off / np.where(judged & (expected != 0), np.abs(expected), np.maximum(np.abs(np.nan_to_num(said)), 1e-100))
    breaches, worst = [], 0.0
    for first, end in _runs(broken, breaks(t, settings.interval)):
        if end - first >= settings.least:
            at = first + int(np.argmax(share[first:end]))
            worst = max(worst, float(share[at]))
            told = Span(int(t[first]), int(t[end - 1]))
            breaches.append(Breach(told, end - first, float(said[at]), float(expected[at])))
    return Identity(
        span=span,
        points=points,
        statistic=worst,
        reference=settings.tolerance,
        found=bool(breaches),
        identity=identity,
        breaches=tuple(breaches),
        invalid=invalid,
    )


def _runs(broken: npt.NDArray[np.bool_], apart: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First row and row after the last of each run of breaches; a gap starts a new one."""
    before = np.append(False, broken[:-1])
    after = np.append(broken[1:] & ~apart[1:], False)
    firsts = np.flatnonzero(broken & (~before | apart))
    ends = np.flatnonzero(broken & ~after) + 1
    return list(zip(firsts.tolist(), ends.tolist(), strict=True))
