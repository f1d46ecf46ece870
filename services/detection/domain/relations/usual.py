"""What is usual for an outlet, learnt row by row: the level of a factor while it runs, and one factor from another."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import float64

from services.detection.domain.compiled import Floats, entry, given

LEVEL = ("known_s", "level")
FIT = ("known_s", "mean_x", "mean_y", "var_x", "cov_xy", "var_rest")
_FLOOR = 1e-3
"""Share of the level below which no deviation counts: what a last digit makes."""
_CLIP = 3.0
"""A value counts at most this many times the usual one, as a leap is no level."""
_REACH, _LEAST_REACH = 3.0, 0.1
"""Deviations of x, and share of its level, within which y was learnt; nothing is said beyond."""
_RIDGE, _TINY = 1e-6, 1e-12
"""Where x hardly varies, no slope is read from it."""


class Learning(NamedTuple):
    """How levels and fits learn; `memory` and `history` in seconds of running time. See `codes.yaml`."""

    memory: float
    history: float
    running: float
    robust: float
    slow: float


@entry(given(float64), *(float64,) * 5, float64[::1], float64[::1])
def _level(  # noqa: PLR0913
    v: Floats, interval: float, memory: float, history: float, running: float, slow: float, state: Floats, usual: Floats
) -> None:
    for i in range(v.shape[0]):
        usual[i] = state[1] if state[0] >= history and state[1] > 0.0 else np.nan
        if math.isnan(v[i]):
            continue
        ready = state[0] >= history
        weight = interval * slow if ready and v[i] < running * state[1] else interval
        state[0] = min(state[0] + weight, memory)
        x = min(v[i], _CLIP * state[1]) if ready else v[i]
        state[1] += weight / state[0] * (x - state[1])


@entry(given(float64), given(float64), *(float64,) * 5, *(float64[::1],) * 3)
def _fit(  # noqa: PLR0913, PLR0917
    x: Floats,
    y: Floats,
    interval: float,
    memory: float,
    history: float,
    robust: float,
    slow: float,
    state: Floats,
    expected: Floats,
    spread: Floats,
) -> None:
    for i in range(x.shape[0]):
        expected[i] = np.nan
        spread[i] = np.nan
        if math.isnan(x[i]):
            continue
        dx = x[i] - state[1]
        told = state[2] + state[4] / (state[3] + _RIDGE * state[1] * state[1] + _TINY) * dx
        deviation = max(math.sqrt(state[5]), _FLOOR * abs(state[2]))
        ready = state[0] >= history
        if ready and abs(dx) <= _REACH * math.sqrt(state[3]) + _LEAST_REACH * abs(state[1]):
            expected[i] = told
            spread[i] = deviation
        if math.isnan(y[i]):
            continue
        rest, dy = y[i] - told, y[i] - state[2]
        weight = interval * slow if ready and abs(rest) > robust * deviation else interval
        state[0] = min(state[0] + weight, memory)
        share = weight / state[0]
        state[1] += share * dx
        state[2] += share * dy
        state[3] = (1.0 - share) * (state[3] + share * dx * dx)
        state[4] = (1.0 - share) * (state[4] + share * dx * dy)
        # While the line is still being found, what it missed first is soon forgotten.
        early = share if ready else max(share, 6.0 * interval / history)
        state[5] += early * (rest * rest - state[5])


def learn_level(v: Floats, interval: float, settings: Learning, state: Floats) -> Floats:
    """Usual running level before each value (n,), NaN while unknown; `v` NaN where nothing is learnt, in time order.

    `state` (len(LEVEL),) is changed.
    """
    usual = np.empty(len(v))
    _level(v, interval, settings.memory, settings.history, settings.running, settings.slow, state, usual)
    return usual


def learn_fit(x: Floats, y: Floats, interval: float, settings: Learning, state: Floats) -> tuple[Floats, Floats]:
    """What y is expected to be at x by a straight line through the past, and how far it usually strays, at each row.

    Both NaN while unknown, and where x is far from what it has been. `state` (len(FIT),) is changed.
    """
    expected, spread = np.empty(len(x)), np.empty(len(x))
    known = settings.memory, settings.history, settings.robust, settings.slow
    _fit(x, y, interval, *known, state, expected, spread)
    return expected, spread
