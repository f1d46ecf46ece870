"""What is learnt of an outlet, and how long rows must break a relation."""

import numpy as np
import pytest

from services.detection.domain.relations.codes import LEARNING
from services.detection.domain.relations.machine import STATE, follow
from services.detection.domain.relations.usual import FIT, LEVEL, learn_fit, learn_level

HOUR = 3600.0


def test_level_is_that_of_running_hours_only():
    running = np.full(400, 50.0)
    stopped = np.full(200, 0.5)
    state = np.zeros(len(LEVEL))
    usual = learn_level(np.concatenate((running, stopped)), HOUR, LEARNING, state)

    assert np.isnan(usual[:72]).all()
    assert usual[100] == pytest.approx(50.0)
    assert usual[-1] == pytest.approx(50.0, rel=0.05)


def test_a_leap_is_no_level():
    state = np.zeros(len(LEVEL))
    learn_level(np.full(400, 50.0), HOUR, LEARNING, state)
    usual = learn_level(np.array([5e6, 50.0]), HOUR, LEARNING, state)

    assert usual[1] == pytest.approx(50.0, rel=0.01)


def test_one_factor_is_expected_from_another():
    load = 60.0 + 30.0 * np.sin(np.arange(600) / 5.0)
    noise = np.random.default_rng(1).normal(0.0, 0.1, 600)
    state = np.zeros(len(FIT))
    expected, spread = learn_fit(load, 10.0 - 0.05 * load + noise, HOUR, LEARNING, state)

    assert np.isnan(expected[:72]).all()
    assert expected[-1] == pytest.approx(10.0 - 0.05 * load[-1], abs=0.1)
    assert spread[-1] == pytest.approx(0.1, rel=0.4)


def test_nothing_is_expected_far_from_what_has_been():
    load = 60.0 + np.sin(np.arange(200.0))
    state = np.zeros(len(FIT))
    learn_fit(load, 2.0 * load, HOUR, LEARNING, state)
    expected, _ = learn_fit(np.array([61.0, 90.0]), np.array([122.0, 180.0]), HOUR, LEARNING, state)

    assert expected[0] == pytest.approx(122.0, rel=0.01)
    assert np.isnan(expected[1])


def test_what_is_far_off_hardly_moves_the_expectation():
    load = 60.0 + 10.0 * np.sin(np.arange(400.0))
    state = np.zeros(len(FIT))
    learn_fit(load, 2.0 * load, HOUR, LEARNING, state)
    expected, _ = learn_fit(load[:100], 1.2 * load[:100], HOUR, LEARNING, state)

    assert expected[-1] == pytest.approx(2.0 * load[99], rel=0.05)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("110", []),
        ("111", [(1, 0, 3, 2, 3)]),
        ("1110", [(1, 0, 3, 2, 3)]),
        ("11100", [(1, 0, 3, 2, 3), (0, 0, 3, 4, 3)]),
        ("11011", [(1, 0, 4, 3, 3)]),
        ("11?1", [(1, 0, 4, 3, 3)]),
        ("1100111", [(1, 4, 7, 6, 3)]),
        ("111????0", [(1, 0, 3, 2, 3), (0, 0, 3, 6, 3)]),
    ],
)
def test_patience(broken: str, told: list[tuple[int, ...]]):
    """Three rows open a hit, two in order or three hours without any end it; (opened, start, end, at, count)."""
    t = 3600 * np.arange(len(broken), dtype=np.int64)
    marked = np.array([[{"1": 1.0, "0": 0.0, "?": np.nan}[letter] for letter in broken]])
    patience = np.array([[2 * HOUR, 3.0, 2.0, 3 * HOUR]])
    rows = follow(t, t, (marked, marked, np.zeros_like(marked)), patience, HOUR, np.zeros((1, len(STATE))))

    found = [(int(r[1]), *(int(r[i] / HOUR) for i in (2, 3, 4)), int(r[7])) for r in rows]
    assert found == told
