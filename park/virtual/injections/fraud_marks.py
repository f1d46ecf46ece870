"""Tampered parameters, computed values and marks 参数与标记造假. What `size` means stands with each."""

import numpy as np

from park.virtual.columns import CONVERTED, MAINTENANCE, NO_RECORD, NORMAL, STOPPED
from park.virtual.injections.scene import Change, Changes, Scene


def oxygen_pinned(scene: Scene) -> Changes:
    """O2 set to a flattering value a little under the usual, noise of `size` %."""
    changes: Changes = {}
    for code in scene.codes:
        changes[code] = Change(scene.level(code) * 0.93 + scene.size * scene.rng.standard_normal(scene.length))
    return changes


def stale_conversion(scene: Scene) -> Changes:
    """The raw value times one factor whatever O2 says: `size` of the usual one."""
    changes: Changes = {}
    for code in scene.codes:
        raw = code.removesuffix(CONVERTED)
        changes[code] = Change(scene.now(raw) * (scene.size * scene.level(code) / scene.level(raw)))
    return changes


def mass_mismatch(scene: Scene) -> Changes:
    """The mass sent is `size` of concentration times flow."""
    return {code: Change(scene.now(code) * scene.size) for code in scene.codes}


def _flagged(scene: Scene, code: str, rows: np.ndarray, flag: int) -> np.ndarray:
    flags = scene.flags(code)
    flags[rows & (flags == NORMAL)] = flag
    return flags


def marked_stopped(scene: Scene) -> Changes:
    """Everything marked F while readings, load and power go on."""
    rows = np.ones(scene.length, dtype=bool)
    return {code: Change(scene.now(code), _flagged(scene, code, rows, STOPPED)) for code in scene.codes}


def false_maintenance(scene: Scene) -> Changes:
    """Over the limit by `size`; after the first quarter of the span a maintenance mark covers it."""
    changes: Changes = {}
    for code in scene.codes:
        usable = scene.column(code).usable[scene.rows]
        ceiling = scene.ceiling(code)
        high = np.maximum(ceiling * scene.size * scene.shape(code) ** 0.15, ceiling * 1.02)
        covered = np.arange(scene.length) >= max(1, scene.length // 4)
        flags = _flagged(scene, code, covered & usable, MAINTENANCE)
        changes[code] = Change(np.where(usable, high, scene.now(code)), flags)
    return changes


def monitor_off(scene: Scene) -> Changes:
    """Analysers off while load and power go on: no records (`size` −1), or `size` of the span for ever."""
    changes: Changes = {}
    for code in scene.codes:
        usable = scene.column(code).usable[scene.rows]
        flags = scene.flags(code)
        rest = np.nan if scene.size < 0 else scene.size * scene.column(code).instrument.span[1]
        if scene.size < 0:
            flags[usable] = NO_RECORD
        changes[code] = Change(np.where(usable, rest, scene.now(code)), flags)
    return changes
