"""How long an outlet's rows break a relation: the state machine behind all relations."""

from __future__ import annotations

import numpy as np
from numba import float64, int64

from services.detection.domain.compiled import Floats, Integers, compiled, entry, given

STATE = ("open", "start", "last", "value", "reference", "count", "calm")
PATIENCE = ("seconds", "points", "calm", "hold_s")
"""Parameters of a line: a hit opens after `points` broken rows that last `seconds`, and ends after `calm` rows in order
or `hold_s` without a broken one."""
COLUMNS = ("line", "opened", "start", "end", "at", "value", "reference", "count")


_OPEN, _START, _LAST, _VALUE, _REFERENCE, _COUNT, _CALM = range(7)
_SECONDS, _POINTS, _ENOUGH_CALM, _HOLD = range(4)


@compiled
def _tell(row: Floats, line: int, opened: float, state: Floats, end: float, at: float) -> None:
    row[0] = line
    row[1] = opened
    row[2] = state[_START]
    row[3] = end
    row[4] = at
    row[5] = state[_VALUE]
    row[6] = state[_REFERENCE]
    row[7] = state[_COUNT]


@compiled
def _is_over(t: float, broken: float, patience: Floats, state: Floats) -> bool:
    """Whether this row ends what runs; rows in order are counted."""
    if state[_COUNT] == 0.0:
        return False
    if broken == 0.0:
        state[_CALM] += 1.0
    late: bool = t - state[_LAST] > patience[_HOLD]
    calm: bool = state[_CALM] >= patience[_ENOUGH_CALM]
    return late or calm


@compiled
def _extend(t: float, value: float, reference: float, state: Floats) -> None:
    first = state[_COUNT] == 0.0
    if first or abs(value - reference) > abs(state[_VALUE] - state[_REFERENCE]):
        state[_VALUE] = value
        state[_REFERENCE] = reference
    if first:
        state[_START] = t
    state[_LAST] = t
    state[_COUNT] += 1.0
    state[_CALM] = 0.0


@entry(given(int64), given(int64), *(given(float64, 2),) * 4, float64, float64[:, ::1], float64[:, ::1], int64[::1])
def _run(  # noqa: PLR0913, PLR0917
    t: Integers,
    at: Integers,
    broken: Floats,
    value: Floats,
    reference: Floats,
    patience: Floats,
    interval: float,
    states: Floats,
    rows: Floats,
    used: Integers,
) -> None:
    for line in range(states.shape[0]):
        state, needs = states[line], patience[line]
        for i in range(t.shape[0]):
            if _is_over(t[i], broken[line, i], needs, state):
                if state[_OPEN] == 1.0:
                    _tell(rows[used[0]], line, 0.0, state, state[_LAST] + interval, at[i])
                    used[0] += 1
                state[:] = 0.0
            if broken[line, i] != 1.0:
                continue
            _extend(t[i], value[line, i], reference[line, i], state)
            enough = state[_COUNT] >= needs[_POINTS] and state[_COUNT] * interval >= needs[_SECONDS]
            if state[_OPEN] == 0.0 and enough:
                state[_OPEN] = 1.0
                _tell(rows[used[0]], line, 1.0, state, t[i] + interval, at[i])
                used[0] += 1


def follow(
    t: Integers, at: Integers, marked: tuple[Floats, Floats, Floats], patience: Floats, interval: float, states: Floats
) -> Floats:
    """Rows (m, len(COLUMNS)) of hits that begin or end at times `t` (n,), told at `at` (n,).

    `marked` are broken (1 broken, 0 in order, NaN not judged), value and reference, each (lines, n); `patience`
    (lines, len(PATIENCE)); `states` (lines, len(STATE)) are changed.
    """
    broken, value, reference = (np.ascontiguousarray(one, dtype=np.float64) for one in marked)
    rows = np.empty((2 * int(np.nansum(broken)) + len(states) + 1, len(COLUMNS)))
    used = np.zeros(1, dtype=np.int64)
    _run(t, at, broken, value, reference, patience, interval, states, rows, used)
    return rows[: used[0]]
