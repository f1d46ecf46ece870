"""Candidates along the numbers that may be tuned, and which of them is worth it."""

from dataclasses import replace
from typing import Any

import pytest

from services.detection.domain.backtests.change import changed_rules, plain_settings
from services.detection.domain.backtests.comparison import RuleOutcome, Side
from services.detection.domain.backtests.tuning import MOST_CANDIDATES, candidates, choose
from services.detection.domain.rules import Rule, RuleError, Tune, read_rules
from tests.detection.domain.makers import make_rules


def rule(code: str) -> Rule:
    return next(one for one in make_rules() if one.code == code)


def outcome(wrong: int, right: int, wrong_left: int, right_left: int) -> RuleOutcome:
    return RuleOutcome(Side(9, right, 0, wrong), Side(9, right_left, 0, wrong_left))


def test_every_shipped_candidate_is_a_rule_that_fires_less_or_differs() -> None:
    tunable = [one for one in make_rules() if one.tunes]
    assert {one.code for one in tunable} >= {"SPIKE", "CONST", "STEP", "LOWVAR", "ZERO", "NEG", "HUG", "EX-TREND"}
    assert not rule("EX-H").tunes
    for one in tunable:
        tried = candidates(one)
        assert 0 < len(tried) <= MOST_CANDIDATES
        for settings in tried:
            changed_rules(make_rules(), {"settings": {one.code: settings}})


def test_steps_keep_proportions_and_exceptions() -> None:
    tried = candidates(replace(rule("CONST"), tunes=(Tune("min_hours", (1.5, 2.0)),)))
    hours = [[setting["values"]["min_hours"] for setting in settings] for settings in tried]
    assert hours == [[9, 6, 18], [12, 8, 24]]
    (zero,) = candidates(replace(rule("ZERO"), tunes=(Tune("zero_share", (0.5,)),)))
    assert [setting["values"]["zero_share"] for setting in zero] == [0.025, 0]
    assert plain_settings(rule("CONST"))[0]["values"]["min_hours"] == 6


def test_what_leaves_the_bounds_is_not_tried() -> None:
    assert candidates(replace(rule("HUG"), tunes=(Tune("share", (5.0,)),))) == []
    assert candidates(replace(rule("HUG"), tunes=())) == []


@pytest.mark.parametrize(
    ("outcomes", "chosen"),
    [
        ([], None),
        ([outcome(10, 2, 10, 2)], None),
        ([outcome(10, 2, 4, 2), outcome(10, 2, 1, 2)], 1),
        ([outcome(10, 2, 4, 2), outcome(10, 2, 4, 2)], 0),
        ([outcome(10, 2, 4, 2), outcome(10, 2, 1, 1)], 0),
        ([outcome(10, 2, 4, 2), outcome(10, 2, 0, 1)], 1),
        ([outcome(10, 2, 8, 0)], None),
        ([outcome(10, 2, 10, 3)], 0),
    ],
)
def test_the_candidate_that_drops_most_for_what_it_loses(outcomes: list[RuleOutcome], chosen: int | None) -> None:
    assert choose(outcomes) == chosen


@pytest.mark.parametrize(
    "tuning", [{"parameter": "none", "steps": [2]}, {"parameter": "factor", "steps": []},
               {"parameter": "factor", "steps": [1]}, {"parameter": "factor", "steps": [-2]}, {"parameter": "factor"}]
)  # fmt: skip
def test_bad_tuning_stops_the_start(tuning: dict[str, Any]) -> None:
    entry = {
        "code": "SPIKE", "check": "spike", "name": {"zh": "尖", "en": "S"}, "description": {"zh": "尖", "en": "S"},
        "nature": "N2", "severity": "B", "source": "test", "valid_from": "2020-01-01", "judges": ["hour"],
        "settings": plain_settings(rule("SPIKE")), "tuning": [tuning],
    }  # fmt: skip
    with pytest.raises(RuleError):
        read_rules([{"rules": [entry]}])
