"""Thresholds learnt from a point's own history 自学习阈值: pure, one series at a time.

    numbers = learn(rules, traits, batch)     by rule code and parameter, for `plan(..., overrides=numbers)`
    basis = study(rules, traits, batch)       the same numbers, each with what it rests on

A number is learnt from quantiles of what the series did itself, and can only move within caps around the rule's own
number: whoever feeds a frozen value for months teaches nothing beyond them. Readings that carry a mark, or lie in a
stretch named as wrong, teach nothing; nor does a history of too few days.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from services.detection.domain.checks.definition import HOUR, Traits
from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.kernel import Batch, advance, new_states
from services.detection.domain.points import NORMAL, UNFLAGGED
from services.detection.domain.rules import Rule, parameters, plan
from shared.clock import PARK_ZONE

LEARN_FIRST, LEARN_EVERY, LOOK_BACK = (
    (timedelta(days=3), timedelta(days=7), timedelta(days=14)),
    timedelta(days=30),
    timedelta(days=90),
)
"""Where a history is judged causally: when numbers are learnt, how often after that, and from how long a history."""
MIN_DAYS, MIN_READINGS = 3, 400
"""Least history: days that its readings fill, and readings."""
DAY = 86_400
PARTS, RECURS = 8, 3
"""What is found in at least four of eight equal parts of a history recurs."""


@dataclass(frozen=True)
class Learnt:
    """One number of one rule for one series, and what it rests on.

    `default` is the rule's own number, `low` and `high` how far learning may move it; `quantile` of the series' own
    history is `observed`, in the parameter's unit; `days` and `readings` (points) are the history it was taken from.
    """

    rule: str
    parameter: str
    value: float
    default: float
    low: float
    high: float
    quantile: float
    observed: float
    days: int
    readings: int


@dataclass(frozen=True)
class History:
    """Honest readings in order of time: `t` int64 (n,) epoch seconds UTC, `v` float64 (n,); `joined` bool (n,) whether
    one follows on the reading before it without a hole; `interval` seconds; `days` that they fill.
    """

    t: Integers
    v: Floats
    joined: np.ndarray
    interval: float
    days: int


@dataclass(frozen=True)
class Lesson:
    """How one parameter of a check is learnt: `look` gives the number of the history at `quantile`, NaN when it shows
    nothing; times `margin` it is the threshold, between `low` and `high` times the rule's own number.
    """

    parameter: str
    quantile: float
    margin: float
    low: float
    high: float
    look: Callable[[History, Mapping[str, float], Traits, float], float]


@dataclass(frozen=True)
class Trial:
    """A parameter learnt by trying: the smallest of `steps` times the rule's own number at which the check would have
    found at most one thing in `days` of the history. What it finds even at the last step is no nature of the series,
    and does not count. Only what recurs through half of the history is nature, and teaches: a cluster is an event.
    """

    parameter: str
    steps: tuple[float, ...]
    days: float


def learn(
    rules: Sequence[Rule], traits: Traits, batch: Batch, *, wrong: Sequence[tuple[int, int]] = ()
) -> dict[str, dict[str, float]]:
    """Numbers learnt from the readings of one series, by rule code and parameter; nothing where it cannot be learnt.

    `batch` is the history, in any order; `wrong` stretches of it from start to end, epoch seconds UTC, that teach
    nothing: confirmed anomalies. The rules are those in force on the day of the last reading.
    """
    numbers: dict[str, dict[str, float]] = {}
    for one in study(rules, traits, batch, wrong=wrong):
        numbers.setdefault(one.rule, {})[one.parameter] = one.value
    return numbers


def study(
    rules: Sequence[Rule], traits: Traits, batch: Batch, *, wrong: Sequence[tuple[int, int]] = ()
) -> tuple[Learnt, ...]:
    """What `learn` gives, with the basis of each number, in the order of the rules."""
    history = make_history(batch, traits.interval, wrong)
    if history.days < MIN_DAYS or len(history.t) < MIN_READINGS:
        return ()
    day = _day_of(int(history.t[-1]))
    found = []
    for rule in rules:
        if traits.kind in rule.judges and rule.in_force(day):
            found += [_learn_one(rule, lesson, history, traits) for lesson in LESSONS.get(rule.check.name, ())]
            found += [_try_one(rule, trial, history, traits, day) for trial in TRIALS.get(rule.check.name, ())]
    return tuple(one for one in found if one is not None)


def make_history(batch: Batch, interval: float, wrong: Sequence[tuple[int, int]] = ()) -> History:
    """Readings that may teach: numbers under N or no flag, not wrong, in order; of equal times the last."""
    teaches = np.isfinite(batch.v) & np.isin(batch.flags, (UNFLAGGED, NORMAL))
    for start, end in wrong:
        teaches &= (batch.t < start) | (batch.t >= end)
    t, v = batch.t[teaches], batch.v[teaches]
    order = np.argsort(t, kind="stable")
    t, v = t[order], v[order]
    last = np.append(np.diff(t) > 0, True)[: len(t)]
    t, v = t[last], v[last]
    days = int(len(t) * interval / DAY)
    joined = np.concatenate(([False], np.diff(t) <= 1.5 * interval))[: len(t)]
    return History(t, v, joined, interval, days)


def _learn_one(rule: Rule, lesson: Lesson, history: History, traits: Traits) -> Learnt | None:
    values = parameters(rule, traits)
    default = values[lesson.parameter]
    observed = lesson.look(history, values, traits, lesson.quantile) if default > 0.0 else np.nan
    if not np.isfinite(observed):
        return None
    bound = next(one for one in rule.check.parameters if one.name == lesson.parameter)
    low, high = max(lesson.low * default, bound.minimum), min(lesson.high * default, bound.maximum)
    value = float(np.clip(lesson.margin * observed, low, high))
    return Learnt(
        rule=rule.code,
        parameter=lesson.parameter,
        value=float(f"{value:.4g}"),
        default=default,
        low=low,
        high=high,
        quantile=lesson.quantile,
        observed=float(observed),
        days=history.days,
        readings=len(history.t),
    )


def _try_one(rule: Rule, trial: Trial, history: History, traits: Traits, day: date) -> Learnt | None:
    default = parameters(rule, traits)[trial.parameter]
    bound = next(one for one in rule.check.parameters if one.name == trial.parameter)
    numbers = [step * default for step in trial.steps if step * default <= bound.maximum]
    if not default > 0.0 or not numbers:
        return None

    def found_at(number: float) -> Integers:
        return _hits_of(rule, {trial.parameter: number}, history, traits, day)

    if _parts_of(found_at(numbers[0]), history) < RECURS:
        return None
    allowed = int(history.days / trial.days) + len(found_at(numbers[-1]))
    tried = ((number, len(found_at(number))) for number in numbers)
    value, found = next((number, found) for number, found in tried if found <= allowed)
    return Learnt(
        rule=rule.code,
        parameter=trial.parameter,
        value=float(f"{value:.4g}"),
        default=default,
        low=numbers[0],
        high=numbers[-1],
        quantile=1.0 - found / len(history.t),
        observed=value,
        days=history.days,
        readings=len(history.t),
    )


def _hits_of(rule: Rule, own: Mapping[str, float], history: History, traits: Traits, day: date) -> Integers:
    """Where the rule alone, with its own numbers, would have fired: starts, epoch seconds."""
    number = len(history.t)
    batch = Batch(history.t, history.v, np.zeros(number, np.uint8), np.full((number, 2), np.nan))
    the_plan = plan([rule], traits, on=day, overrides={rule.code: own})
    hits = advance(new_states(), the_plan.vector, batch).hits
    return hits.start[~hits.opened]


def _parts_of(starts: Integers, history: History) -> int:
    """In how many of PARTS equal parts of the history something was found."""
    first, last = int(history.t[0]), int(history.t[-1]) + 1
    return len(np.unique((starts - first) * PARTS // (last - first)))


def _longest_constant(history: History, values: Mapping[str, float], traits: Traits, quantile: float) -> float:
    """Hours of the runs of equal values, as the check counts them; of one reading is a run too.

    Runs longer than learning may ever allow are no nature of the series, and are left out.
    """
    sizes = np.abs(np.diff(history.v))
    usual = float(np.median(sizes[sizes > 0.0])) if np.any(sizes > 0.0) else 0.0
    broad = min(values["span_share"] * (traits.span or 0.0), values["quiet"] * usual)
    tolerance = max(0.5 * (traits.resolution or 0.0), broad)
    lengths = _run_lengths(history.v, history.v > values["floor"], history.joined, tolerance)
    least = max(values["min_hours"], values["min_points"] * traits.interval / HOUR)
    hours = lengths * history.interval / HOUR
    return _quantile(hours[hours <= MOST_RAISE * least], quantile)


def _longest_zero(history: History, values: Mapping[str, float], traits: Traits, quantile: float) -> float:
    """Hours of the runs of zeros."""
    zero = np.abs(history.v) <= 0.5 * (traits.resolution or 0.0)
    lengths = _run_lengths(np.zeros(len(history.v)), zero, history.joined, 0.0)
    hours = lengths * history.interval / HOUR
    return _quantile(hours[hours <= MOST_RAISE * values["min_hours"]], quantile)


def _stillest_day(history: History, values: Mapping[str, float], _traits: Traits, quantile: float) -> float:
    """Range of as many hours in a row as the check takes, in shares of their level."""
    size = max(1, int(values["min_hours"] * HOUR / history.interval))
    whole = len(history.v) // size * size
    days = history.v[:whole].reshape(-1, size)
    low, high = days.min(axis=1), days.max(axis=1)
    moves = (low > 0.0) & (high > low)
    return _quantile((high[moves] - low[moves]) / high[moves], quantile)


def _run_lengths(v: Floats, counts: np.ndarray, joined: np.ndarray, tolerance: float) -> Floats:
    """Readings in each run of those that count whose values all lie within the tolerance of each other."""
    lengths: list[int] = []
    length, low, high = 0, 0.0, 0.0
    for value, one, follows in zip(v.tolist(), counts.tolist(), joined.tolist(), strict=True):
        if one and follows and length and max(high, value) - min(low, value) <= tolerance:
            length, low, high = length + 1, min(low, value), max(high, value)
            continue
        if length:
            lengths.append(length)
        length, low, high = int(one), value, value
    return np.array([*lengths, length] if length else lengths, dtype=np.float64)


def _quantile(values: Floats, quantile: float) -> float:
    return float(np.quantile(values, quantile)) if len(values) else np.nan


def _day_of(seconds: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(PARK_ZONE).date()


MOST_RAISE = 4.0
"""A length is learnt to be at most so many times the rule's own."""
LESSONS: Mapping[str, tuple[Lesson, ...]] = {
    "constant": (Lesson("min_hours", 0.99, 2.0, 1.0, MOST_RAISE, _longest_constant),),
    "zero": (Lesson("min_hours", 0.999, 2.0, 1.0, MOST_RAISE, _longest_zero),),
    "flat": (Lesson("relative", 0.01, 0.3, 0.25, 1.0, _stillest_day),),
}
TRIALS: Mapping[str, tuple[Trial, ...]] = {
    "spike": (Trial("factor", (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0), 60.0),),
    "rate": (Trial("factor", (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0), 60.0),),
    "shift": (Trial("factor", (1.0, 1.5, 2.0, 3.0, 4.0), 60.0),),
}
"""By check; the quantiles and margins are those of the honest runs and days of public data (docs/evaluation.md)."""
TAUGHT = frozenset({*LESSONS, *TRIALS})
"""Checks of which something is learnt."""
