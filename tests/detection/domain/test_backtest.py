"""A history gives what live gives."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from services.detection.domain import backtest, kernel
from services.detection.domain.anomalies import Episode, Policy, apply_hit, fold, settle
from services.detection.domain.backtest import Choice, Columns
from services.detection.domain.hits import read_hits
from services.detection.domain.kernel import BatchError
from services.detection.domain.rules import Rule, plan
from tests.detection.domain.makers import DAY, T0, make_key, make_rules, make_traits

HOURS = 24 * 90
KEY = make_key()
TRAITS = make_traits()


def make_history(seed: int = 1) -> tuple[Columns, np.ndarray]:
    """Three months of hours with holes, constant runs, spikes, values over the limit and a marked stop."""
    noise = np.random.default_rng(seed)
    v = np.round(50 + np.cumsum(noise.normal(0, 1, HOURS)) * 0.2 + noise.normal(0, 3, HOURS), 2)
    flags = np.full(HOURS, ord("N"), dtype=np.uint8)
    for first in noise.integers(50, HOURS - 60, 6):
        v[first : first + noise.integers(5, 50)] = v[first]
    v[noise.integers(50, HOURS, 12)] += 130.0
    v[noise.integers(50, HOURS, 12)] = np.nan
    flags[800:830] = ord("F")
    t = T0 + 3600 * np.arange(HOURS, dtype=np.int64)
    keep = np.ones(HOURS, dtype=bool)
    keep[1200:1210] = False
    limits = np.tile([np.nan, 100.0], (HOURS, 1))
    return Columns(t[keep], v[keep], flags[keep]), limits[keep]


def live(columns: Columns, limits: np.ndarray, cuts: list[int]) -> list[Episode]:
    """Anomalies as live detection makes them: one event after the other, settled at each, open ones refreshed last."""
    the_plan, policy = plan(make_rules(), TRAITS, on=DAY), Policy(rules={rule.code: rule for rule in make_rules()})
    states, episodes = kernel.new_states(), []
    watermark = datetime.fromtimestamp(0, UTC)
    for begin, end in pairwise([0, *cuts, len(columns.t)]):
        batch = kernel.Batch(columns.t[begin:end], columns.v[begin:end], columns.flags[begin:end], limits[begin:end])
        outcome = kernel.advance(states, the_plan.vector, batch)
        states = outcome.states
        hits = read_hits(outcome.hits, [KEY], [the_plan.codes])
        for hit in sorted(hits, key=lambda hit: hit.decided_at + hit.series.interval):
            episodes = fold(episodes, apply_hit(episodes, hit, policy=policy))
        watermark = max(watermark, datetime.fromtimestamp(int(columns.t[begin:end].max()), UTC))
        episodes = fold(episodes, settle(episodes, watermark, policy=policy))
    for hit in read_hits(kernel.open_hits(states, the_plan.vector.reshape(1, -1)), [KEY], [the_plan.codes]):
        episodes = fold(episodes, apply_hit(episodes, hit, policy=policy))
    return sorted(episodes, key=lambda one: (one.started_at, one.key))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("pieces", [1, 40, 700])
def test_a_history_gives_the_anomalies_of_any_cutting_of_the_live_stream(seed: int, pieces: int):
    columns, limits = make_history(seed)
    cuts = np.random.default_rng(seed).choice(np.arange(1, len(columns.t)), pieces, replace=False)

    found = backtest.run(make_rules(), TRAITS, columns, limits, key=KEY)

    assert list(found.episodes) == live(columns, limits, sorted(cuts.tolist()))
    assert {one.rule for one in found.episodes} >= {"CONST", "SPIKE", "EX-H", "MISS"}
    assert (found.points, found.late) == (len(columns.t), 0)


def test_point_by_point_is_the_same_too():
    columns, limits = make_history()

    found = backtest.run(make_rules(), TRAITS, columns, limits, key=KEY)

    assert list(found.episodes) == live(columns, limits, list(range(1, len(columns.t))))


def test_a_run_that_has_not_ended_is_told_as_it_stands():
    t = T0 + 3600 * np.arange(40, dtype=np.int64)
    v = np.r_[np.arange(10) * 3.0, np.full(30, 7.5)]
    columns = Columns(t, v, np.full(40, ord("N"), dtype=np.uint8))

    (episode,) = backtest.run(make_rules(), TRAITS, columns, np.full((40, 2), np.nan)).episodes

    assert (episode.rule, episode.points, episode.ended_at) == ("CONST", 30, None)


def test_late_points_are_judged_once_and_counted():
    columns, limits = make_history()
    order = [*range(500), 100, 100, *range(500, len(columns.t))]
    v = columns.v.copy()
    again = Columns(columns.t[order], v[order], columns.flags[order])
    again.v[[500, 501]] = 150.0

    found = backtest.run(make_rules(), TRAITS, again, limits[order], key=KEY)
    over = [one for one in found.episodes if one.rule == "EX-H" and one.started_at.timestamp() == columns.t[100]]

    assert found.late == 2
    assert [(one.hits, one.points) for one in over] == [(1, 1)]


def test_each_day_is_judged_by_the_rules_in_force_on_it():
    columns, limits = make_history()
    change = date(2026, 4, 1)
    rules = tuple(replace(rule, valid_to=change) if rule.code == "EX-H" else rule for rule in make_rules())
    last = datetime(2026, 3, 31, 16, tzinfo=UTC)

    def over(used: tuple[Rule, ...]) -> list[Episode]:
        return [one for one in backtest.run(used, TRAITS, columns, limits, key=KEY).episodes if one.rule == "EX-H"]

    assert any(one.started_at >= last for one in over(make_rules()))
    assert [one.started_at for one in over(rules)] == [o.started_at for o in over(make_rules()) if o.started_at < last]


def test_rules_can_be_switched_off_and_have_numbers_of_their_own():
    columns, limits = make_history()
    choice = Choice(off=frozenset({"SPIKE"}), overrides={"CONST": {"min_hours": 48.0}})
    found = backtest.run(make_rules(), TRAITS, columns, limits, key=KEY, choice=choice)

    assert "SPIKE" not in {one.rule for one in found.episodes}
    assert all(one.longest >= timedelta(hours=48) for one in found.episodes if one.rule == "CONST")


def test_nothing_gives_nothing_and_odd_columns_are_refused():
    none = Columns(np.empty(0, np.int64), np.empty(0), np.empty(0, np.uint8))
    columns, limits = make_history()

    assert backtest.run(make_rules(), TRAITS, none, np.empty((0, 2))).episodes == ()
    with pytest.raises(BatchError):
        backtest.run(make_rules(), TRAITS, columns, limits[:-1])
