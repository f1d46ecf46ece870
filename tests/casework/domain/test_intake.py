"""How often a rule was right weighs in the priority, beside severity and frequency."""

from datetime import timedelta

import pytest

from services.casework.domain.cases import intake
from shared.contracts.detection import Severity
from tests.casework.makers import NOW, make_anomaly, make_case


@pytest.mark.parametrize(("precision", "priority"), [(None, 200), (0.5, 200), (0.9, 216), (0.05, 182), (1.0, 220)])
def test_a_rule_that_is_often_right_comes_first_within_its_severity(precision: float | None, priority: int) -> None:
    assert make_case(severity=Severity.B, rule_precision=precision).priority == priority


def test_the_best_of_several_rules_counts_and_is_kept() -> None:
    case = make_case(rule_precision=0.1)
    better = intake.take_in(case, make_anomaly(rule="CONST", rule_precision=0.9), added=1, now=NOW)
    unknown = intake.take_in(better, make_anomaly(rule="NEW"), added=1, now=NOW + timedelta(minutes=1))

    assert (case.priority, better.priority, unknown.priority) == (184, 216, 216)
    assert (better.rule_precision, unknown.rule_precision) == (0.9, 0.9)
    assert intake.absorb(case, better, NOW).priority == 216
