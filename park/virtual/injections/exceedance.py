"""True exceedances 超标: `size` is the height in limits."""

import numpy as np

from park.virtual.injections.scene import Change, Changes, Scene


def _raised(scene: Scene, calm: float) -> Changes:
    """Around `size` limits with a remnant of the usual course; at least 1 % above the limit."""
    changes: Changes = {}
    for code in scene.codes:
        ceiling = scene.ceiling(code)
        course = scene.shape(code) ** calm * (1 + 0.015 * scene.grain(code))
        changes[code] = Change(np.maximum(ceiling * scene.size * course, ceiling * 1.01 + 2 * _step(scene, code)))
    return changes


def _step(scene: Scene, code: str) -> float:
    return scene.column(code).instrument.resolution


def exceed_hour(scene: Scene) -> Changes:
    """Some hours over the limit."""
    return _raised(scene, 0.15)


def exceed_day(scene: Scene) -> Changes:
    """Whole days over the limit."""
    return _raised(scene, 0.1)


def creep(scene: Scene) -> Changes:
    """From the usual level to `size` limits over the whole span, as when catalyst or sludge fails."""
    changes: Changes = {}
    for code in scene.codes:
        v, top = scene.now(code), scene.ceiling(code) * scene.size
        share = scene.held(code, scene.share)
        changes[code] = Change(v * (1 - share) + top * share * scene.shape(code) ** 0.3)
    return changes
