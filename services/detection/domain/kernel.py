"""The one-pass kernel: every check of every series, for the live stream and for ten years of history.

    state, hits, late = advance(state, params, Batch(t, v, flags, limits))

A series' state is a float64 vector that the service stores beside its feed cursor. Cutting a series into
batches changes nothing: the hits and the final state are those of one batch.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import float64, int64, uint8

from services.detection.domain.checks import CHECKS, HEAD, PARAMS, STATES, step_all, step_late, tick_all
from services.detection.domain.checks.definition import HOUR
from services.detection.domain.compiled import Floats, Integers, compiled, entry, fingerprint, given, memory
from services.detection.domain.points import Point, make_point
from services.detection.domain.track import (
    AGAINST,
    AT,
    BEGIN,
    CHECK,
    CLOSED,
    COLUMNS,
    COUNT,
    END,
    LAST,
    ON,
    OPEN,
    OPENED,
    PEAK,
    POINTS,
    REFERENCE,
    ROWS_PER_CHECK,
    SERIES,
    START,
    STATUS,
    VALUE,
    Report,
    emit,
)
from shared.errors import AppError

PARAM_COUNT = PARAMS[-1]
STATE_SIZE = STATES[-1]
INTERVAL = 0
LAYOUT, LAST_T = 0, 1
LAYOUT_NUMBER = float(
    zlib.crc32(repr([HEAD, *((check.name, check.state) for check in CHECKS)]).encode()),
)
_CHECKS = len(CHECKS)
_EXCEEDANCE = [check.name for check in CHECKS].index("exceedance")
_ROOM = ROWS_PER_CHECK * _CHECKS
_CAPACITY = 256
# Arguments: offsets, t, v, flags, limits; and states, rows, cursor.
_GIVEN = (given(int64), given(int64), given(float64), given(uint8), given(float64, 2))
_TAKEN = (float64[:, ::1], float64[:, ::1], int64[::1])
_AT_SERIES, _USED = 0, 2


class StateLayoutError(AppError):
    """Stored state was written by another set of checks: replay the series' history from its start."""

    code = "state_layout"
    status = 500


class BatchError(AppError):
    """Columns of a batch do not fit together."""

    code = "bad_batch"
    status = 422


def _period(check: int, interval: float) -> float:
    """Seconds that the last sample of a hit covers: minutes are held against an hour's limit by the clock hour."""
    return max(interval, HOUR) if check == _EXCEEDANCE else interval


_fast_period = compiled(_period)


@compiled
def _retire(point: Point, params: Floats, state: Floats, report: Report) -> None:
    """End the hits of checks that have been switched off, and forget what those checks remembered."""
    for check in range(_CHECKS):
        first = STATES[check]
        if state[first + OPEN] == 1.0 and params[PARAMS[check] + ON] == 0.0:
            track = memory(state, first)
            emit(report, check, CLOSED, track, track[LAST] + _fast_period(check, point.interval), point.t)
            for slot in range(first, STATES[check + 1]):
                state[slot] = 0.0


def _build_run(version: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Compile the entry for points; `version` belongs to numba's cache key, see `fingerprint`."""

    @entry(*_GIVEN, given(float64, 2), *_TAKEN, int64[::1])
    def run(offsets, t, v, flags, limits, params, states, rows, cursor, late):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0913, PLR0917
        """Go on from `cursor` until all points are done or `rows` has no room for another point."""
        out, used = memory(rows.reshape(-1), 0), memory(cursor, 2)
        for series in range(cursor[0], offsets.shape[0] - 1 if version else 0):
            state = memory(states.reshape(-1), series * STATE_SIZE)
            param = memory(params.reshape(-1), series * PARAM_COUNT)
            report = Report(out, used, series)
            fresh = True
            for i in range(cursor[1], offsets[series + 1] - offsets[series]):
                at = offsets[series] + i
                if used[0] + _ROOM > rows.shape[0]:
                    cursor[0], cursor[1] = series, i
                    return
                point = make_point(float(t[at]), v[at], flags[at], (limits[at, 0], limits[at, 1]), param[0])
                if point.t <= state[LAST_T]:
                    late[series] += 1
                    step_late(point, param, state, report)
                else:
                    state[LAST_T] = point.t
                    if fresh:
                        _retire(point, param, state, report)
                        fresh = False
                    step_all(point, param, state, report)
            cursor[1] = 0
        cursor[0] = offsets.shape[0] - 1

    return run


def _build_tick(version: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Compile the entry for time passing; see `_build_run`."""

    @entry(given(float64), given(float64, 2), *_TAKEN)
    def tick(now, params, states, rows, cursor):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        """Look at every series at time `now` of its own; the cursor works as in `run`."""
        out, used = memory(rows.reshape(-1), 0), memory(cursor, 2)
        for series in range(cursor[0], now.shape[0] if version else 0):
            if used[0] + _ROOM > rows.shape[0]:
                cursor[0] = series
                return
            state = memory(states.reshape(-1), series * STATE_SIZE)
            param = memory(params.reshape(-1), series * PARAM_COUNT)
            tick_all(now[series], param, state, Report(out, used, series))
        cursor[0] = now.shape[0]

    return tick


_run = _build_run(fingerprint(make_point, _retire, step_all, step_late))
_tick = _build_tick(fingerprint(tick_all))


@dataclass(frozen=True)
class Batch:
    """New points of one series, or of several end to end: see `advance_many`.

    `t` int64 (n,) epoch seconds UTC; `v` float64 (n,), NaN = no number; `flags` uint8 (n,) code of the
    flag's letter, 0 = none; `limits` float64 (n, 2) lower and upper limit in force, NaN = none.
    """

    t: Integers
    v: Floats
    flags: npt.NDArray[np.uint8]
    limits: Floats


@dataclass(frozen=True)
class Hits:
    """Reported hits 命中 as columns of length m, in the order in which they were decided.

    `series` index within the call, `check` index into `CHECKS`, `opened` True for a hit that has begun
    and False for one that has ended (a spike or a late point only ends), `start`, `end` and `at` epoch
    seconds: first moment, moment after the last one so far, data time of the decision; `value` the worst
    value, `reference` what it was held against, `count` the points in it.
    """

    series: Integers
    check: Integers
    opened: npt.NDArray[np.bool_]
    start: Integers
    end: Integers
    at: Integers
    value: Floats
    reference: Floats
    count: Integers

    def __len__(self) -> int:
        return len(self.series)


@dataclass(frozen=True)
class Outcome:
    """What a call made of the points: new states, hits, and the number of late points per series."""

    states: Floats
    hits: Hits
    late: Integers


def new_states(number: int = 1) -> Floats:
    """States (number, STATE_SIZE) of series that have no point yet."""
    states = np.zeros((number, STATE_SIZE))
    states[:, LAYOUT] = LAYOUT_NUMBER
    states[:, LAST_T] = -np.inf
    return states


def dump_state(state: Floats) -> bytes:
    """Bytes of one state, little-endian float64."""
    return np.ascontiguousarray(state, dtype="<f8").tobytes()


def load_states(stored: Sequence[bytes | None]) -> Floats:
    """States (n, STATE_SIZE) from their bytes; None stands for a new series.

    Raises StateLayoutError when one was written by a different set of checks.
    """
    states = new_states(len(stored))
    for row, data in zip(states, stored, strict=True):
        if data is None:
            continue
        values = np.frombuffer(data, dtype="<f8") if len(data) == 8 * STATE_SIZE else np.zeros(1)
        if values[LAYOUT] != LAYOUT_NUMBER:
            raise StateLayoutError(f"a state of {len(data)} bytes has another layout than the checks of today")
        row[:] = values
    return states


def advance(states: Floats, params: Floats, batch: Batch) -> Outcome:
    """Feed new points of one series: `states` (1, STATE_SIZE), `params` (PARAM_COUNT,)."""
    return advance_many(states, params.reshape(1, -1), batch, np.array([0, len(batch.t)], dtype=np.int64))


def advance_many(states: Floats, params: Floats, batch: Batch, offsets: Integers) -> Outcome:
    """Feed new points of n series: series i owns points offsets[i] to offsets[i + 1] of the batch.

    `states` (n, STATE_SIZE) is not changed; `params` (n, PARAM_COUNT). A point not after the last one
    of its series is late: counted, looked at only by checks that need no order, without effect on the
    state. Raises BatchError for shapes that do not fit.
    """
    _check_shapes(states, params, batch, offsets)
    states = states.copy()
    late = np.zeros(len(states), dtype=np.int64)
    columns = (
        np.ascontiguousarray(offsets, dtype=np.int64),
        np.ascontiguousarray(batch.t, dtype=np.int64),
        np.ascontiguousarray(batch.v, dtype=np.float64),
        np.ascontiguousarray(batch.flags, dtype=np.uint8),
        np.ascontiguousarray(batch.limits, dtype=np.float64),
        np.ascontiguousarray(params, dtype=np.float64),
    )
    hits = _collect(len(states), lambda rows, cursor: _run(*columns, states, rows, cursor, late))
    return Outcome(states, hits, late)


def overdue(states: Floats, params: Floats, now: Floats) -> Outcome:
    """Let time alone speak: hits of series that have sent nothing, at data time `now` (n,) of each.

    The same hit, with the same start, that the kernel would report at the next point; the states
    returned must be stored, so that it is not reported again.
    """
    _check("params", params.shape, (len(states), PARAM_COUNT))
    _check("now", now.shape, (len(states),))
    states = states.copy()
    times = np.ascontiguousarray(now, dtype=np.float64)
    hits = _collect(len(states), lambda rows, cursor: _tick(times, params, states, rows, cursor))
    return Outcome(states, hits, np.zeros(len(states), dtype=np.int64))


def open_hits(states: Floats, params: Floats) -> Hits:
    """Hits that are running in these states, as they stand; `at` is the last point's time."""
    rows = []
    for series, state in enumerate(states):
        for check, first in enumerate(STATES[:-1]):
            track = state[first:]
            if track[OPEN] == 1.0:
                end = track[LAST] + _period(check, params[series, INTERVAL])
                told = (track[VALUE], track[REFERENCE], track[COUNT])
                rows.append([series, check, OPENED, track[START], end, state[LAST_T], *told])
    return _hits([np.array(rows, dtype=np.float64).reshape(-1, COLUMNS)])


def _collect(number: int, work: Callable[[Floats, Integers], object]) -> Hits:
    """Call an entry with ever larger row buffers until all series are done."""
    cursor = np.zeros(3, dtype=np.int64)
    blocks: list[Floats] = []
    while cursor[_AT_SERIES] < number:
        rows = np.empty((_CAPACITY * 4 ** min(len(blocks), 6), COLUMNS))
        cursor[_USED] = 0
        work(rows, cursor)
        blocks.append(rows[: cursor[_USED]])
    return _hits(blocks)


def _check(name: str, has: tuple[int, ...], needs: tuple[int, ...]) -> None:
    if has != needs:
        raise BatchError(f"{name} has shape {has}, not {needs}", field=name)


def _check_shapes(states: Floats, params: Floats, batch: Batch, offsets: Integers) -> None:
    number, points = len(states), len(batch.t)
    shapes = {
        "states": (states.shape, (number, STATE_SIZE)),
        "params": (params.shape, (number, PARAM_COUNT)),
        "offsets": (offsets.shape, (number + 1,)),
        "v": (batch.v.shape, (points,)),
        "flags": (batch.flags.shape, (points,)),
        "limits": (batch.limits.shape, (points, 2)),
    }
    for name, (has, needs) in shapes.items():
        _check(name, has, needs)
    if offsets[0] != 0 or offsets[-1] != points or bool(np.any(np.diff(offsets) < 0)):
        raise BatchError(f"offsets must rise from 0 to {points}", field="offsets")


def _hits(blocks: Sequence[Floats]) -> Hits:
    rows = np.concatenate(blocks) if blocks else np.empty((0, COLUMNS))

    def whole(column: int) -> Integers:
        return rows[:, column].astype(np.int64)

    return Hits(
        series=whole(SERIES),
        check=whole(CHECK),
        opened=rows[:, STATUS] == OPENED,
        start=whole(BEGIN),
        end=whole(END),
        at=whole(AT),
        value=rows[:, PEAK].copy(),
        reference=rows[:, AGAINST].copy(),
        count=np.rint(rows[:, POINTS]).astype(np.int64),
    )
