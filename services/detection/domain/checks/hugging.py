"""Hugging the limit 贴限: a week of hours close under the limit with hardly any spread."""

from __future__ import annotations

import math
from collections.abc import Mapping

from services.detection.domain.checks.definition import HOUR, Check, Parameter, Traits
from services.detection.domain.checks.hours import Hour
from services.detection.domain.compiled import Memory, compiled
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

SHARE, BAND, SPREAD, NEEDED, VALID = 1, 2, 3, 4, 5
DAYS = 7
DAY = 86400.0
# Days are those of China Standard Time, UTC+8 all year.
ZONE = 28800.0
TODAY = len(TRACK)
HOURS, NEAR, SUM, SQUARES = (TODAY + 1 + DAYS * i for i in range(4))


@compiled
def _start_of(day: float) -> float:
    return day * DAY - ZONE


@compiled
def _judge(check: int, hour: Hour, params: Memory, state: Memory, report: Report) -> None:
    """Judge the seven days that end with the one that is over."""
    hours, near, total, squares = 0.0, 0.0, 0.0, 0.0
    for i in range(DAYS):
        hours += state[HOURS + i]
        near += state[NEAR + i]
        total += state[SUM + i]
        squares += state[SQUARES + i]
    hugs = False
    if hours >= params[NEEDED] and near >= params[SHARE] * hours and total > 0.0:
        # Sums are of shares of the limit, so that a change of the limit inside the week is none of the level.
        mean = total / hours
        hugs = math.sqrt(max(squares / hours - mean * mean, 0.0)) < params[SPREAD] * mean
    if hugs:
        today = state[NEAR + int(state[TODAY] % DAYS)]
        first = state[OPEN] == 0.0
        if first:
            state[START] = _start_of(state[TODAY] - DAYS + 1.0)
        state[VALUE] = total / hours * hour.high
        state[REFERENCE] = hour.high
        state[LAST] = _start_of(state[TODAY] + 1.0) - HOUR
        state[COUNT] += near if first else today
        if first:
            state[OPEN] = 1.0
            emit(report, check, OPENED, state, state[LAST] + HOUR, hour.at)
    elif state[OPEN] == 1.0:
        emit(report, check, CLOSED, state, state[LAST] + HOUR, hour.at)
        clear(state)


@compiled
def _turn(day: float, state: Memory) -> None:
    """Begin `day`: it and the days skipped are empty."""
    for i in range(int(min(day - state[TODAY], DAYS))):
        place = int((day - i) % DAYS)
        state[HOURS + place] = 0.0
        state[NEAR + place] = 0.0
        state[SUM + place] = 0.0
        state[SQUARES + place] = 0.0
    state[TODAY] = day


@compiled
def step(check: int, hour: Hour, params: Memory, state: Memory, report: Report) -> None:
    """Open when of the hours of seven days `share` lie in band·limit to limit and all vary by less than `spread`.

    Judged once a day, when its first hour after midnight is over; at least `needed` hours with a limit must be
    valid. Value: mean of the week; reference: the limit; count: hours in the band.
    """
    if params[ON] == 0.0 or hour.covered < params[VALID] or not hour.high > 0.0:
        return
    day = math.floor((hour.t + ZONE) / DAY)
    if day > state[TODAY]:
        _judge(check, hour, params, state, report)
        _turn(day, state)
    place = int(state[TODAY] % DAYS)
    share = hour.v / hour.high
    state[HOURS + place] += 1.0
    state[SUM + place] += share
    state[SQUARES + place] += share * share
    if params[BAND] <= share <= 1.0:
        state[NEAR + place] += 1.0
        if state[OPEN] == 0.0:
            state[START] = _start_of(state[TODAY] - DAYS + 1.0)


def vector(values: Mapping[str, float], _traits: Traits) -> tuple[float, ...]:
    """Numbers as given."""
    valid = values["valid_minutes"] * 60.0
    return (values["share"], values["band"], values["spread"], values["min_hours"], valid)


CHECK = Check(
    name="hugging",
    step=step,
    parameters=(
        Parameter("share", 0.0, 1.0),
        Parameter("band", 0.0, 1.0),
        Parameter("spread", 0.0, 1.0),
        Parameter("min_hours", 2.0, 168.0),
        Parameter("valid_minutes", 1.0, 60.0),
    ),
    slots=("share", "band", "spread", "needed", "valid_s"),
    state=("today", *(f"{name}_{i}" for name in ("hours", "near", "sum", "squares") for i in range(DAYS))),
    vector=vector,
    explanations=("hugging",),
    by_count=True,
)
