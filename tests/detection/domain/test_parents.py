"""Anomalies of one rule that begin together on several factors of an outlet are one event."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.detection.domain.anomalies import Change, ChangeKind, Episode, Policy, apply_hit, fold, settle
from services.detection.domain.backtest import settle_hits
from services.detection.domain.explanations import explain
from services.detection.domain.hits import Hit
from services.detection.domain.parents import gather
from shared.contracts.detection import SEVERAL, AnomalyState, Frequency
from tests.detection.domain.makers import T0, make_key, make_rules

START = datetime.fromtimestamp(T0, UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
RULES = make_rules()
POLICY = Policy(rules={rule.code: rule for rule in RULES})
CHECK_OF = {rule.code: rule.check.name for rule in RULES}
GASES = ("a19001", "a21002", "a21026", "a34013")


def make_hit(factor: str, at: float = 0.0, hours: float = 2.0, *, rule: str = "MISS", opened: bool = False) -> Hit:
    begin = START + at * HOUR
    until = begin + hours * HOUR
    return Hit(make_key(factor), CHECK_OF[rule], rule, opened, begin, until, until, 0.0, hours, int(hours))


def play(*hits: Hit) -> list[Episode]:
    episodes: list[Episode] = []
    for hit in hits:
        episodes = fold(episodes, apply_hit(episodes, hit, policy=POLICY))
    return episodes


def parents(episodes: list[Episode]) -> list[Episode]:
    return [one for one in episodes if one.is_parent]


def lost(at: float = 0.0, hours: float = 2.0, factors: tuple[str, ...] = GASES) -> list[Hit]:
    return [make_hit(factor, at, hours) for factor in factors]


def test_a_lost_link_has_one_parent_that_tells_the_factors():
    episodes = play(*lost())
    (parent,) = parents(episodes)

    assert (parent.factor, parent.factors, parent.rule) == (SEVERAL, GASES, "MISS")
    assert parent.key == f"{parent.outlet_id}/*/MISS/{START.isoformat()}"
    assert {one.parent_id for one in episodes if not one.is_parent} == {parent.id}
    assert (parent.hits, parent.points, parent.started_at, parent.until) == (4, 8, START, START + 2 * HOUR)
    assert (parent.severity, parent.nature) == ("C", "N3")
    reason = explain(parent)
    assert (reason.code, reason.params["factors"], reason.params["count"]) == ("several.missing", 4, 8)


@pytest.mark.parametrize(
    "hits",
    [
        lost(factors=GASES[:2]),
        [make_hit("a21026"), make_hit("a21026-Zs"), make_hit("a21026-Cou")],
        [make_hit("a21026"), make_hit("a21002", 11 / 60), make_hit("a34013", 22 / 60)],
        [make_hit("a21026"), make_hit("a21002"), make_hit("a34013", rule="CONST")],
        [make_hit(factor, rule="EX-H") for factor in GASES],
    ],
    ids=["two factors", "one and what is computed from it", "one after the other", "two rules", "exceedances"],
)
def test_no_parent(hits: list[Hit]):
    assert parents(play(*hits)) == []


def test_the_third_makes_the_parent_and_the_others_hear_of_it():
    known = play(*lost(factors=GASES[:2]))
    changes = apply_hit(known, make_hit(GASES[2]), policy=POLICY)

    assert [(one.kind, one.episode.factor) for one in changes] == [
        (ChangeKind.OPENED, GASES[2]),
        (ChangeKind.UPDATED, GASES[0]),
        (ChangeKind.UPDATED, GASES[1]),
        (ChangeKind.OPENED, SEVERAL),
    ]
    assert {one.episode.parent_id for one in changes[:3]} == {changes[3].episode.id}


def test_a_late_joiner_joins():
    known = play(*lost(factors=GASES[:3]))
    changes = apply_hit(known, make_hit(GASES[3], 9 / 60, 4), policy=POLICY)

    assert [(one.kind, one.episode.factor) for one in changes] == [
        (ChangeKind.OPENED, GASES[3]),
        (ChangeKind.RAISED, SEVERAL),
    ]
    parent = changes[1].episode
    assert (parent.factors, parent.until, parent.severity) == (GASES, START + 9 * MINUTE + 4 * HOUR, "B")
    assert parent.id == parents(known)[0].id


def test_the_parent_closes_when_all_its_children_have():
    episodes = play(*lost(factors=GASES[:3]), make_hit(GASES[3], 0, 9))

    def closed(at: float) -> list[str]:
        nonlocal episodes
        changes = settle(episodes, START + at * HOUR, policy=POLICY)
        episodes = fold(episodes, changes)
        return [one.episode.factor for one in changes if one.kind is ChangeKind.CLOSED]

    assert closed(14) == list(GASES[:3])
    assert parents(episodes)[0].state is AnomalyState.OPEN
    assert closed(21) == [GASES[3], SEVERAL]
    (parent,) = parents(episodes)
    assert (parent.state, parent.closed_at) == (AnomalyState.CLOSED, START + 9 * HOUR)
    again = apply_hit(episodes, make_hit(GASES[3], 12, 1), policy=POLICY)
    assert [one.kind for one in again] == [ChangeKind.REOPENED, ChangeKind.REOPENED]


def test_a_running_child_keeps_the_parent_running():
    (parent,) = parents(play(*lost(factors=GASES[:3]), make_hit(GASES[3], opened=True)))

    assert (parent.ended_at, len(parent.running)) == (None, 1)


def test_the_next_lost_link_is_a_recurrence():
    first, second = parents(play(*lost(), *lost(30)))

    assert (second.recurrence_of, second.frequency, second.count_30d) == (first.id, Frequency.REPEATED, 2)


def test_the_parent_says_the_mark_only_if_all_children_have_it():
    episodes = play(*lost())
    mark = make_key().outlet_id

    def after(number: int) -> Episode:
        changes = [
            Change(ChangeKind.UPDATED, replace(one, marked_by=mark), one.until)
            for one in [one for one in episodes if not one.is_parent][:number]
        ]
        return parents(fold(episodes, gather(episodes, changes, policy=POLICY)))[0]

    assert (after(3).marked_by, after(4).marked_by) == (None, mark)


@pytest.mark.parametrize("hits", list(permutations(lost()))[::5])
def test_the_order_of_the_factors_is_nothing(hits: tuple[Hit, ...]):
    assert {one.id: one for one in play(*hits)} == {one.id: one for one in play(*lost())}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(GASES), st.integers(0, 60), st.integers(1, 30)), min_size=3, max_size=24),
    st.sets(st.integers(0, 24), max_size=6),
)
def test_closing_between_makes_no_difference(told: list[tuple[str, int, int]], looks: set[int]):
    """Live closes as data time goes on, history once at the end: the anomalies are the same."""
    free: dict[str, float] = {}
    hits: list[Hit] = []
    at = 0.0
    for factor, gap, minutes in told:
        at = max(at + gap / 6, free.get(factor, 0.0))
        hits.append(make_hit(factor, at, minutes / 2))
        free[factor] = at + minutes / 2 + 0.1
    hits.sort(key=lambda hit: hit.order)
    live: list[Episode] = []
    for number, hit in enumerate(hits):
        live = fold(live, apply_hit(live, hit, policy=POLICY))
        if number in looks:
            live = fold(live, settle(live, hit.decided_at, policy=POLICY))
    until = hits[-1].decided_at
    live = fold(live, settle(live, until, policy=POLICY))

    assert tuple(sorted(live, key=lambda one: (one.started_at, one.key))) == settle_hits(RULES, hits, until=until)


def test_a_long_history_keeps_brothers_and_sisters_together():
    long = replace(make_hit(GASES[0], 0, 24 * 50), decided_at=START + 2 * HOUR)
    hits = [*lost(factors=GASES[1:]), long, make_hit("w01018", 24 * 40), make_hit(GASES[0], 24 * 50 + 1, 1)]
    episodes = settle_hits(RULES, hits, until=START + 24 * 60 * HOUR)
    (parent,) = parents(list(episodes))

    assert (parent.hits, parent.until) == (5, START + (24 * 50 + 2) * HOUR)
    assert parent.points == 3 * 2 + 24 * 50 + 1
