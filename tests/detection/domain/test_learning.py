"""Thresholds learnt from a series' own history."""

from collections.abc import Sequence

import numpy as np
import pytest

from services.detection.domain.kernel import Batch
from services.detection.domain.learning import Learnt, learn, study
from services.detection.domain.rules import plan
from tests.detection.domain.makers import DAY, T0, make_rules, make_traits

DAYS = 40


def make_history(v: np.ndarray, *, flag: str = "N") -> Batch:
    t = T0 + 3600 * np.arange(len(v), dtype=np.int64)
    return Batch(t, v, np.full(len(v), ord(flag), np.uint8), np.full((len(v), 2), np.nan))


def make_noise(seed: int = 1, days: int = DAYS) -> np.ndarray:
    return np.round(60 + np.random.default_rng(seed).normal(0, 5, 24 * days), 2)


def hold(v: np.ndarray, length: int, starts: range) -> np.ndarray:
    """The same series, which repeats itself for `length` readings at each start."""
    v = v.copy()
    for start in starts:
        v[start : start + length] = v[start]
    return v


def learnt_of(v: np.ndarray, rule: str, wrong: Sequence[tuple[int, int]] = ()) -> Learnt | None:
    return next(
        (one for one in study(make_rules(), make_traits(), make_history(v), wrong=wrong) if one.rule == rule), None
    )


def test_a_series_that_repeats_itself_by_nature_gets_longer_constant_runs():
    calm = learnt_of(make_noise(), "CONST")
    stepwise = learnt_of(hold(make_noise(), 5, range(20, 900, 20)), "CONST")
    assert calm is not None
    assert calm.value == calm.default == 6.0
    assert stepwise is not None
    # A reading before or after the five may lie in the tolerance by chance.
    assert stepwise.observed in {5.0, 6.0}
    assert (stepwise.parameter, stepwise.value) == ("min_hours", 2 * stepwise.observed)
    assert (stepwise.days, stepwise.readings, stepwise.quantile) == (DAYS, 24 * DAYS, 0.99)


def test_frozen_values_teach_at_most_four_times_the_default():
    frozen = learnt_of(hold(make_noise(), 23, range(20, 900, 40)), "CONST")
    dead = learnt_of(hold(make_noise(), 400, range(20, 900, 420)), "CONST")
    assert frozen is not None
    assert frozen.value == frozen.high == 24.0
    assert dead is not None
    assert dead.value == dead.default


def test_wrong_stretches_and_marked_readings_teach_nothing():
    v = hold(make_noise(), 10, range(20, 380, 15))
    wrong = [(T0, T0 + 400 * 3600)]
    assert learnt_of(v, "CONST").value > 6.0
    assert learnt_of(v, "CONST", wrong=wrong).value == 6.0
    assert study(make_rules(), make_traits(), make_history(v, flag="M")) == ()


@pytest.mark.parametrize("days", [0, 1, 2, 16])
def test_a_short_history_teaches_nothing(days: int):
    assert learn(make_rules(), make_traits(), make_history(make_noise(days=days))) == {}


def test_the_order_of_the_readings_does_not_matter():
    history = make_history(hold(make_noise(), 5, range(20, 900, 20)))
    order = np.random.default_rng(2).permutation(len(history.t))
    mixed = Batch(history.t[order], history.v[order], history.flags[order], history.limits[order])
    assert learn(make_rules(), make_traits(), mixed) == learn(make_rules(), make_traits(), history)


@pytest.mark.parametrize("kind", ["minute", "hour"])
@pytest.mark.parametrize("v", [np.zeros(2000), make_noise(), 1e6 * make_noise(), -make_noise()])
def test_what_is_learnt_fits_the_rules(kind: str, v: np.ndarray):
    traits = make_traits(kind, interval=3600.0)
    numbers = learn(make_rules(), traits, make_history(v))
    assert plan(make_rules(), traits, on=DAY, overrides=numbers).vector.shape
    for one in study(make_rules(), traits, make_history(v)):
        assert one.low <= one.value <= one.high


def spiky(every: int) -> np.ndarray:
    """Noise that doubles and more for one reading now and then."""
    v = make_noise(days=80)
    v[20::every] = 180.0
    return v


def test_what_recurs_through_the_history_is_nature_and_what_comes_in_a_cluster_is_an_event():
    natural = learnt_of(spiky(60), "SPIKE")
    cluster = make_noise(days=80)
    cluster[1000:1100:12] = 180.0
    assert natural is not None
    assert natural.default < natural.value <= natural.high
    assert natural.observed == natural.value
    assert learnt_of(cluster, "SPIKE") is None
    assert learnt_of(make_noise(days=80), "SPIKE") is None
