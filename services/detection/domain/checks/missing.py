"""Missing 缺失: fewer records than the transmission interval promises."""

from __future__ import annotations

import math
from collections.abc import Mapping

from services.detection.domain.checks.definition import HOUR, Check, Parameter, Traits
from services.detection.domain.compiled import Memory, compiled
from services.detection.domain.points import Point
from services.detection.domain.track import (
    CLOSED,
    COUNT,
    LAST,
    ON,
    OPEN,
    OPENED,
    REFERENCE,
    START,
    TRACK,
    VALUE,
    Report,
    clear,
    emit,
)

SIZE, SHARE, SLOTS, GRACE = 1, 2, 3, 4
BORN, SLOT, SEEN, BEGUN, RUN, LOST = (len(TRACK) + i for i in range(6))

# Clock hours and days are those of China Standard Time, UTC+8 all year.
ZONE = 28800.0


@compiled
def _run_until(state: Memory, params: Memory, interval: float, until: float) -> tuple[float, float, float]:
    """Run of short slots (start t, slots, records lost) if every slot before `until` is over."""
    size = params[SIZE]
    expected = size / interval
    begun, run, lost = state[BEGUN], state[RUN], state[LOST]
    if state[SEEN] >= params[SHARE] * expected:
        run, lost = 0.0, 0.0
    else:
        begun = state[SLOT] * size - ZONE if run == 0.0 else begun
        run += 1.0
        lost += expected - state[SEEN]
    empty = until - state[SLOT] - 1.0
    if empty > 0.0:
        begun = (state[SLOT] + 1.0) * size - ZONE if run == 0.0 else begun
        run += empty
        lost += empty * expected
    return begun, run, lost


@compiled
def _describe(
    check: int, interval: float, params: Memory, state: Memory, run: tuple[float, float, float], report: Report
) -> None:
    """Bring the running hit up to date, opening it if it is new."""
    begun, slots, lost = run
    state[START] = begun
    state[LAST] = begun + slots * params[SIZE] - interval
    state[REFERENCE] = slots * params[SIZE] / interval
    state[COUNT] = lost
    state[VALUE] = state[REFERENCE] - lost
    if state[OPEN] == 0.0:
        state[OPEN] = 1.0
        due = begun + params[SLOTS] * params[SIZE]
        emit(report, check, OPENED, state, state[LAST] + interval, due)


@compiled
def _close(check: int, point: Point, params: Memory, state: Memory, report: Report) -> None:
    """End at the start of the slot that is full again; with nothing lost after all the hit is empty."""
    if state[OPEN] == 1.0:
        state[COUNT] = state[LOST]
        state[REFERENCE] = state[RUN] * params[SIZE] / point.interval
        state[VALUE] = state[REFERENCE] - state[LOST]
        emit(report, check, CLOSED, state, state[START] + state[RUN] * params[SIZE], point.t)
    clear(state)
    state[BEGUN] = 0.0
    state[RUN] = 0.0
    state[LOST] = 0.0


@compiled
def step(check: int, point: Point, params: Memory, state: Memory, report: Report) -> None:
    """Open after `slots` clock slots in a row hold less than `share` of their records.

    A slot is a clock hour, or one interval for slower series: a minute series is short below 75 % of its
    minutes, an hour series with its hour absent. The hit runs from the start of the first short slot to
    the start of the first full one and closes as soon as that one is full enough. The slot of the first
    point ever seen is not judged. Value: records received; reference: records expected; count: lost.
    """
    if params[ON] == 0.0:
        return
    slot = math.floor((point.t + ZONE) / params[SIZE])
    enough = params[SHARE] * params[SIZE] / point.interval
    if state[BORN] == 0.0:
        state[BORN] = 1.0
        state[SLOT] = slot
        state[SEEN] = enough
    if slot > state[SLOT]:
        run = _run_until(state, params, point.interval, slot)
        state[BEGUN], state[RUN], state[LOST] = run
        state[SLOT] = slot
        state[SEEN] = 0.0
        if run[1] >= params[SLOTS]:
            _describe(check, point.interval, params, state, run, report)
    if point.present:
        state[SEEN] += 1.0
    if state[SEEN] >= enough and (state[RUN] > 0.0 or state[OPEN] == 1.0):
        _close(check, point, params, state, report)


@compiled
def tick(check: int, now: float, interval: float, params: Memory, state: Memory, report: Report) -> None:
    """Open, or bring up to date, the hit of a series that has fallen silent, without a point.

    A slot counts as over `grace` seconds after its end. Only the running hit is written, never what later
    points are judged by: if they arrive after all, `step` says exactly what it would have said, with the
    same start, or closes an empty hit where everything was delivered late 补传.
    """
    if params[ON] == 0.0 or state[BORN] == 0.0:
        return
    until = math.floor((now - params[GRACE] + ZONE) / params[SIZE])
    if until <= state[SLOT]:
        return
    run = _run_until(state, params, interval, until)
    if run[1] >= params[SLOTS]:
        _describe(check, interval, params, state, run, report)


def vector(values: Mapping[str, float], traits: Traits) -> tuple[float, ...]:
    """Slots of an hour, or of one interval for slower series."""
    return (
        max(HOUR, traits.interval),
        values["share"],
        values["min_slots"],
        values["grace_minutes"] * 60.0,
    )


CHECK = Check(
    name="missing",
    step=step,
    parameters=(
        Parameter("share", 0.01, 1.0),
        Parameter("min_slots", 1.0, 10_000.0),
        Parameter("grace_minutes", 0.0, 10_000.0),
    ),
    slots=("size_s", "share", "slots", "grace_s"),
    state=("born", "slot", "seen", "begun", "run", "lost"),
    vector=vector,
    explanations=("missing", "missing.backfilled"),
    by_count=True,
)
