"""Rules are data: read, checked, chosen by day, kind, medium and factor."""

import math
from copy import deepcopy
from dataclasses import replace
from datetime import date
from string import Formatter
from typing import Any

import numpy as np
import pytest
import yaml

from services.detection.domain.checks import CHECKS
from services.detection.domain.explanations import FIELDS, PARENT_CODES
from services.detection.domain.judges import JUDGES
from services.detection.domain.kernel import PARAM_COUNT
from services.detection.domain.rules import RuleError, parameters, plan, read_explanations, read_rules
from tests.detection.domain.makers import DAY, FOLDER, make_plan, make_rules, make_traits

ENTRY = yaml.safe_load((FOLDER / "constant.yaml").read_text(encoding="utf-8"))["rules"][0]


HOURLY = ["EX-TREND", "HUG", "STEP", "LOWVAR", "RATE"]


def changed(**fields: Any):
    return {**deepcopy(ENTRY), **fields}


def with_values(**values: Any):
    entry = deepcopy(ENTRY)
    entry["settings"][0]["values"] |= values
    return entry


def test_the_rules_shipped():
    rules = {rule.code: rule for rule in make_rules()}

    assert {rule.check.name for rule in rules.values()} == set(JUDGES)
    assert len(rules) == len(make_rules())
    for rule in rules.values():
        assert all((rule.name.zh, rule.name.en, rule.description.zh, rule.description.en, rule.source)), rule.code
    assert {code: (rule.nature, rule.severity) for code, rule in rules.items()}.items() >= {
        "CONST": ("N2", "C"),
        "EX-D": ("N1", "A"),
        "EX-H": ("N1", "B"),
        "MISS": ("N3", "C"),
        "RANGE": ("N2", "C"),
        "SPIKE": ("N2", "C"),
        "RATE": ("N2", "C"),
        "NEG": ("N2", "C"),
        "EX-TREND": ("N1", "C"),
        "HUG": ("N4", "B"),
        "STEP": ("N2", "C"),
        "LOWVAR": ("N2", "C"),
        "ZERO": ("N2", "C"),
        "TEMP850": ("N1", "C"),
        "CONV": ("N2", "C"),
        "MASS": ("N2", "C"),
        "PARTS": ("N2", "C"),
        "O2-HIGH": ("N4", "B"),
        "DILUTE": ("N4", "B"),
        "STOP-RUN": ("N4", "A"),
        "MON-OFF": ("N4", "B"),
        "GAP": ("N5", "C"),
        "GAP-FLOW": ("N5", "C"),
        "TREAT-OFF": ("N5", "B"),
        "CAL": ("N2", "C"),
        "PARAM": ("N4", "A"),
        "LATE-MARK": ("N6", "C"),
    }.items()


def test_every_explanation_has_both_languages_and_knows_its_fields():
    texts = read_explanations(yaml.safe_load((FOLDER / "explanations.yaml").read_text(encoding="utf-8")))

    assert set(texts) == {*PARENT_CODES, *(code for judge in JUDGES.values() for code in judge.explanations)}
    for text in texts.values():
        fields = [{name for _, name, _, _ in Formatter().parse(one) if name} for one in (text.zh, text.en)]
        assert fields[0] == fields[1]
        assert fields[0] <= set(FIELDS)


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("realtime", ["RANGE", None, None, None, None, "NEG", None, None, *[None] * 5]),
        ("minute", ["RANGE", "EX-H", "CONST", "MISS", "SPIKE", "NEG", "ZERO", "TEMP850", *HOURLY]),
        ("hour", ["RANGE", "EX-H", "CONST", "MISS", "SPIKE", "NEG", "ZERO", "TEMP850", *HOURLY]),
        ("day", ["RANGE", "EX-D", None, "MISS", None, "NEG", None, None, *[None] * 5]),
    ],
)
def test_each_kind_has_its_rules(kind: str, codes: list[str | None]):
    the_plan = make_plan(kind)

    assert list(the_plan.codes) == codes
    assert the_plan.vector.shape == (PARAM_COUNT,)


def test_settings_grow_more_special_and_own_numbers_win():
    rule = next(one for one in make_rules() if one.code == "CONST")

    assert parameters(rule, make_traits("hour", "gas"))["min_hours"] == 6
    assert parameters(rule, make_traits("minute", "gas"))["min_hours"] == 4
    assert parameters(rule, make_traits("minute", "water"))["min_hours"] == 12
    own = make_plan("hour", "water", overrides={"CONST": {"min_hours": 40}}).vector
    assert (~np.isclose(own, make_plan("hour", "water").vector, equal_nan=True)).sum() == 1
    assert 40 * 3600.0 in own


@pytest.mark.parametrize(
    ("resolution", "span", "tolerances"),
    [(0.01, None, (0.005, 0.0)), (0.01, 200.0, (0.005, 0.2)), (1.0, 200.0, (0.5, 0.2)), (None, None, (0.0, 0.0))],
)
def test_tolerances_are_half_a_step_and_a_thousandth_of_the_span(
    resolution: float | None, span: float | None, tolerances: tuple[float, float]
):
    constant = next(check for check in CHECKS if check.name == "constant")
    rule = next(one for one in make_rules() if one.code == "CONST")
    traits = make_traits(resolution=resolution, span=span)

    assert constant.vector(parameters(rule, traits), traits)[2:4] == tolerances


def test_a_rule_holds_from_its_first_day_to_the_one_before_its_last():
    (rule,) = read_rules([{"rules": [changed(valid_from="2026-01-01", valid_to=date(2026, 7, 1))]}])

    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1)]
    assert [rule.in_force(day) for day in days] == [False, True, True, False]
    assert plan([rule], make_traits(), on=date(2026, 7, 1)).codes == (None,) * len(CHECKS)


def test_two_rules_for_one_check_are_refused():
    (rule,) = read_rules([{"rules": [ENTRY]}])
    with pytest.raises(RuleError, match="CONST-2 and CONST both set constant"):
        plan([rule, replace(rule, code="CONST-2")], make_traits(), on=DAY)


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        (with_values(min_points=1), "min_points"),
        (with_values(min_hours="six"), "min_hours"),
        (with_values(min_hours=True), "min_hours"),
        (with_values(span_share=math.inf), "span_share"),
        (with_values(floor=None), "floor"),
        (with_values(length=5), "length"),
        (changed(check="magic"), "magic"),
        (changed(nature="N9"), "N9"),
        (changed(judges=["weekly"]), "weekly"),
        (changed(name={"zh": "恒值"}), "en"),
        (changed(valid_to="2015-01-01"), "valid_to"),
        (changed(valid_from="soon"), "soon"),
        ({"code": "X"}, "check"),
    ],
)
def test_nonsense_is_refused_with_the_rule_and_the_field(entry: dict[str, Any], field: str):
    with pytest.raises(RuleError) as refused:
        read_rules([{"rules": [entry]}])

    assert refused.value.context["rule"] == entry["code"]
    assert field in refused.value.context["field"]
    assert entry["code"] in refused.value.message


def test_a_number_that_no_setting_gives_is_asked_for_by_name():
    entry = deepcopy(ENTRY)
    del entry["settings"][0]["values"]["floor"]
    (rule,) = read_rules([{"rules": [entry]}])
    with pytest.raises(RuleError, match="floor needs a number"):
        plan([rule], make_traits(), on=DAY)


def test_own_numbers_are_checked_too():
    with pytest.raises(RuleError, match="min_hours must be 0 to 8760, not -1"):
        make_plan(overrides={"CONST": {"min_hours": -1}})
    with pytest.raises(RuleError, match="no parameter speed"):
        make_plan(overrides={"CONST": {"speed": 1}})


@pytest.mark.parametrize("interval", [0.0, -60.0, math.nan, math.inf])
def test_a_series_needs_a_real_interval(interval: float):
    traits = replace(make_traits(), interval=interval)
    with pytest.raises(RuleError, match="interval must be"):
        plan(make_rules(), traits, on=DAY)


def test_a_setting_can_speak_of_one_trade():
    entry = deepcopy(ENTRY)
    entry["settings"].append({"trades": ["cement"], "values": {"min_points": 24}})
    (rule,) = read_rules([{"rules": [entry]}])

    assert parameters(rule, replace(make_traits(), trade="cement"))["min_points"] == 24
    assert parameters(rule, replace(make_traits(), trade="paper"))["min_points"] == 6
    assert parameters(rule, make_traits())["min_points"] == 6
