"""What rules would have found in a history 回测: pure, one series or one outlet at a time, the same kernel as live.

    found = run(rules, traits, columns, limits)                the anomalies of one series
    found = settle_hits(rules, all_hits, until=...)            those of an outlet, from the hits of its series

A history gives what the live stream gave, however that was cut, if its points come in the order in which they came
then; a point that is late is judged as if it had been sent alone. The flags are those under which live sees the
readings: what marks cover is written into them before (`covers.marked_flags`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.detection.domain.anomalies import Episode, Policy, apply_hit, fold, settle
from services.detection.domain.checks.definition import Traits
from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.hits import Hit, SeriesKey, read_hits
from services.detection.domain.kernel import Batch, advance, new_states, open_hits
from services.detection.domain.learning import LEARN_EVERY, LEARN_FIRST, LOOK_BACK, learn
from services.detection.domain.rules import Plan, Rule, plan
from services.detection.domain.thresholds.timeline import ALWAYS_DEFAULT, Timeline, overrides
from shared.clock import PARK_ZONE

NOWHERE = UUID(int=0)
"""Outlet of a series that belongs to none."""


@dataclass(frozen=True)
class Columns:
    """Points of one series in the order in which they came: `t` int64 (n,) epoch seconds UTC, `v` float64 (n,)
    with NaN for no number, `flags` uint8 (n,) codes of flag letters, 0 = none.
    """

    t: Integers
    v: Floats
    flags: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Found:
    """What a series or an outlet would have shown: `hits` as they were told, first reports and ends, in order; the
    `episodes` that they make, oldest first; `points` looked at, and how many of them were `late`.
    """

    hits: tuple[Hit, ...]
    episodes: tuple[Episode, ...]
    points: int
    late: int


@dataclass(frozen=True)
class Choice:
    """How a backtest differs from the rules as they stand: rules switched `off`, own numbers by rule code.

    `learning`: numbers are learnt from the readings that came before, as `learning` says, and again every month;
    `overrides` stand above them.
    """

    off: frozenset[str] = frozenset()
    overrides: Mapping[str, Mapping[str, float]] | None = None
    learning: bool = False


def run(
    rules: Sequence[Rule],
    traits: Traits,
    columns: Columns,
    limits: Floats,
    *,
    key: SeriesKey | None = None,
    choice: Choice | None = None,
) -> Found:
    """Anomalies of one series; `limits` float64 (n, 2), lower and upper limit at each point, NaN = none.

    Raises RuleError for rules that do not fit together and BatchError for columns that do not.
    """
    key = key or SeriesKey(NOWHERE, traits.factor, traits.kind, timedelta(seconds=traits.interval))
    batch = Batch(columns.t, columns.v, columns.flags, limits)
    hits, late = find_hits(rules, traits, batch, key=key, choice=choice)
    if not len(columns.t):
        return Found((), (), 0, 0)
    return Found(tuple(hits), settle_hits(rules, hits, until=_moment(columns.t.max())), len(columns.t), late)


def find_hits(
    rules: Sequence[Rule],
    traits: Traits,
    batch: Batch,
    *,
    key: SeriesKey,
    choice: Choice | None = None,
    own: Timeline = ALWAYS_DEFAULT,
) -> tuple[list[Hit], int]:
    """Hits of one series in the order of their decision, the ones still running last; and the number of late points.

    Each point is judged by the rules in force on its own day in the park, with the numbers that the series had of its
    `own` at that time; those of the choice go before them.
    """
    choice = choice or Choice()
    state, hits, late, the_plan = new_states(), [], 0, None
    for begin, end, day in stretches(rules, batch.t, own.starts, learning=choice.learning):
        numbers = _numbers(rules, traits, batch, begin, (own, choice))
        the_plan = plan(rules, traits, on=day, off=choice.off, overrides=numbers)
        part = _part(batch, begin, end)
        outcome = advance(state, the_plan.vector, part)
        state, late = outcome.states, late + int(outcome.late[0])
        hits += read_hits(outcome.hits, [key], [the_plan.codes])
    return hits + _running(state, the_plan, key), late


def settle_hits(
    rules: Sequence[Rule],
    hits: Iterable[Hit],
    *,
    until: datetime,
    policy: Policy | None = None,
    hazardous: bool = False,
) -> tuple[Episode, ...]:
    """Anomalies of one outlet from the hits of its series, in the order in which they became known.

    `until` is the outlet's last data time: what ended long enough before is closed.
    """
    policy = policy or Policy(rules={rule.code: rule for rule in rules})
    recent: list[Episode] = []
    done: list[Episode] = []
    told: list[Hit] = []
    for hit in hits:
        if hit.late and any(_covers(one, hit) for one in told):
            continue
        told = [one for one in told if one.opened or one.until > hit.started_at - policy.history]
        told.append(hit)
        if old := _past(recent, hit.started_at - policy.history):
            done += old
            recent = [one for one in recent if one not in old]
        recent = fold(recent, apply_hit(recent, hit, policy=policy, hazardous=hazardous))
    recent = fold(recent, settle(recent, until, policy=policy))
    done = fold(done, settle(done, until, policy=policy))
    return tuple(sorted([*done, *recent], key=lambda one: (one.started_at, one.key)))


def _past(known: Sequence[Episode], since: datetime) -> list[Episode]:
    """Episodes that nothing can touch any more: over before `since`, with all that share their parent."""
    alive = {one.parent_id or one.id for one in known if one.running or one.until >= since}
    return [one for one in known if (one.parent_id or one.id) not in alive]


def _running(state: Floats, the_plan: Plan | None, key: SeriesKey) -> list[Hit]:
    """Hits that the last point leaves open, as they then stand."""
    if the_plan is None:
        return []
    return read_hits(open_hits(state, the_plan.vector.reshape(1, -1)), [key], [the_plan.codes])


def _covers(told: Hit, hit: Hit) -> bool:
    same = (told.series, told.rule) == (hit.series, hit.rule)
    return same and told.started_at <= hit.started_at < told.until


def _numbers(
    rules: Sequence[Rule], traits: Traits, batch: Batch, begin: int, given: tuple[Timeline, Choice]
) -> dict[str, Mapping[str, float]]:
    """Numbers that the series has of its own at point `begin`: as kept, as learnt, as chosen; the later goes first."""
    own, choice = given
    numbers: dict[str, Mapping[str, float]] = dict(overrides(own.at(float(batch.t[begin]))))
    if choice.learning and begin:
        first = int(np.searchsorted(np.maximum.accumulate(batch.t[:begin]), batch.t[begin] - LOOK_BACK.total_seconds()))
        numbers |= learn(rules, traits, _part(batch, first, begin))
    for code, chosen in (choice.overrides or {}).items():
        numbers[code] = {**numbers.get(code, {}), **chosen}
    return numbers


def _part(batch: Batch, begin: int, end: int) -> Batch:
    return Batch(batch.t[begin:end], batch.v[begin:end], batch.flags[begin:end], batch.limits[begin:end])


def stretches(
    rules: Sequence[Rule], t: Integers, starts: Sequence[float] = (), *, learning: bool = False
) -> Iterable[tuple[int, int, date]]:
    """Runs of points between the times at which rules begin or end, own numbers start, or numbers are learnt.

    First point, moment after the last, a day in it.
    """
    if not len(t):
        return
    days = sorted({day for rule in rules for day in (rule.valid_from, rule.valid_to) if day is not None})
    changes = np.array(sorted([*starts, *(datetime.combine(day, time(), PARK_ZONE).timestamp() for day in days)]))
    period = np.searchsorted(changes, t, side="right")
    if learning:
        age = np.maximum.accumulate(t) - t[0]
        first = [age >= moment.total_seconds() for moment in LEARN_FIRST]
        period = period + age // int(LEARN_EVERY.total_seconds()) + np.sum(first, axis=0)
    edges = [0, *(np.flatnonzero(np.diff(period)) + 1).tolist(), len(t)]
    for begin, end in pairwise(edges):
        yield begin, end, _moment(t[begin]).astimezone(PARK_ZONE).date()


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
