"""Rows of one outlet for the tests of relations."""

from collections.abc import Mapping, Sequence

import numpy as np

from services.detection.domain.checks.definition import Traits
from services.detection.domain.kernel import Batch
from services.detection.domain.relations.definition import NOT_SENT, Marked, Numbers, Relation, Rows
from services.detection.domain.rules import parameters
from shared.contracts.ingest import Medium, ReadingKind
from tests.detection.domain.makers import T0, make_rules

HOURS = 24 * 14
POWER = "power-production"
Values = Sequence[float | None]


def make_rows(
    values: Mapping[str, Values],
    flags: Mapping[str, str] | None = None,
    *,
    usual: Mapping[str, float] | None = None,
    expected: Mapping[tuple[str, str], tuple[float, float]] | None = None,
    trade: str = "thermal_power",
    units: Mapping[str, str] | None = None,
    resolution: float | None = None,
) -> Rows:
    """Hour rows; None is no number, flags are a letter a row, `.` for a factor that is absent from it."""
    number = len(next(iter(values.values())))

    def codes(factor: str) -> np.ndarray:
        letters = (flags or {}).get(factor, "N" * number)
        return np.array([NOT_SENT if letter == "." else ord(letter) for letter in letters], dtype=np.uint8)

    def full(value: float) -> np.ndarray:
        return np.full(number, value)

    return Rows(
        T0 + 3600 * np.arange(number, dtype=np.int64),
        3600.0,
        {factor: np.array([np.nan if v is None else v for v in column]) for factor, column in values.items()},
        {factor: codes(factor) for factor in values},
        {factor: traits_of(factor, trade, (units or {}).get(factor, ""), resolution) for factor in values},
        {factor: full(level) for factor, level in (usual or {}).items()},
        {pair: (full(one), full(other)) for pair, (one, other) in (expected or {}).items()},
    )


def traits_of(factor: str, trade: str = "", unit: str = "", resolution: float | None = None) -> Traits:
    medium = Medium.WATER if factor.startswith("w") else Medium.GAS
    return Traits(ReadingKind.HOUR, medium, factor, 3600.0, resolution, None, trade, unit)


def numbers_of(relation: Relation, rows: Rows) -> Numbers:
    """Numbers of the shipped rule for hour rows."""
    (rule,) = [one for one in make_rules() if one.check is relation]
    return lambda factor: parameters(rule, rows.traits.get(factor) or traits_of(factor))


def mark(relation: Relation, rows: Rows) -> dict[str, Marked]:
    """What the relation says by accused factor, under the shipped rule."""
    return {one.factor: one for one in relation.mark(rows, numbers_of(relation, rows))}


def broken(relation: Relation, rows: Rows, factor: str) -> list[float | None]:
    """1 broken, 0 in order, None not judged, by row."""
    found = mark(relation, rows)[factor].broken
    return [None if np.isnan(one) else float(one) for one in found]


def make_columns(hours: int = HOURS) -> dict[str, Batch]:
    """A coal boiler with power use and a flow that follows it, and what is wrong with it in the second week."""
    chance = np.random.default_rng(7)
    at = np.arange(hours)
    load = 0.8 + 0.15 * np.sin(at / 6.0)
    o2 = 8.0 - 3.0 * (load - 0.8) + chance.normal(0.0, 0.1, hours)
    so2 = 30.0 * load * (1.0 + chance.normal(0.0, 0.05, hours))
    flow = 100.0 * load * (1.0 + chance.normal(0.0, 0.01, hours))
    air = (at >= 240) & (at < 252)
    o2, so2 = np.where(air, o2 + (20.9 - o2) * 0.5, o2), np.where(air, so2 * 0.5, so2)
    so2 = np.where((at >= 300) & (at < 306), 0.0, so2)
    converted = so2 * 15.0 / (21.0 - o2)
    converted[200:220] = so2[200:220]
    mass = so2 * flow * 3600.0 * 1e-6
    mass[225:236] *= 0.6
    flags = np.full(hours, ord("N"), dtype=np.uint8)
    flags[270:280] = ord("F")
    values = {"a19001": o2, "a21026": so2, "a00000": flow, "a21026-Zs": converted, "a21026-Cou": mass}
    t = T0 + 3600 * at.astype(np.int64)
    limits = np.full((hours, 2), np.nan)
    columns = {factor: Batch(t, v, flags, limits) for factor, v in values.items()}
    return columns | {POWER: Batch(t, 5000.0 * load, np.full(hours, ord("N"), dtype=np.uint8), limits)}
