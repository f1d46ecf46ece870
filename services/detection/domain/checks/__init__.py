"""The registry of checks: one line in `CHECKS` and one call in `step_all` each, in the same order."""

from __future__ import annotations

from services.detection.domain.checks import (
    constant,
    exceedance,
    flat,
    furnace,
    hours,
    hugging,
    missing,
    negative,
    range,  # noqa: A004
    rate,
    shift,
    spike,
    steps,
    trend,
    zero,
)
from services.detection.domain.checks.definition import Check
from services.detection.domain.compiled import Floats, compiled, memory
from services.detection.domain.points import Point, unmeasured
from services.detection.domain.track import LAST, OPEN, TRACK, Report

CHECKS: tuple[Check, ...] = (
    range.CHECK,
    exceedance.CHECK,
    constant.CHECK,
    missing.CHECK,
    spike.CHECK,
    negative.CHECK,
    zero.CHECK,
    furnace.CHECK,
    trend.CHECK,
    hugging.CHECK,
    shift.CHECK,
    flat.CHECK,
    rate.CHECK,
)

HEAD = (*hours.HEAD, *steps.HEAD)


def _places(first: int, sizes: list[int]) -> tuple[int, ...]:
    places = [first]
    for size in sizes:
        places.append(places[-1] + size)
    return tuple(places)


# Vector heads: [interval s] of the parameters; [layout number, last t, hour being gathered, steps] of the state.
PARAMS = _places(1, [1 + len(check.slots) for check in CHECKS])
STATES = _places(2 + len(HEAD), [len(TRACK) + len(check.state) for check in CHECKS])

_range, _exceedance, _constant, _missing, _spike, _negative, _zero, _furnace = (check.step for check in CHECKS[:8])
_trend, _hugging, _shift, _flat, _rate = (check.step for check in CHECKS[8:])
_is_over, _finish, _gather = hours.is_over, hours.finish, hours.gather
_look, _learn, _unmeasured = steps.look, steps.learn, unmeasured
_range_late = range.step_late
_exceedance_late = exceedance.step_late
_negative_late = negative.step_late
_missing_tick = missing.tick


@compiled
def step_all(point: Point, params: Floats, state: Floats, report: Report) -> None:
    """Every check on one point; the order is that of `CHECKS`."""
    _range(0, point, memory(params, PARAMS[0]), memory(state, STATES[0]), report)
    # A value that no working instrument can give is told as such: it is no spike and no leap, and is no measure of any.
    impossible = state[STATES[0] + OPEN] == 1.0 and state[STATES[0] + LAST] == point.t
    possible = _unmeasured(point) if impossible else point
    move = _look(possible, memory(state, 0))
    _exceedance(1, point, memory(params, PARAMS[1]), memory(state, STATES[1]), report)
    _constant(2, point, move, memory(params, PARAMS[2]), memory(state, STATES[2]), report)
    _missing(3, point, memory(params, PARAMS[3]), memory(state, STATES[3]), report)
    _spike(4, possible, move, memory(params, PARAMS[4]), memory(state, STATES[4]), report)
    _negative(5, point, memory(params, PARAMS[5]), memory(state, STATES[5]), report)
    _zero(6, point, memory(params, PARAMS[6]), memory(state, STATES[6]), report)
    _furnace(7, point, memory(params, PARAMS[7]), memory(state, STATES[7]), report)
    if _is_over(point, memory(state, 0)):
        hour = _finish(point, memory(state, 0))
        if hour.covered > 0.0:
            _trend(8, hour, memory(params, PARAMS[8]), memory(state, STATES[8]), report)
            _hugging(9, hour, memory(params, PARAMS[9]), memory(state, STATES[9]), report)
            _shift(10, hour, memory(params, PARAMS[10]), memory(state, STATES[10]), report)
            _flat(11, hour, memory(params, PARAMS[11]), memory(state, STATES[11]), report)
    _rate(12, possible, move, memory(params, PARAMS[12]), memory(state, STATES[12]), report)
    _gather(point, memory(state, 0))
    _learn(possible, move, memory(state, 0))


@compiled
def step_late(point: Point, params: Floats, state: Floats, report: Report) -> None:
    """Checks of a point that comes after a later one: those that need no order. The state is only read."""
    _range_late(0, point, memory(params, PARAMS[0]), memory(state, STATES[0]), report)
    _exceedance_late(1, point, memory(params, PARAMS[1]), memory(state, STATES[1]), report)
    _negative_late(5, point, memory(params, PARAMS[5]), memory(state, STATES[5]), report)


@compiled
def tick_all(now: float, params: Floats, state: Floats, report: Report) -> None:
    """Checks that can tell without a point that one is overdue."""
    _missing_tick(3, now, params[0], memory(params, PARAMS[3]), memory(state, STATES[3]), report)
