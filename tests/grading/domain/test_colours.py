"""RI, H, hysteresis, vetoes, grey; and the worked examples of the scheme."""

from datetime import date, timedelta
from typing import Any

import pytest

from services.grading.domain.colours import (
    colour_after,
    colour_of,
    inherent_factor,
    risk_index,
    smoothed,
)
from services.grading.domain.facts import Completeness, Earlier
from services.grading.domain.grades import grade
from services.grading.domain.rules import rules_for
from shared.calendar import Quarter
from shared.contracts.casework import FindingSeverity, FindingState
from shared.contracts.grading import Colour
from shared.contracts.ingest import PermitClass
from tests.grading.makers import (
    AS_OF,
    FIRM,
    OUTLET,
    RULES,
    at,
    make_days,
    make_enterprise,
    make_facts,
    make_finding,
    make_quarter,
)

GREEN, YELLOW, RED, GREY = Colour.GREEN, Colour.YELLOW, Colour.RED, Colour.GREY
OPEN = {"state": FindingState.FIXING, "verified_at": None, "on_time": None, "due_at": AS_OF - timedelta(hours=1)}


@pytest.mark.parametrize(
    ("risk", "colour"),
    [(0, GREEN), (14.999, GREEN), (15, YELLOW), (29.999, YELLOW), (30, RED), (130, RED)],
)
def test_colour_by_risk_alone(risk: float, colour: Colour):
    assert colour_of(risk, RULES.thresholds) is colour
    assert colour_after(risk, None, RULES.thresholds).colour is colour


@pytest.mark.parametrize(
    ("previous", "risk", "colour"),
    [
        (GREEN, 14.999, GREEN), (GREEN, 15, YELLOW), (GREEN, 30, RED),
        (GREY, 14.999, GREEN), (GREY, 29, YELLOW),
        (YELLOW, 12.999, GREEN), (YELLOW, 13, YELLOW), (YELLOW, 14.999, YELLOW),
        (YELLOW, 15, YELLOW), (YELLOW, 29.999, YELLOW), (YELLOW, 30, RED),
        (RED, 12.999, GREEN), (RED, 13, YELLOW), (RED, 14.999, YELLOW), (RED, 15, YELLOW),
        (RED, 26.999, YELLOW), (RED, 27, RED), (RED, 29.999, RED), (RED, 30, RED),
    ],
)  # fmt: skip
def test_hysteresis(previous: Colour, risk: float, colour: Colour):
    verdict = colour_after(risk, previous, RULES.thresholds)

    assert verdict.colour is colour
    assert [reason.code for reason in verdict.reasons] == (
        [] if colour is colour_of(risk, RULES.thresholds) else ["hysteresis"]
    )


def test_hysteresis_says_what_would_be_needed():
    (reason,) = colour_after(14, YELLOW, RULES.thresholds).reasons

    assert reason.params == {"previous": "yellow", "by_risk": "green", "risk": 14, "needs": 13}


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [((80.0, 60.0), 83.0), ((None, None), 90.0), ((80.0, None), 87.0588), ((None, 60.0), 84.0), ((), 90.0)],
)
def test_smoothing_gives_the_weights_of_missing_quarters_to_the_others(
    earlier: tuple[float | None, ...], expected: float
):
    """0.6·90 + 0.25·80 + 0.15·60 = 83; without the older one (0.6·90 + 0.25·80) / 0.85 = 87.0588."""
    assert smoothed(90.0, earlier, RULES.smoothing) == expected


# The scheme's worked check gives P, H and RI; the P̄ between them follows as 100 − RI / H, and with it what the
# two quarters before must have been (here both the same): (P̄ − 0.6 P) / 0.4. For 95.1 no H is stated: 1.0.
WORKED = [
    ("clean", 95.1, 90.85, 1.0, 93.4, 6.6, GREEN),
    ("middling", 73.0, 83.2273, 1.1, 77.0909, 25.2, YELLOW),
    ("poor", 25.6, 62.225, 1.2, 40.25, 71.7, RED),
]


@pytest.mark.parametrize(("p", "before", "h", "p_smoothed", "risk", "colour"), [row[1:] for row in WORKED])
def test_worked_examples(p: float, before: float, h: float, p_smoothed: float, risk: float, colour: Colour):
    assert smoothed(p, (before, before), RULES.smoothing) == pytest.approx(p_smoothed, abs=1e-4)
    assert risk_index(p_smoothed, h) == pytest.approx(risk, abs=1e-3)
    assert colour_of(risk_index(p_smoothed, h), RULES.thresholds) is colour


def test_binary_fractions_decide_no_colour():
    assert risk_index(85.0, 1.0) == 15.0
    assert risk_index(smoothed(85.1, (84.85, 84.85), RULES.smoothing), 1.0) == 15.0


INHERENT = {
    "plain": ({}, 1.0, []),
    "simplified permit": ({"permit_class": PermitClass.SIMPLIFIED}, 0.9, ["simplified_permit"]),
    "registration": ({"permit_class": PermitClass.REGISTERED}, 0.9, ["simplified_permit"]),
    "key unit near homes": ({"key_unit": True, "near_homes": True}, 1.15, ["key_unit", "near_homes"]),
    "everything": (
        {"key_unit": True, "toxic": True, "near_homes": True, "large_flow": True}, 1.3,
        ["key_unit", "toxic", "near_homes", "large_flow"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "h", "names"), INHERENT.values(), ids=INHERENT.keys())
def test_inherent_factor(fields: dict[str, Any], h: float, names: list[str]):
    factor, reasons = inherent_factor(make_enterprise(**fields), RULES.inherent)

    assert (factor, [reason.code for reason in reasons]) == (h, names)


COLOURS = {
    "clean": ({}, GREEN, []),
    "one overdue rectification": (
        {"findings": (make_finding("1", **OPEN),)}, YELLOW, ["cannot_be_green:overdue_rectification"]),
    "two overdue majors": (
        {"findings": tuple(make_finding(no, severity=FindingSeverity.MAJOR, **OPEN) for no in "12")},
        RED, ["veto:overdue_majors", "cannot_be_green:overdue_rectification"]),
    "a major and a minor": (
        {"findings": (make_finding("1", severity=FindingSeverity.MAJOR, **OPEN),
                      make_finding("2", severity=FindingSeverity.MINOR, **OPEN))},
        YELLOW, ["cannot_be_green:overdue_rectification"]),
    "TVR of 0.9": ({"completeness": (Completeness(OUTLET, FIRM, 2000, 1900, 1800),)}, GREEN, []),
    "TVR below 0.9": (
        {"completeness": (Completeness(OUTLET, FIRM, 2000, 1900, 1799),)}, YELLOW, ["cannot_be_green:tvr"]),
    "silence is not grey": (
        {"completeness": (Completeness(OUTLET, FIRM, 2000, 0, 0),)}, YELLOW, ["cannot_be_green:tvr"]),
    "five exceeding days in a month": ({"exceedances": (make_days("d", at(3), 5),)}, RED, ["veto:exceeding_days"]),
    "five exceeding days in two months": ({"exceedances": (make_days("d", at(29), 5),)}, YELLOW, []),
    "connected on the first day": ({"enterprise": make_enterprise(connected_on=date(2026, 7, 1))}, GREEN, []),
    "connected on the second": (
        {"enterprise": make_enterprise(connected_on=date(2026, 7, 2))}, GREY,
        ["insufficient_data:connected_less_than_quarter"]),
    "never connected": ({"enterprise": make_enterprise(connected_on=None)}, GREY, ["insufficient_data:not_connected"]),
    "no reading ever": ({"completeness": ()}, GREY, ["insufficient_data:no_readings"]),
    "a veto beats grey": (
        {"enterprise": make_enterprise(connected_on=date(2026, 7, 2)), "exceedances": (make_days("d", at(3), 5),)},
        RED, ["veto:exceeding_days"]),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "colour", "reasons"), COLOURS.values(), ids=COLOURS.keys())
def test_colour_and_its_reasons(fields: dict[str, Any], colour: Colour, reasons: list[str]):
    facts = make_facts(**fields)
    line = grade(facts, make_quarter(facts), RULES)

    assert line.colour is colour
    assert [f"{reason.code}:{reason.params['rule']}" for reason in line.reasons] == reasons


def test_a_grey_line_has_blocks_but_no_score():
    facts = make_facts(enterprise=make_enterprise(connected_on=None))
    line = grade(facts, make_quarter(facts), RULES)

    assert (line.p, line.p_smoothed, line.risk, len(line.blocks)) == (None, None, None, 7)


def test_the_line_carries_previous_colour_and_smoothed_score():
    facts = make_facts(earlier=Earlier((60.0, 50.0), RED))
    line = grade(facts, make_quarter(facts), RULES)

    assert (line.p, line.p_smoothed, line.risk, line.previous) == (100.0, 82.5, 17.5, RED)
    assert (line.colour, line.reasons) == (YELLOW, ())


def test_the_first_rule_version_covers_the_quarters_before_it():
    assert rules_for(Quarter(2021, 1), (RULES,)) is RULES
    assert rules_for(Quarter(2027, 1), (RULES,)) is RULES
