"""Write one event into an outlet: the kind's function, then what is computed from the changed readings."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from park.model import Times
from park.virtual.analyser import DERIVED, derived, settled, sources
from park.virtual.columns import INDEPENDENT, Column, Role, Truth, VirtualOutlet
from park.virtual.injections import exceedance, faults, fraud_marks, fraud_samples, fraud_values, process
from park.virtual.injections.kinds import Aim, Kind, Strength, kinds
from park.virtual.injections.scene import Change, Changes, Scene
from park.virtual.plan import BOD

FAMILIES = {
    "exceedance": exceedance,
    "faults": faults,
    "fraud_values": fraud_values,
    "fraud_samples": fraud_samples,
    "fraud_marks": fraud_marks,
    "process": process,
}
ONE_OF = {Aim.POLLUTANT: Role.POLLUTANT, Aim.CONVERTED: Role.CONVERTED, Aim.MASS: Role.MASS}
ALL_OF = {Aim.POLLUTANTS: Role.POLLUTANT, Aim.OXYGEN: Role.OXYGEN, Aim.FLOW: Role.FLOW, Aim.FURNACE: Role.FURNACE}


@dataclass(frozen=True)
class Ground:
    """What events are written into: the park's times and step, its seed, and the honest outlets for borrowed data."""

    seed: int
    times: Times
    step: int
    honest: dict[str, VirtualOutlet]


def function_of(kind: Kind) -> Callable[[Scene], Changes]:
    """The function that writes a kind. Raises AttributeError where the table names one that does not exist."""
    found: Callable[[Scene], Changes] = getattr(FAMILIES[kind.family], kind.code)
    return found


def aimed(kind: Kind, outlet: VirtualOutlet, rng: np.random.Generator) -> tuple[str, ...]:
    """Factors a new event is aimed at; empty where the outlet has none such."""
    if kind.aim in ONE_OF:
        among = [code for code in outlet.of(ONE_OF[kind.aim]) if code != BOD]
        return (among[int(rng.integers(len(among)))],) if among else ()
    if kind.aim in ALL_OF:
        return outlet.of(ALL_OF[kind.aim])
    if kind.aim is Aim.SAMPLE:
        return outlet.of(Role.OXYGEN, Role.POLLUTANT)
    away = (*INDEPENDENT, *DERIVED) if kind.aim is Aim.STATION else INDEPENDENT
    return tuple(code for code, column in outlet.columns.items() if column.instrument.role not in away)


def apply(ground: Ground, outlet: VirtualOutlet, truth: Truth) -> tuple[VirtualOutlet, Truth]:
    """The outlet with the event in it, and the truth with the columns it really changed. The outlet is not altered."""
    kind = kinds()[truth.kind]
    rows = slice(*(int(np.searchsorted(ground.times, moment)) for moment in (truth.start, truth.end)))
    scene = Scene(
        outlet=ground.honest[truth.outlet],
        times=ground.times,
        step=ground.step,
        rows=rows,
        codes=truth.factors,
        size=kind.size[Strength(truth.strength)],
        rng=np.random.default_rng(np.random.SeedSequence([ground.seed, truth.number, 7])),
        other=ground.honest[truth.other] if truth.other else None,
    )
    made = {code: _cut(outlet.columns[code], rows, change) for code, change in function_of(kind)(scene).items()}
    if kind.derived:
        made |= _followers(scene, made)
    touched = {code: column for code, column in made.items() if _differs(outlet.columns[code], rows, column)}
    columns = outlet.columns | {code: _pasted(outlet.columns[code], rows, column) for code, column in touched.items()}
    ordered = tuple(code for code in outlet.columns if code in touched)
    return replace(outlet, columns=columns), replace(truth, touched=ordered)


def _cut(column: Column, rows: slice, change: Change) -> Column:
    """The changed span as a column of its own; without new flags only usable rows change."""
    flags = column.flags[rows].copy() if change.flags is None else change.flags
    v = np.where(column.usable[rows], change.v, column.v[rows]) if change.flags is None else change.v
    return settled(Column(column.instrument, np.asarray(v, dtype=np.float64), flags))


def _followers(scene: Scene, made: dict[str, Column]) -> dict[str, Column]:
    """Converted values and masses whose sources changed, computed anew from the readings of the span."""
    plan = scene.outlet.plan
    whole = {
        code: made.get(code) or Column(column.instrument, column.v[scene.rows], column.flags[scene.rows])
        for code, column in scene.outlet.columns.items()
    }
    found = {}
    for code in scene.outlet.of(*DERIVED):
        if not made.keys().isdisjoint(sources(code, plan.trade.medium)):
            found[code] = derived(whole[code].instrument, whole, plan, scene.step)
    return found


def _differs(column: Column, rows: slice, made: Column) -> bool:
    same = np.array_equal(column.v[rows], made.v, equal_nan=True)
    return not (same and np.array_equal(column.flags[rows], made.flags))


def _pasted(column: Column, rows: slice, made: Column) -> Column:
    v, flags = column.v.copy(), column.flags.copy()
    v[rows], flags[rows] = made.v, made.flags
    return replace(column, v=v, flags=flags)
