"""Numbers changed between analyser and network 数据造假. What `size` means stands with each."""

import numpy as np

from park.model import HOUR, Values
from park.virtual.columns import NO_RECORD
from park.virtual.injections.scene import Change, Changes, Scene

LIKED_DIGITS = np.array([0.02, 0.06, 0.13, 0.17, 0.06, 0.08, 0.14, 0.17, 0.14, 0.03])
"""How often a person who invents numbers takes each last digit: round ones are avoided."""


def replaced_constant(scene: Scene) -> Changes:
    """A set value, `size` of the limit."""
    return {code: Change(np.full(scene.length, np.median(scene.ceiling(code)) * scene.size)) for code in scene.codes}


def simulated(scene: Scene) -> Changes:
    """A set value with a little invented noise: `size` of it, even, new at each reading, free of load."""
    changes: Changes = {}
    for code in scene.codes:
        noise = scene.size * (scene.rng.random(scene.length) * 2 - 1)
        changes[code] = Change(scene.level(code) * 0.9 * (1 + noise))
    return changes


def _driven(scene: Scene, code: str, share: float) -> Values:
    """The course as it would be if `share` of the readings stood over the limit."""
    v = scene.seen(code)
    return np.asarray(v / np.nanquantile(v / scene.ceiling(code), 1 - share))


def software_cap(scene: Scene) -> Changes:
    """Emission over the limit two thirds of the time, cut off at `size` limits."""
    changes: Changes = {}
    for code in scene.codes:
        cap = float(np.median(scene.ceiling(code))) * scene.size
        changes[code] = Change(np.minimum(_driven(scene, code, 0.66), cap))
    return changes


def range_lock(scene: Scene) -> Changes:
    """The span is set so low that all above the `size` quantile reads as its end."""
    changes: Changes = {}
    for code in scene.codes:
        v = scene.seen(code)
        changes[code] = Change(np.minimum(v, np.nanquantile(v, scene.size)))
    return changes


def slope_changed(scene: Scene) -> Changes:
    """All readings times `size`."""
    return {code: Change(scene.now(code) * scene.size) for code in scene.codes}


def intercept_changed(scene: Scene) -> Changes:
    """All readings lower by `size` of the usual level, never under the smallest reading."""
    changes: Changes = {}
    for code in scene.codes:
        lowest = scene.column(code).instrument.resolution
        changes[code] = Change(np.maximum(scene.now(code) - scene.size * scene.level(code), lowest))
    return changes


def smoothed(scene: Scene) -> Changes:
    """Mean of the last `size` hours (water: samples) instead of the reading."""
    changes: Changes = {}
    for code in scene.codes:
        every = max(scene.step, scene.column(code).instrument.hold) // scene.step
        width = max(2, round(scene.size * (1 if every > 1 else HOUR / scene.step))) * every
        known = np.flatnonzero(scene.column(code).usable[scene.rows])
        v = np.interp(np.arange(scene.length), known, scene.now(code)[known])
        padded = np.concatenate((np.full(width - 1, v[0]), v))
        means = np.convolve(padded, np.ones(width) / width, mode="valid")
        changes[code] = Change(scene.held(code, means))
    return changes


def hugging(scene: Scene) -> Changes:
    """Held at 94 % of the limit, give or take `size`; never over it."""
    changes: Changes = {}
    for code in scene.codes:
        ceiling = scene.ceiling(code)
        changes[code] = Change(np.minimum(ceiling * (0.94 + scene.size * scene.grain(code)), ceiling * 0.995))
    return changes


def invented_digits(scene: Scene) -> Changes:
    """The share `size` of the readings gets a last digit that a person likes."""
    changes: Changes = {}
    for code in scene.codes:
        v, step = scene.now(code), scene.column(code).instrument.resolution
        digits = scene.rng.choice(10, size=scene.length, p=LIKED_DIGITS)
        made = np.floor(v / (10 * step) + 1e-9) * 10 * step + digits * step
        changes[code] = Change(np.where(scene.rng.random(scene.length) < scene.size, made, v))
    return changes


def deleted_bad(scene: Scene) -> Changes:
    """The share `size` of the readings is over the limit and never sent."""
    changes: Changes = {}
    for code in scene.codes:
        usable = scene.column(code).usable[scene.rows]
        true = np.where(usable, _driven(scene, code, scene.size), scene.now(code))
        # A step of the reading below the limit, so that what is left does not round to over it.
        bad = usable & (true > scene.ceiling(code) - 2 * scene.column(code).instrument.resolution)
        flags = scene.flags(code)
        flags[bad] = NO_RECORD
        changes[code] = Change(np.where(bad, np.nan, true), flags)
    return changes
