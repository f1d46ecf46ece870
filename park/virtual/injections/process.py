"""Plant and duty 工况与运维: treatment, flow, furnace, clock, calibration, marks. `size` is told with each."""

import numpy as np

from park.model import HOUR
from park.virtual.columns import CALIBRATION, MAINTENANCE, NORMAL
from park.virtual.injections.scene import Change, Changes, Scene
from park.virtual.plan import TREATMENT_POWER

DUTY_C = 850.0
"""Furnace temperature that must be kept, °C (GB 18485-2014)."""


def treatment_off(scene: Scene) -> Changes:
    """Pollutants times `size` within two hours, the power of treatment falls to a twentieth, production goes on."""
    rise = 1 + (scene.size - 1) * (1 - np.exp(-(scene.hours + 1) / 1.2))
    changes: Changes = {code: Change(scene.now(code) * rise) for code in scene.codes}
    changes[TREATMENT_POWER] = Change(scene.now(TREATMENT_POWER) * 0.05)
    return changes


def flow_mismatch(scene: Scene) -> Changes:
    """Flow reads `size` of what load says."""
    return {code: Change(scene.now(code) * scene.size) for code in scene.codes}


def furnace_cold(scene: Scene) -> Changes:
    """About `size` °C under 850."""
    changes: Changes = {}
    for code in scene.codes:
        cold = DUTY_C - scene.size * (1 + 0.2 * scene.rng.standard_normal(scene.length))
        changes[code] = Change(np.minimum(cold, DUTY_C - 1))
    return changes


def clock_shift(scene: Scene) -> Changes:
    """The logger's clock is `size` hours fast: a record carries what was measured `size` hours before its time."""
    back = int(scene.size * HOUR) // scene.step
    source = slice(scene.rows.start - back, scene.rows.stop - back)
    changes: Changes = {}
    for code in scene.codes:
        column = scene.column(code)
        changes[code] = Change(column.v[source].copy(), column.flags[source].copy())
    return changes


def calibration_overdue(scene: Scene) -> Changes:
    """No calibration in the span: its hours hold measured values under N."""
    changes: Changes = {}
    for code in scene.codes:
        flags, v = scene.flags(code), scene.now(code)
        rows = flags == CALIBRATION
        if not rows.any():
            continue
        known = np.flatnonzero((flags == NORMAL) & np.isfinite(v))
        between = np.interp(np.flatnonzero(rows), known, v[known])
        v[rows] = between + 0.3 * scene.jitter(code) * scene.rng.standard_normal(int(rows.sum()))
        flags[rows] = NORMAL
        changes[code] = Change(v, flags)
    return changes


def mark_late(scene: Scene) -> Changes:
    """Maintenance lowers the readings by `size`; its mark begins only half way."""
    changes: Changes = {}
    for code in scene.codes:
        usable = scene.column(code).usable[scene.rows]
        flags = scene.flags(code)
        late = np.arange(scene.length) >= scene.length // 2
        flags[late & usable] = MAINTENANCE
        changes[code] = Change(np.where(usable, scene.now(code) * (1 - scene.size), scene.now(code)), flags)
    return changes
