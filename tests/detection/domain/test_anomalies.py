"""Hits merge, recur, count, rise and explain themselves, whatever the batches."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.detection.domain import kernel
from services.detection.domain.anomalies import ChangeKind, Episode, Policy, apply_hit, fold, settle
from services.detection.domain.explanations import explain
from services.detection.domain.grades import frequency
from services.detection.domain.hits import Hit, read_hits
from services.detection.domain.rules import Escalation, read_rules
from shared.contracts.detection import AnomalyState, Frequency, Nature, Severity
from tests.detection.domain.makers import T0, make_batch, make_key, make_plan, make_rules

START = datetime.fromtimestamp(T0, UTC)
HOUR = timedelta(hours=1)
POLICY = Policy(rules={rule.code: rule for rule in make_rules()})
CHECK_OF = {rule.code: rule.check.name for rule in make_rules()}


def make_hit(
    at: float = 0.0,
    hours: float = 1.0,
    *,
    rule: str = "EX-H",
    opened: bool = False,
    value: float = 40.0,
    reference: float = 35.0,
    count: int | None = None,
    factor: str = "a21026",
):
    begin = START + at * HOUR
    return Hit(
        series=make_key(factor),
        check=CHECK_OF[rule],
        rule=rule,
        opened=opened,
        started_at=begin,
        until=begin + hours * HOUR,
        decided_at=begin + hours * HOUR,
        value=value,
        reference=reference,
        count=int(hours) if count is None else count,
    )


def play(*hits: Hit, policy: Policy = POLICY, hazardous: bool = False) -> list[Episode]:
    episodes: list[Episode] = []
    for hit in hits:
        episodes = fold(episodes, apply_hit(episodes, hit, policy=policy, hazardous=hazardous))
    return episodes


def kinds(known: list[Episode], hit: Hit, policy: Policy = POLICY) -> list[str]:
    return [change.kind.value for change in apply_hit(known, hit, policy=policy)]


def test_a_hit_opens_an_anomaly_with_a_stable_identity():
    (one,) = play(make_hit(opened=True))
    (again,) = play(make_hit(opened=True))

    assert one == again
    assert one.key == f"{one.outlet_id}/a21026/EX-H/2026-02-28T16:00:00+00:00"
    assert (one.state, one.nature, one.severity) == (AnomalyState.OPEN, Nature.EXCEEDANCE, Severity.B)
    assert (one.started_at, one.last_at, one.ended_at) == (START, START, None)
    assert (one.points, one.hits, one.frequency, one.count_30d) == (1, 1, Frequency.FIRST, 1)


def test_hits_within_six_hours_are_one_anomaly_with_the_worst_value():
    (one,) = play(make_hit(0, 2), make_hit(8, 1, value=90), make_hit(15, 3, value=36))

    assert (one.hits, one.points, one.worst.value) == (3, 6, 90)
    assert (one.started_at, one.until, one.last_at) == (START, START + 18 * HOUR, START + 17 * HOUR)
    assert one.longest == 3 * HOUR


@pytest.mark.parametrize(
    ("gap", "number", "recurs"), [(6.0, 1, None), (6.1, 2, True), (72.0, 2, True), (72.1, 2, False)]
)
def test_later_hits_merge_recur_or_stand_alone(*, gap: float, number: int, recurs: bool | None):
    episodes = play(make_hit(0, 2), make_hit(2 + gap, 1))

    assert len(episodes) == number
    if number == 2:
        assert episodes[1].recurrence_of == (episodes[0].id if recurs else None)


@pytest.mark.parametrize("other", [{"factor": "a21002"}, {"rule": "RANGE"}])
def test_other_factors_and_rules_stay_apart(other: dict[str, str]):
    assert len(play(make_hit(0, 2), make_hit(1, 1, **other))) == 2


def test_a_running_hit_is_brought_up_to_date_and_ended():
    first = make_hit(0, 1, opened=True)
    later = make_hit(0, 5, opened=True, value=60)
    end = make_hit(0, 7, value=60)
    (episode,) = play(first)

    assert kinds([episode], first) == []
    assert kinds([episode], later) == ["updated"]
    (episode,) = play(first, later)
    assert (episode.points, episode.hits, episode.ended_at) == (5, 1, None)
    (episode,) = play(first, later, end)
    assert (episode.points, episode.hits, episode.ended_at) == (7, 1, START + 7 * HOUR)
    assert play(first, later, end) == play(first, end)


def test_closing_waits_for_hits_that_could_still_merge():
    episodes = play(make_hit(0, 2))

    assert settle(episodes, START + 13.9 * HOUR, policy=POLICY) == []
    (change,) = settle(episodes, START + 14 * HOUR, policy=POLICY)
    assert (change.kind, change.at) == (ChangeKind.CLOSED, START + 2 * HOUR)
    assert (change.episode.state, change.episode.closed_at) == (AnomalyState.CLOSED, START + 2 * HOUR)
    assert settle(play(make_hit(0, 2, opened=True)), START + 99 * HOUR, policy=POLICY) == []
    assert settle([change.episode], START + 99 * HOUR, policy=POLICY) == []


def test_a_hit_found_late_re_opens_a_closed_anomaly():
    (closed,) = [change.episode for change in settle(play(make_hit(0, 2)), START + 30 * HOUR, policy=POLICY)]

    assert kinds([closed], make_hit(7, 24)) == ["reopened"]
    (episode,) = fold([closed], apply_hit([closed], make_hit(7, 24), policy=POLICY))
    assert (episode.state, episode.closed_at) == (AnomalyState.OPEN, None)


def test_a_late_point_before_an_anomaly_joins_it_and_keeps_its_identity():
    before = play(make_hit(10, 2, rule="RANGE"))
    (after,) = play(make_hit(10, 2, rule="RANGE"), make_hit(7, 1, rule="RANGE"))

    assert after.id == before[0].id
    assert (after.started_at, after.until) == (START + 7 * HOUR, START + 12 * HOUR)
    assert len(play(make_hit(10, 2, rule="RANGE"), make_hit(2, 1, rule="RANGE"))) == 2


def test_frequency_counts_a_week_and_thirty_days():
    at = START
    week = [at - timedelta(days=6)]
    month = [at - timedelta(days=days) for days in (29, 20, 10)]

    assert frequency([], at) == (Frequency.FIRST, 1)
    assert frequency(week, at) == (Frequency.REPEATED, 2)
    assert frequency([at - timedelta(days=7)], at) == (Frequency.FIRST, 2)
    assert frequency(month[:2], at) == (Frequency.FIRST, 3)
    assert frequency(month, at) == (Frequency.CHRONIC, 4)
    assert frequency([*month[1:], at - timedelta(days=30)], at) == (Frequency.FIRST, 3)


def test_four_anomalies_in_thirty_days_are_chronic():
    episodes = play(*(make_hit(day * 24 * 8, 1) for day in range(4)))

    assert [(one.frequency, one.count_30d) for one in episodes] == [
        (Frequency.FIRST, 1),
        (Frequency.FIRST, 2),
        (Frequency.FIRST, 3),
        (Frequency.CHRONIC, 4),
    ]


@pytest.mark.parametrize(
    ("rule", "hours", "hazardous", "nature", "severity"),
    [
        ("EX-H", 1, False, "N1", "B"),
        ("EX-H", 1, True, "N1", "A"),
        ("EX-D", 24, False, "N1", "A"),
        ("CONST", 23.9, False, "N2", "C"),
        ("CONST", 24, False, "N4", "B"),
        ("CONST", 24, True, "N4", "B"),
        ("MISS", 3.9, False, "N3", "C"),
        ("MISS", 4, False, "N3", "B"),
        ("RANGE", 11, True, "N2", "C"),
        ("RANGE", 12, False, "N2", "B"),
        ("SPIKE", 1, True, "N2", "C"),
    ],
)
def test_nature_and_severity(*, rule: str, hours: float, hazardous: bool, nature: str, severity: str):
    (one,) = play(make_hit(0, hours, rule=rule), hazardous=hazardous)

    assert (one.nature, one.severity) == (nature, severity)


def test_a_hit_that_lasts_raises_its_anomaly():
    episodes = play(make_hit(0, 12, rule="CONST", opened=True))

    (change,) = apply_hit(episodes, make_hit(0, 30, rule="CONST", opened=True), policy=POLICY)
    assert (change.kind, change.episode.nature, change.episode.severity) == (ChangeKind.RAISED, "N4", "B")


def test_many_short_hits_do_not_add_up_to_a_long_one():
    (one,) = play(*(make_hit(at, 3, rule="MISS") for at in (0, 4, 8, 12)))

    assert one.severity == "C"


def test_two_independent_suspicions_of_fraud_at_an_outlet_are_severity_a():
    fraud = (Escalation(12 * HOUR, Severity.B, Nature.SUSPECTED_FRAUD),)
    rules = POLICY.rules | {"RANGE": replace(POLICY.rules["RANGE"], raises=fraud)}
    policy = replace(POLICY, rules=rules)
    constant = make_hit(0, 30, rule="CONST")

    def graded(second: Hit):
        return [(one.rule, str(one.severity)) for one in play(constant, second, policy=policy)]

    near = make_hit(40, 20, rule="RANGE", factor="a21002")
    assert graded(near) == [("CONST", "A"), ("RANGE", "A")]
    assert graded(make_hit(55, 20, rule="RANGE")) == [("CONST", "B"), ("RANGE", "B")]
    assert graded(make_hit(40, 2, rule="RANGE")) == [("CONST", "B"), ("RANGE", "C")]
    assert [(one.rule, str(one.severity)) for one in play(near, constant, policy=policy)] == [
        ("RANGE", "A"),
        ("CONST", "A"),
    ]
    still = replace(make_hit(40, 20, rule="RANGE"), check="cap")
    assert graded(still) == [("CONST", "B"), ("RANGE", "B")]
    assert graded(replace(still, check="replay")) == [("CONST", "A"), ("RANGE", "A")]
    same_rule = make_hit(2, 30, rule="CONST", factor="a21002")
    assert graded(same_rule) == [("CONST", "B"), ("CONST", "B")]


@pytest.mark.parametrize(
    ("hit", "code", "params"),
    [
        (make_hit(0, 2, value=70), "exceedance.above", {"observed": 70, "reference": 35, "ratio": 2, "count": 2}),
        (make_hit(0, 1, value=5, reference=6), "exceedance.below", {"observed": 5, "reference": 6}),
        (make_hit(0, 1, rule="RANGE", value=-9, reference=-4), "range.below", {"observed": -9}),
        (make_hit(0, 1, rule="RANGE", value=9, reference=9), "range.above", {"ratio": 1}),
        (make_hit(0, 9, rule="CONST", value=2.96, reference=0.0), "constant", {"ratio": 0, "longest_hours": 9}),
        (make_hit(0, 3, rule="MISS", value=0, reference=3), "missing", {"observed": 0, "count": 3, "hours": 3}),
        (make_hit(0, 0, rule="MISS", value=0, reference=0), "missing.backfilled", {"count": 0, "hours": 0}),
        (make_hit(0, 1, rule="SPIKE", value=150, reference=50), "spike", {"ratio": 3}),
    ],
)
def test_explanations(hit: Hit, code: str, params: dict[str, float]):
    reason = explain(play(hit)[0])

    assert reason.code == code
    assert {name: reason.params[name] for name in params} == params


def test_hits_read_from_the_kernel_carry_rule_series_and_key():
    the_plan = make_plan()
    outcome = kernel.advance(kernel.new_states(), the_plan.vector, make_batch([30, 40, 50, 30], high=35))
    opened, closed = read_hits(outcome.hits, [make_key()], [the_plan.codes])

    assert (opened.opened, closed.opened) == (True, False)
    assert opened.key == closed.key
    assert opened.id == closed.id
    assert (closed.rule, closed.started_at, closed.until) == ("EX-H", START + HOUR, START + 3 * HOUR)
    assert (closed.decided_at, closed.value, closed.reference, closed.count) == (START + 3 * HOUR, 50, 35, 2)


LEVEL = st.sampled_from([*[20.0] * 6, 21.0, 22.0, 50.0, 500.0, -50.0])
SERIES = st.lists(st.tuples(st.sampled_from([*[1] * 12, 2, 5, 10, 90]), LEVEL), min_size=1, max_size=200)


@settings(max_examples=150, deadline=None)
@given(SERIES, st.lists(st.integers(0, 200), max_size=6))
def test_history_in_any_batches_gives_the_same_anomalies(points: list[tuple[int, float]], cuts: list[int]):
    """From raw values to graded episodes, closing after each batch, with running hits refreshed or not."""
    overrides = {"CONST": {"min_points": 3, "min_hours": 0}, "SPIKE": {"min_values": 4}}
    the_plan = make_plan(overrides=overrides)
    times = T0 + 3600 * np.cumsum([gap for gap, _ in points])
    values = [value for _, value in points]

    def story(places: list[int], *, refresh: bool) -> list[Episode]:
        states, episodes = kernel.new_states(), []
        for first, last in pairwise(places):
            batch = make_batch(values[first:last], times=times[first:last], high=35)
            outcome = kernel.advance(states, the_plan.vector, batch)
            states = outcome.states
            found = [outcome.hits]
            if refresh:
                found.append(kernel.open_hits(states, the_plan.vector.reshape(1, -1)))
            for hits in found:
                for hit in read_hits(hits, [make_key()], [the_plan.codes]):
                    episodes = fold(episodes, apply_hit(episodes, hit, policy=POLICY))
            if last:
                now = datetime.fromtimestamp(int(times[last - 1]), UTC)
                episodes = fold(episodes, settle(episodes, now, policy=POLICY))
        still = read_hits(kernel.open_hits(states, the_plan.vector.reshape(1, -1)), [make_key()], [the_plan.codes])
        for hit in still:
            episodes = fold(episodes, apply_hit(episodes, hit, policy=POLICY))
        return episodes

    places = [0, *sorted(min(cut, len(points)) for cut in cuts), len(points)]
    whole = story([0, len(points)], refresh=False)

    assert story(places, refresh=False) == whole
    assert story(places, refresh=True) == whole


def test_a_policy_that_does_not_know_the_rule_says_so():
    with pytest.raises(KeyError):
        apply_hit([], make_hit(), policy=Policy(rules={rule.code: rule for rule in read_rules([])}))
