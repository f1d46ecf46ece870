"""Faults of analysers and links 设备故障. What `size` means stands with each."""

import numpy as np

from park.model import HOUR
from park.virtual.columns import NO_RECORD, OVER_RANGE
from park.virtual.injections.scene import Change, Changes, Scene


def stuck(scene: Scene) -> Changes:
    """The last reading for ever."""
    return {code: Change(np.full(scene.length, scene.past(code)[-1])) for code in scene.codes}


def low_variance(scene: Scene) -> Changes:
    """Fluctuation left over: `size` of the usual, about the usual level."""
    return {code: Change(_about(scene, code, scene.size)) for code in scene.codes}


def _about(scene: Scene, code: str, share: float) -> np.ndarray:
    v = scene.seen(code)
    return np.asarray(np.nanmean(v) + (v - np.nanmean(v)) * share)


def zero(scene: Scene) -> Changes:
    """Zero."""
    return {code: Change(np.zeros(scene.length)) for code in scene.codes}


def negative(scene: Scene) -> Changes:
    """About −`size` of the span."""
    changes: Changes = {}
    for code in scene.codes:
        depth = scene.size * scene.column(code).instrument.span[1]
        changes[code] = Change(-depth * (1 + 0.05 * np.abs(scene.grain(code))))
    return changes


def _spiked(scene: Scene, tops: np.ndarray) -> Changes:
    changes: Changes = {}
    for code in scene.codes:
        top = scene.size * scene.jitter(code) * (1 + 0.1 * np.abs(scene.rng.standard_normal(scene.length)))
        changes[code] = Change(np.where(tops, scene.now(code) + top, scene.now(code)))
    return changes


def spike_single(scene: Scene) -> Changes:
    """One reading up by `size` usual changes: one hour, or the first minute of minute data."""
    return _spiked(scene, np.arange(scene.length) < 1)


def spike_double(scene: Scene) -> Changes:
    """Two readings up by `size` usual changes."""
    return _spiked(scene, np.arange(scene.length) < 2)


def spike_cluster(scene: Scene) -> Changes:
    """Every fourth reading or so up by `size` usual changes, the first and the last too."""
    tops = scene.rng.random(scene.length) < 0.25
    tops[[0, -1]] = True
    return _spiked(scene, tops)


def step(scene: Scene) -> Changes:
    """Up by `size` of the usual level, at once."""
    return {code: Change(scene.now(code) + scene.size * scene.level(code)) for code in scene.codes}


def drift(scene: Scene) -> Changes:
    """Up by `size` of the usual level, little by little."""
    changes: Changes = {}
    for code in scene.codes:
        changes[code] = Change(scene.now(code) + scene.size * scene.level(code) * scene.held(code, scene.share))
    return changes


def noise_up(scene: Scene) -> Changes:
    """Noise of `size` usual changes on top, never under zero."""
    changes: Changes = {}
    for code in scene.codes:
        noisy = scene.now(code) + scene.size * scene.jitter(code) * scene.grain(code)
        changes[code] = Change(np.maximum(noisy, 0))
    return changes


def over_range(scene: Scene) -> Changes:
    """At `size` times the end of the span, flagged T as the logger does."""
    changes: Changes = {}
    for code in scene.codes:
        flags = scene.flags(code)
        usable = scene.column(code).usable[scene.rows]
        top = scene.column(code).instrument.span[1] * scene.size
        flags[usable] = OVER_RANGE
        changes[code] = Change(np.where(usable, top, scene.now(code)), flags)
    return changes


def _gone(scene: Scene, code: str, rows: np.ndarray) -> Change:
    flags = scene.flags(code)
    flags[rows] = NO_RECORD
    return Change(np.where(rows, np.nan, scene.now(code)), flags)


def missing_factor(scene: Scene) -> Changes:
    """No record of one factor."""
    return {code: _gone(scene, code, np.ones(scene.length, dtype=bool)) for code in scene.codes}


def missing_all(scene: Scene) -> Changes:
    """No record of anything the station measures."""
    return missing_factor(scene)


def rate_jump(scene: Scene) -> Changes:
    """Up by `size` of the usual level at once, falling off over some hours."""
    changes: Changes = {}
    for code in scene.codes:
        fall = np.exp(-scene.held(code, scene.hours) / 4)
        changes[code] = Change(scene.now(code) + scene.size * scene.level(code) * fall)
    return changes


def intermittent(scene: Scene) -> Changes:
    """The share `size` of the hours is not sent, the first and the last among them."""
    draws = scene.rng.random(scene.length * scene.step // HOUR) < scene.size
    draws[[0, -1]] = True
    rows = np.repeat(draws, HOUR // scene.step)
    return {code: _gone(scene, code, rows) for code in scene.codes}
