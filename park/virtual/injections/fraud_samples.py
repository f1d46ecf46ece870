"""What the analyser is given, or whose data are sent 采样造假. What `size` means stands with each."""

import numpy as np

from park.model import DAY, Values
from park.virtual.injections.scene import Change, Changes, Scene
from park.virtual.physics import AIR_O2
from park.virtual.plan import OXYGEN


def _thinned(scene: Scene, air: Values) -> Changes:
    """Air as a share of the gas: O2 towards that of air, all pollutants down alike; flow and load unchanged."""
    o2 = scene.now(OXYGEN)
    changes: Changes = {OXYGEN: Change(o2 + (AIR_O2 - o2) * air)}
    for code in scene.pollutants():
        changes[code] = Change(scene.now(code) * (1 - air))
    return changes


def dilution(scene: Scene) -> Changes:
    """`size` of the gas is air; its flow is not measured."""
    return _thinned(scene, scene.size * (1 + 0.03 * scene.rng.standard_normal(scene.length)))


def air_inlet(scene: Scene) -> Changes:
    """Air reaches the probe until O2 is about `size` %."""
    o2 = scene.now(OXYGEN)
    target = scene.size + 0.08 * scene.rng.standard_normal(scene.length)
    return _thinned(scene, np.clip((target - o2) / (AIR_O2 - o2), 0.0, 0.995))


def prepared_sample(scene: Scene) -> Changes:
    """The intake hangs in prepared water: all contents low, with noise of `size` only."""
    changes: Changes = {}
    for code in scene.codes:
        changes[code] = Change(0.35 * scene.level(code) * (1 + scene.size * scene.grain(code)))
    return changes


def _earlier(scene: Scene, noise: float) -> Changes:
    """The same hours of some days ago, the window wholly before the start."""
    days = -(-scene.length * scene.step // DAY) + int(scene.rng.integers(1, 12))
    back = days * DAY // scene.step
    source = slice(scene.rows.start - back, scene.rows.stop - back)
    changes: Changes = {}
    for code in scene.codes:
        column, now = scene.column(code), scene.now(code)
        past = column.v[source] + noise * scene.spread(code) * scene.grain(code)
        changes[code] = Change(np.where(column.usable[source], past, now))
    return changes


def replay_exact(scene: Scene) -> Changes:
    """A window of the outlet's own past, to the digit."""
    return _earlier(scene, 0.0)


def replay_noisy(scene: Scene) -> Changes:
    """The same with noise of `size` standard deviations."""
    return _earlier(scene, scene.size)


def shared_source(scene: Scene) -> Changes:
    """Another outlet's analyser feeds both: its course on this outlet's level, with noise of `size`."""
    if scene.other is None:
        raise ValueError("a shared source needs a second outlet")
    changes: Changes = {}
    for code in scene.codes:
        twin = scene.other.columns[code]
        usable = twin.usable[scene.rows]
        course = twin.v[scene.rows] / np.median(twin.v[scene.rows][usable])
        made = scene.level(code) * course * (1 + scene.size * scene.grain(code))
        changes[code] = Change(np.where(usable, made, scene.now(code)))
    return changes
