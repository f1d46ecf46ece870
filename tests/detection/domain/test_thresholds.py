"""Thresholds of single series: which version holds when, how far learning moves by itself, who may do what."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.detection.domain.checks import constant, flat
from services.detection.domain.checks.definition import Check
from services.detection.domain.learning import LESSONS
from services.detection.domain.people import Person
from services.detection.domain.thresholds import table
from services.detection.domain.thresholds.model import Threshold, Version, standing, threshold_id
from services.detection.domain.thresholds.policy import find_problems, policy_on
from services.detection.domain.thresholds.teaching import consider
from services.detection.domain.thresholds.timeline import make_timeline, overrides
from shared.contracts.detection.thresholds import ThresholdEvent as Event
from shared.contracts.detection.thresholds import ThresholdOrigin, VersionState
from shared.contracts.detection.thresholds import ThresholdState as State
from shared.contracts.identity import Role
from shared.contracts.ingest import ReadingKind
from shared.errors import ForbiddenError, InvalidError
from tests.detection.domain.makers import OUTLET, make_rules

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = policy_on(date(2026, 3, 1))
DEFAULT = {"min_hours": 6.0}
LEAD, OFFICER, SUPERVISOR = {Role.SUPERVISOR_LEAD}, {Role.OFFICER}, {Role.SUPERVISOR}


def person(subject: str = "wang", at: datetime = NOW) -> Person:
    return Person(subject, subject, "bureau", at)


def version(number: int, hours: float, begin: datetime | None = NOW, **fields: Any) -> Version:
    given: dict[str, Any] = {"accepted": True, "valid_from": begin, **fields}
    return Version(number, given.pop("origin", ThresholdOrigin.LEARNT), {"min_hours": hours}, person("system"), **given)


def threshold(*versions: Version, rule: str = "CONST", **fields: Any) -> Threshold:
    which = threshold_id(OUTLET, "a21026", ReadingKind.HOUR, rule)
    return Threshold(
        which, UUID(int=1), OUTLET, "a21026", ReadingKind.HOUR, rule, NOW, versions=versions[::-1], **fields
    )


# -- time ----------------------------------------------------------------------------------------------


def test_each_time_has_the_version_that_held_then():
    line = make_timeline(
        {"CONST": [version(1, 8, NOW), version(2, 10, NOW + 2 * DAY)], "ZERO": [version(1, 3, NOW + DAY)]}
    )

    def held(days: float) -> dict[str, dict[str, float]]:
        return overrides(line.at((NOW + days * DAY).timestamp()))

    assert held(-0.001) == {}
    assert held(0) == {"CONST": {"min_hours": 8}}
    assert held(1.5) == {"CONST": {"min_hours": 8}, "ZERO": {"min_hours": 3}}
    assert held(400) == {"CONST": {"min_hours": 10}, "ZERO": {"min_hours": 3}}


def test_of_two_that_begin_together_the_later_one_holds():
    one = threshold(version(1, 8), version(2, 10), version(3, 12, None, accepted=None))

    assert one.at(NOW) is not None
    assert one.at(NOW).number == 2
    assert one.at(NOW - DAY) is None
    assert (one.newest.number, one.pending.number, one.refused) == (2, 3, None)
    assert make_timeline({"CONST": one.versions[1:]}).at(NOW.timestamp()) == (("CONST", (("min_hours", 10.0),)),)
    assert {number: state for number, (state, _) in standing(one.versions, NOW).items()} == {
        1: VersionState.SUPERSEDED, 2: VersionState.IN_FORCE, 3: VersionState.PROPOSED,
    }  # fmt: skip


def test_where_versions_stand():
    one = threshold(version(1, 8), version(2, 10, NOW + DAY), version(3, 12, NOW + 3 * DAY),
                    version(4, 99, None, accepted=False))  # fmt: skip
    found = standing(one.versions, NOW + 2 * DAY)

    assert found == {
        1: (VersionState.SUPERSEDED, NOW + DAY), 2: (VersionState.IN_FORCE, NOW + 3 * DAY),
        3: (VersionState.COMING, None), 4: (VersionState.REFUSED, None),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("now", "begins"),
    [
        ("2026-03-01T00:00+08:00", "2026-03-02T00:00+08:00"),
        ("2026-03-01T21:59+08:00", "2026-03-02T00:00+08:00"),
        ("2026-03-01T22:00+08:00", "2026-03-03T00:00+08:00"),
        ("2026-03-01T23:59+08:00", "2026-03-03T00:00+08:00"),
    ],
)
def test_a_version_begins_with_a_day_of_which_no_reading_can_have_come(now: str, begins: str):
    assert POLICY.takes_effect(datetime.fromisoformat(now)) == datetime.fromisoformat(begins)


# -- how far learning goes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "event"),
    [(6.0, None), (6.5, None), (6.7, Event.LEARN), (12.0, Event.LEARN), (12.1, Event.SUGGEST), (24.0, Event.SUGGEST),
     (1.6, Event.LEARN), (1.4, Event.SUGGEST)],
)  # fmt: skip
def test_small_changes_are_none_and_large_ones_wait(hours: float, event: Event | None):
    assert consider(threshold(), {"min_hours": hours}, DEFAULT, POLICY) is event


@pytest.mark.parametrize(("relative", "event"), [(0.011, Event.LEARN), (0.0099, Event.SUGGEST), (0.05, Event.LEARN)])
def test_a_number_that_loosens_downwards(relative: float, event: Event):
    assert consider(threshold(rule="LOWVAR"), {"relative": relative}, {"relative": 0.02}, POLICY) is event


def test_small_steps_do_not_add_up_beyond_what_a_person_confirmed():
    """A cheat that lengthens its frozen values a little each week meets the same bound as one that leaps."""
    one, hours = threshold(), 6.0
    for week in range(40):
        hours *= 1.15
        event = consider(one, {"min_hours": hours}, DEFAULT, POLICY)
        if event is not Event.LEARN:
            break
        made = version(week + 1, hours, NOW + week * 7 * DAY)
        one = table.add(one, event, made)

    assert event is Event.SUGGEST
    assert one.newest.numbers["min_hours"] <= 12.0
    assert one.state is State.LEARNT


def test_frozen_numbers_and_waiting_proposals_are_left_alone():
    for state in (State.FROZEN, State.PROPOSED):
        assert consider(threshold(version(1, 8), state=state), {"min_hours": 11.0}, DEFAULT, POLICY) is None


def test_what_was_refused_is_not_put_forward_again_until_it_differs():
    one = threshold(version(1, 20, None, accepted=False))

    assert consider(one, {"min_hours": 21.0}, DEFAULT, POLICY) is None
    assert consider(one, {"min_hours": 24.0}, DEFAULT, POLICY) is Event.SUGGEST
    assert consider(one, {"min_hours": 9.0}, DEFAULT, POLICY) is Event.LEARN


def test_a_bound_that_the_rule_leaves_open_waits_for_a_person():
    assert consider(threshold(), {"min_hours": 8.0}, {}, POLICY) is Event.SUGGEST


def test_every_lesson_of_a_rule_is_of_a_number_that_a_series_may_have():
    """Otherwise learning would reckon for nothing; and each number that may be set is one of its check."""
    rules = {rule.code: rule for rule in make_rules()}
    for code, numbers in POLICY.numbers.items():
        check = rules[code].check
        assert isinstance(check, Check)
        assert numbers.keys() <= {one.name for one in check.parameters}
        assert {lesson.parameter for lesson in LESSONS.get(check.name, ())} <= numbers.keys()
    taught = {rule.code for rule in rules.values() if rule.check.name in LESSONS}
    assert taught <= POLICY.numbers.keys()


@pytest.mark.parametrize(
    ("rule", "numbers", "default", "said"),
    [
        ("CONST", {"min_hours": 12.0}, DEFAULT, []),
        ("CONST", {"min_hours": 60.1}, DEFAULT, [("numbers.min_hours", "out_of_bounds")]),
        ("CONST", {"min_hours": 0.5}, DEFAULT, [("numbers.min_hours", "out_of_bounds")]),
        ("CONST", {"min_hours": -1.0}, DEFAULT, [("numbers.min_hours", "out_of_bounds")]),
        ("CONST", {"min_hours": float("nan")}, DEFAULT, [("numbers.min_hours", "out_of_bounds")]),
        ("CONST", {"hold_hours": 5.0}, DEFAULT, [("numbers.hold_hours", "no_such_number")]),
        ("EX-H", {"valid_minutes": 1.0}, {"valid_minutes": 45.0}, [("numbers.valid_minutes", "no_such_number")]),
        ("LOWVAR", {"relative": 0.01}, {"relative": 0.0}, [("numbers.relative", "not_judged")]),
        ("CONST", {"min_hours": 99.0, "x": 1.0}, DEFAULT,
         [("numbers.min_hours", "out_of_bounds"), ("numbers.x", "no_such_number")]),
    ],
)  # fmt: skip
def test_nonsense_is_named_by_field(
    rule: str, numbers: dict[str, float], default: dict[str, float], said: list[tuple[str, str]]
):
    check = flat.CHECK if rule == "LOWVAR" else constant.CHECK
    found = find_problems(POLICY, rule, check.parameters, numbers, default)

    assert [(field, code) for field, code, _ in found] == said


# -- the table -----------------------------------------------------------------------------------------


def make_state(state: State) -> Threshold:
    waiting = (version(2, 20, None, accepted=None, origin=ThresholdOrigin.MANUAL),)
    return threshold(version(1, 8), *(waiting if state is State.PROPOSED else ()), state=state, before=State.LEARNT)


def act(one: Threshold, event: Event, roles: set[Role], reason: str = "x") -> Threshold:
    if event in {Event.LEARN, Event.SUGGEST, Event.PROPOSE}:
        return table.add(one, event, replace(version(9, 10), note=reason), roles)
    return table.decide(one, event, person(), roles, reason, valid_from=NOW + DAY)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_every_state_takes_the_events_of_its_rows_and_no_others(state: State, event: Event):
    one, row = make_state(state), table.find_row(state, event)
    if row is None:
        with pytest.raises(table.IllegalThresholdEventError):
            act(one, event, LEAD | OFFICER | SUPERVISOR)
        return
    after = act(one, event, OFFICER)
    target = {Event.ACCEPT: State.FROZEN, Event.REFUSE: State.LEARNT}.get(event, row.target)
    assert (after.state, after.version) == (target, one.version + 1)
    if row.needs_reason:
        with pytest.raises(InvalidError):
            act(one, event, OFFICER, " ")
    if row.who is not table.LEARNING:
        with pytest.raises(ForbiddenError):
            act(one, event, {Role.ENTERPRISE, Role.ADMIN, Role.AUDITOR})


def test_nobody_accepts_what_they_proposed():
    one = table.add(
        threshold(),
        Event.PROPOSE,
        replace(version(1, 9, origin=ThresholdOrigin.MANUAL), made=person("wang"), note="x"),
        OFFICER,
    )

    with pytest.raises(table.ThresholdBlockedError):
        table.decide(one, Event.ACCEPT, person("wang"), OFFICER, "", valid_from=NOW)
    assert [(offer.event, offer.blocked) for offer in table.offers(one, OFFICER, "wang")] == [
        (Event.ACCEPT, "own_proposal"), (Event.REFUSE, None),
    ]  # fmt: skip
    accepted = table.decide(one, Event.ACCEPT, person("li"), OFFICER, "", valid_from=NOW + DAY)
    assert (accepted.state, accepted.confirmed, accepted.newest.valid_from) == (
        State.FROZEN, {"min_hours": 9}, NOW + DAY,
    )  # fmt: skip


def test_a_suggestion_of_learning_goes_on_learning_and_a_refused_one_changes_nothing():
    suggested = table.add(threshold(version(1, 8), state=State.RELEASED), Event.SUGGEST, version(2, 20, None))

    assert (suggested.state, suggested.newest.number, suggested.pending.number) == (State.PROPOSED, 1, 2)
    accepted = table.decide(suggested, Event.ACCEPT, person(), OFFICER, "", valid_from=NOW + DAY)
    assert (accepted.state, accepted.confirmed) == (State.LEARNT, {"min_hours": 20})
    refused = table.decide(suggested, Event.REFUSE, person(), OFFICER, "too long", valid_from=NOW + DAY)
    assert (refused.state, refused.newest.number, refused.refused.number) == (State.RELEASED, 1, 2)
    assert refused.confirmed is None


def test_freezing_confirms_what_holds():
    frozen = table.decide(threshold(version(1, 8)), Event.FREEZE, person(), SUPERVISOR, "steady", valid_from=NOW)

    assert (frozen.confirmed, frozen.held_reason, frozen.held) == ({"min_hours": 8}, "steady", person())
    with pytest.raises(ForbiddenError):
        table.decide(frozen, Event.RELEASE, person(), SUPERVISOR, "x", valid_from=NOW)
    assert table.decide(frozen, Event.RELEASE, person(), LEAD, "x", valid_from=NOW).state is State.RELEASED
