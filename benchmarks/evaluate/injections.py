"""Faults and tricks put into honest series: each kind at three strengths, twenty places each, by seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.evaluate.cases import Case, Line, part
from services.detection.domain.evaluation import Span

TUNING, REPORTING = 7_000, 42_000
"""First seeds; thresholds are chosen on the one, figures told on the other."""
STRENGTHS = ("weak", "medium", "strong")
PLACES = 20
BEFORE, AFTER = 720, 120
"""Points before an injection, to learn from, and after it."""


@dataclass(frozen=True)
class Place:
    """Where a change is made: the values before it, the stretch itself, and how strong it is (0, 1, 2)."""

    history: np.ndarray
    stretch: np.ndarray
    resolution: float
    span: float
    strength: int
    chance: np.random.Generator

    @property
    def spread(self) -> float:
        """Robust deviation of the history."""
        usual = self.history[np.isfinite(self.history)]
        low, high = np.quantile(usual, [0.25, 0.75])
        return max(float(high - low) / 1.349, self.resolution)

    @property
    def noise(self) -> float:
        """Robust size of one step of the history."""
        steps = np.abs(np.diff(self.history))
        return max(float(np.nanmedian(steps)), self.resolution)


@dataclass(frozen=True)
class Injection:
    """A kind, its length in samples by strength, how it changes the stretch, and the checks that name it rightly."""

    kind: str
    lengths: tuple[int, int, int]
    change: Callable[[Place], np.ndarray]
    fits: frozenset[str]


def _constant(place: Place) -> np.ndarray:
    return np.full_like(place.stretch, place.stretch[0])


def _step(place: Place) -> np.ndarray:
    return place.stretch + (2, 4, 8)[place.strength] * place.spread * place.chance.choice([-1, 1])


def _spike(place: Place) -> np.ndarray:
    return place.stretch + (4, 8, 16)[place.strength] * max(place.spread, 4 * place.noise)


def _drift(place: Place) -> np.ndarray:
    return place.stretch + np.linspace(0, (3, 6, 12)[place.strength] * place.spread, len(place.stretch))


def _smoothing(place: Place) -> np.ndarray:
    width = (3, 5, 10)[place.strength]
    joined = np.concatenate((place.history[-width + 1 :], place.stretch))
    return np.convolve(joined, np.full(width, 1.0 / width), mode="valid")


def _replay(place: Place) -> np.ndarray:
    """The latest history again, as often as it fits; weak: with noise of a step, medium: with one resolution."""
    source = np.resize(place.history[-max(24, len(place.stretch) // 2) :], len(place.stretch))
    return source + place.chance.normal(0, 1, len(source)) * (place.noise, place.resolution, 0.0)[place.strength]


def _cap(place: Place) -> np.ndarray:
    return np.minimum(place.stretch, np.quantile(place.stretch, (0.9, 0.75, 0.5)[place.strength]))


def _low_variance(place: Place) -> np.ndarray:
    middle = np.median(place.stretch)
    return middle + (place.stretch - middle) * (0.2, 0.1, 0.03)[place.strength]


def _zero(place: Place) -> np.ndarray:
    return np.zeros_like(place.stretch)


def _missing(place: Place) -> np.ndarray:
    return np.full_like(place.stretch, np.nan)


def _fits(*checks: str) -> frozenset[str]:
    return frozenset(checks)


INJECTIONS: tuple[Injection, ...] = (
    Injection("constant", (8, 16, 48), _constant, _fits("constant", "low_variance")),
    Injection("step", (48, 48, 48), _step, _fits("step", "rate", "parameter_shift", "shift")),
    Injection("spike", (1, 1, 1), _spike, _fits("spike", "rate")),
    Injection("drift", (168, 168, 168), _drift, _fits("drift", "trend")),
    Injection("smoothing", (72, 120, 168), _smoothing, _fits("smoothness")),
    Injection("replay", (48, 72, 120), _replay, _fits("replay", "noisy_replay")),
    Injection("cap", (72, 72, 72), _cap, _fits("cap", "plateau")),
    Injection("low_variance", (48, 72, 120), _low_variance, _fits("low_variance", "constant")),
    Injection("zero", (4, 12, 24), _zero, _fits("zero", "range", "negative")),
    Injection("missing", (2, 6, 24), _missing, _fits("missing")),
)
HOURLY, MINUTES_A_SAMPLE = 3600, 15
"""Lengths are of hourly samples; by the minute each is a quarter of an hour, a spike remains one point."""


def injections(grounds: Sequence[Line], seed: int, places: int = PLACES) -> list[Case]:
    """Cases of every kind and strength; the same seed gives the same cases."""
    cases = []
    for number, injection in enumerate(INJECTIONS):
        for strength in range(len(STRENGTHS)):
            for place in range(places):
                chance = np.random.default_rng((seed, number, strength, place))
                cases.append(_case(grounds, injection, strength, chance))
    return cases


def _case(grounds: Sequence[Line], injection: Injection, strength: int, chance: np.random.Generator) -> Case:
    length, ground, first = _choose(grounds, injection.lengths[strength], chance)
    window = part(ground, first - BEFORE, first + length + AFTER)
    columns, end = window.columns, BEFORE + length
    known = window.traits.resolution
    place = Place(
        history=columns.v[:BEFORE],
        stretch=columns.v[BEFORE:end],
        resolution=known or 1e-6,
        span=window.traits.span or 1.0,
        strength=strength,
        chance=chance,
    )
    v = columns.v.copy()
    v[BEFORE:end] = injection.change(place)
    if known:
        v = np.round(np.round(v / known) * known, 9)
    interval = int(window.traits.interval)
    start = int(columns.t[BEFORE])
    name = f"{injection.kind} {STRENGTHS[strength]}"
    label = Span(start, int(columns.t[end - 1]) + interval, name, start)
    changed = replace(window, columns=replace(columns, v=v))
    ignore = frozenset() if injection.kind == "missing" else frozenset({"missing"})
    fits = {name: injection.fits}
    return Case("injected", name, (changed,), (label,), kinds=True, ignore=ignore, fits=fits)


def _choose(grounds: Sequence[Line], hours: int, chance: np.random.Generator) -> tuple[int, Line, int]:
    """A stretch of present values, long enough; a ground that has none there is left for another."""
    for _ in range(1000):
        ground = grounds[int(chance.integers(len(grounds)))]
        minute = ground.traits.interval < HOURLY and hours > 1
        length = hours * MINUTES_A_SAMPLE if minute else hours
        last = len(ground.columns.t) - length - AFTER
        if last <= BEFORE:
            continue
        first = int(chance.integers(BEFORE, last))
        there = slice(first - BEFORE, first + length + AFTER)
        columns = ground.columns
        if np.isfinite(columns.v[there]).all() and not (columns.flags[there] == ord("F")).any():
            return length, ground, first
    raise ValueError(f"no honest stretch of {hours} samples among {len(grounds)} series")
