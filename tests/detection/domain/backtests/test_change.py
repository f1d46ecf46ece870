"""What a change of rules may say, and what comes of it."""

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from services.detection.domain.backtests.change import changed_rules, plain_settings, read_settings, touched
from services.detection.domain.backtests.versions import LocalVersion, with_versions
from services.detection.domain.rules import Rule, RuleError, parameters
from tests.detection.domain.makers import make_rules, make_traits


def rule(rules: tuple[Rule, ...], code: str) -> Rule:
    return next(one for one in rules if one.code == code)


def version(number: int, hours: float, begin: date, end: date | None = None) -> LocalVersion:
    settings = plain_settings(rule(make_rules(), "CONST"))
    settings[0]["values"]["min_hours"] = hours
    return LocalVersion(UUID(int=number), "CONST", number, tuple(settings), begin, end)


def test_an_override_holds_for_every_series() -> None:
    made = changed_rules(make_rules(), {"overrides": {"CONST": {"min_hours": 9}}, "off": ["SPIKE"]})

    for kind, medium in (("minute", "gas"), ("minute", "water"), ("hour", "gas")):
        assert parameters(rule(made, "CONST"), make_traits(kind, medium))["min_hours"] == 9.0
    assert "SPIKE" not in {one.code for one in made}
    assert touched({"overrides": {"CONST": {"min_hours": 9}}, "off": ["SPIKE"]}) == {"CONST", "SPIKE"}
    untouched = {one.code: one for one in make_rules() if one.code not in {"CONST", "SPIKE"}}
    assert {one.code: one for one in made if one.code != "CONST"} == untouched


def test_settings_as_a_whole_keep_their_exceptions() -> None:
    entries = plain_settings(rule(make_rules(), "CONST"))
    assert read_settings(rule(make_rules(), "CONST"), entries) == rule(make_rules(), "CONST").settings
    entries[0]["values"]["min_hours"] = 8
    made = rule(changed_rules(make_rules(), {"settings": {"CONST": entries}}), "CONST")

    assert parameters(made, make_traits("hour"))["min_hours"] == 8.0
    assert parameters(made, make_traits("minute", "gas"))["min_hours"] == 4.0


def test_a_whole_rule_takes_the_place_of_its_code() -> None:
    entry = {
        "code": "SPIKE", "check": "spike", "name": {"zh": "尖", "en": "S"}, "description": {"zh": "尖", "en": "S"},
        "nature": "N2", "severity": "B", "source": "test", "valid_from": "2020-01-01", "judges": ["hour"],
        "settings": plain_settings(rule(make_rules(), "SPIKE")),
    }  # fmt: skip
    made = changed_rules(make_rules(), {"rules": [entry]})

    assert (rule(made, "SPIKE").severity, rule(made, "SPIKE").valid_from) == ("B", date(2020, 1, 1))
    assert [one.code for one in made].count("SPIKE") == 1


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"overrides": {"CONST": {"min_hours": -1}}}, "CONST", "min_hours"),
        ({"overrides": {"CONST": {"min_hours": "six"}}}, "CONST", "min_hours"),
        ({"overrides": {"CONST": {"min_hours": True}}}, "CONST", "min_hours"),
        ({"overrides": {"CONST": {"min_hours": float("nan")}}}, "CONST", "min_hours"),
        ({"overrides": {"CONST": {"hours": 6}}}, "CONST", "hours"),
        ({"overrides": {"CONST": {}}}, "CONST", "overrides"),
        ({"overrides": {"NONE": {"min_hours": 6}}}, "NONE", "code"),
        ({"off": ["NONE"]}, "NONE", "code"),
        ({"settings": {"CONST": []}}, "CONST", "settings"),
        ({"settings": {"CONST": [{"values": {"min_hours": 6}}]}}, "CONST", "min_points"),
        ({"settings": {"CONST": [{"kinds": ["yearly"], "values": {"min_hours": 6}}]}}, "CONST", "settings"),
        ({"settings": {"CONST": [{"min_hours": 6}]}}, "CONST", "settings"),
        ({"rules": [{"code": "X", "check": "none"}]}, "X", "'none'"),
        ({"rules": ["CONST"]}, None, "rules"),
        ({"override": {}}, None, "override"),
        ({"off": "CONST"}, None, "off"),
        ({"off": [3]}, None, "code"),
        (["CONST"], None, "change"),
    ],
)
def test_nonsense_is_refused_with_rule_and_field(change: Any, code: str | None, field: str) -> None:
    with pytest.raises(RuleError) as refused:
        changed_rules(make_rules(), change)

    assert (refused.value.context.get("rule"), refused.value.context["field"]) == (code, field)


def test_a_local_version_holds_from_its_day_on() -> None:
    made = with_versions(make_rules(), [version(1, 8, date(2026, 4, 1))])
    pieces = [one for one in made if one.code == "CONST"]

    assert [(one.valid_from, one.valid_to) for one in pieces] == [
        (date(2016, 1, 1), date(2026, 4, 1)), (date(2026, 4, 1), None),
    ]  # fmt: skip
    assert [parameters(one, make_traits("hour"))["min_hours"] for one in pieces] == [6.0, 8.0]
    assert with_versions(make_rules(), []) == make_rules()


def test_the_later_version_holds_and_a_withdrawn_one_gives_way_to_the_one_before() -> None:
    first, second = version(1, 8, date(2026, 4, 1)), version(2, 12, date(2026, 5, 1), date(2026, 6, 1))
    pieces = [one for one in with_versions(make_rules(), [second, first]) if one.code == "CONST"]

    assert [(one.valid_from, parameters(one, make_traits("hour"))["min_hours"]) for one in pieces] == [
        (date(2016, 1, 1), 6.0), (date(2026, 4, 1), 8.0), (date(2026, 5, 1), 12.0), (date(2026, 6, 1), 8.0),
    ]  # fmt: skip
    never = replace(second, valid_to=date(2026, 5, 1))
    assert len([one for one in with_versions(make_rules(), [never]) if one.code == "CONST"]) == 1
