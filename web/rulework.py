"""The rules as those see them who look after them: how right, how much work, which want retuning first."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.contracts.detection import RuleOut
from shared.contracts.detection.evaluation import EvaluationOut, RateOut
from shared.contracts.detection.quality import RuleQuality
from shared.contracts.detection.rules import RuleActivity, RuleSetting

EVALUATED_ON = "park"
"""The set whose alarms are shown beside a rule: the only one with every kind of fault and exact truth."""


@dataclass(frozen=True)
class Line:
    """A rule with what people found (`quality`), what it did (`activity`), what the evaluation measured."""

    rule: RuleOut
    quality: RuleQuality | None = None
    activity: RuleActivity | None = None
    evaluated: RateOut | None = None

    @property
    def judged(self) -> int:
        """Labels that count for the precision."""
        one = self.quality
        return one.confirmed + one.explained + one.false_alarms if one else 0

    @property
    def need(self) -> tuple[float, ...]:
        """Key of the order by need of retuning: proposed ones, then the lowest precision people measured."""
        one, done = self.quality, self.activity
        measured = one.precision if one and one.precision is not None else 2.0
        return (0.0 if one and one.retune else 1.0, measured, -(done.burden if done else 0.0))


ORDERS: Mapping[str, Callable[[Line], tuple[float | str, ...]]] = {
    "retune": lambda line: (*line.need, line.rule.code),
    "burden": lambda line: (-(line.activity.burden if line.activity else 0.0), line.rule.code),
    "open": lambda line: (-(line.activity.open if line.activity else 0), line.rule.code),
    "suppressed": lambda line: (-(line.activity.suppressed if line.activity else 0), line.rule.code),
    "nature": lambda line: (line.rule.nature.value, line.rule.severity.value, line.rule.code),
    "code": lambda line: (line.rule.code,),
}
"""Orders of the list by name."""


def join(
    rules: Iterable[RuleOut], quality: Iterable[RuleQuality], activity: Iterable[RuleActivity],
    evaluation: EvaluationOut | None, order: str,
) -> list[Line]:  # fmt: skip
    """Lines of all rules in an order."""
    right, done = {one.rule: one for one in quality}, {one.rule: one for one in activity}
    measured = checks_of(evaluation)
    lines = [Line(rule, right.get(rule.code), done.get(rule.code), measured.get(rule.check)) for rule in rules]
    return sorted(lines, key=ORDERS[order])


def checks_of(evaluation: EvaluationOut | None) -> dict[str, RateOut]:
    """Precision of each check on the set that rules are shown with."""
    sets = evaluation.sets if evaluation else []
    return {check.check: check.precision for one in sets if one.name == EVALUATED_ON for check in one.checks}


@dataclass(frozen=True)
class Row:
    """One parameter: its number in every setting, None where the setting does not speak of it; and its bounds."""

    name: str
    values: Sequence[float | str | None]
    minimum: float
    maximum: float


def parameter_rows(rule: RuleOut) -> list[Row]:
    """Parameters down, settings across; `open` where a setting leaves a number open on purpose."""
    named = [one for one in rule.bounds if any(one.name in setting.values for setting in rule.settings)]
    return [
        Row(one.name, [_said(setting, one.name) for setting in rule.settings], one.minimum, one.maximum)
        for one in named
    ]


def _said(setting: RuleSetting, name: str) -> float | str | None:
    if name not in setting.values:
        return None
    value = setting.values[name]
    return "open" if value is None else value
