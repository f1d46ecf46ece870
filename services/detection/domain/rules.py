"""Rules 规则 as data: what they say, from when to when, and the parameter vector they make for one series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from services.detection.domain.checks import CHECKS, PARAMS
from services.detection.domain.checks.definition import Check, Judge, Parameter, Traits
from services.detection.domain.compiled import Floats
from services.detection.domain.judges import JUDGES
from shared.contracts.detection import Nature, Severity
from shared.contracts.ingest import Medium, ReadingKind
from shared.errors import InvalidError


class RuleError(InvalidError):
    """A rule is nonsense; the message and `context` name the rule and the field."""

    code = "bad_rule"


@dataclass(frozen=True)
class Text:
    """One text in both languages."""

    zh: str
    en: str


@dataclass(frozen=True)
class Setting:
    """Parameters 参数 for some series; an empty selector fits all. Later settings override earlier ones."""

    values: Mapping[str, float]
    kinds: frozenset[ReadingKind] = frozenset()
    media: frozenset[Medium] = frozenset()
    factors: frozenset[str] = frozenset()
    trades: frozenset[str] = frozenset()

    def fits(self, traits: Traits) -> bool:
        """Whether this setting speaks of that series."""
        return (
            (not self.kinds or traits.kind in self.kinds)
            and (not self.media or traits.medium in self.media)
            and (not self.factors or traits.factor in self.factors)
            and (not self.trades or traits.trade in self.trades)
        )


@dataclass(frozen=True)
class Escalation:
    """What a hit becomes that lasts `after` or longer."""

    after: timedelta
    severity: Severity
    nature: Nature | None = None


@dataclass(frozen=True)
class Tune:
    """A number that may be tuned: `steps` are what it is multiplied by, the mildest first."""

    parameter: str
    steps: tuple[float, ...]


@dataclass(frozen=True)
class Rule:
    """One rule of detection with its legal or literature source and its validity, `valid_to` exclusive.

    `severity` is what a hit is at first, `hazardous` what it is on a hazardous factor, `raises` what it
    becomes by lasting. `judges` are the kinds of series it looks at.
    """

    code: str
    check: Judge
    name: Text
    description: Text
    nature: Nature
    severity: Severity
    source: str
    valid_from: date
    valid_to: date | None
    judges: frozenset[ReadingKind]
    settings: tuple[Setting, ...]
    hazardous: Severity | None = None
    raises: tuple[Escalation, ...] = ()
    tunes: tuple[Tune, ...] = ()

    def in_force(self, on: date) -> bool:
        """Whether the rule is valid on that day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


@dataclass(frozen=True)
class Plan:
    """What the kernel does with one series: `vector` (PARAM_COUNT,), and the rule code per check or None."""

    vector: Floats
    codes: tuple[str | None, ...]


def plan(
    rules: Sequence[Rule],
    traits: Traits,
    *,
    on: date,
    off: frozenset[str] = frozenset(),
    overrides: Mapping[str, Mapping[str, float]] | None = None,
) -> Plan:
    """Parameters of one series from the rules in force on a day.

    Only checks of the kernel have a place in it. Rules in `off` are switched off, but keep their code, so that a hit
    still running can end. `overrides`
    are a point's own numbers by rule code, for thresholds learnt from its history. Raises RuleError when
    two rules claim one check of the series, or a number is missing or out of its bounds.
    """
    if not (math.isfinite(traits.interval) and traits.interval > 0.0):
        raise RuleError(f"interval must be a positive number of seconds, not {traits.interval}", field="interval")
    vector = np.zeros(PARAMS[-1])
    vector[0] = traits.interval
    codes: list[str | None] = [None] * len(CHECKS)
    for rule in rules:
        if not isinstance(rule.check, Check) or traits.kind not in rule.judges or not rule.in_force(on):
            continue
        place = CHECKS.index(rule.check)
        if codes[place] is not None:
            raise RuleError(
                f"{rule.code} and {codes[place]} both set {rule.check.name} of {traits.kind}", field="check"
            )
        codes[place] = rule.code
        if rule.code in off:
            continue
        values = _values(rule, traits, (overrides or {}).get(rule.code, {}))
        vector[PARAMS[place] : PARAMS[place + 1]] = (1.0, *rule.check.vector(values, traits))
    return Plan(vector, tuple(codes))


def parameters(rule: Rule, traits: Traits, own: Mapping[str, float] | None = None) -> dict[str, float]:
    """Numbers of the rule for one series, by name; NaN where the rule leaves one open; `own` override them."""
    return _values(rule, traits, own or {})


def read_rules(documents: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Rules from parsed YAML documents, each `{"rules": [...]}`; raises RuleError naming rule and field."""
    return tuple(_read_rule(entry) for document in documents for entry in document.get("rules", []))


def read_explanations(document: Mapping[str, Any]) -> dict[str, Text]:
    """Explanation templates by code; fields in braces are the parameters of `explain`."""
    return {code: Text(str(text["zh"]), str(text["en"])) for code, text in document["explanations"].items()}


def _read_rule(entry: Mapping[str, Any]) -> Rule:
    code = str(entry.get("code", "?"))
    try:
        check = JUDGES[entry["check"]]
        rule = Rule(
            code=code,
            check=check,
            name=Text(**entry["name"]),
            description=Text(**entry["description"]),
            nature=Nature(entry["nature"]),
            severity=Severity(entry["severity"]),
            source=str(entry["source"]),
            valid_from=_day(entry["valid_from"]),
            valid_to=None if entry.get("valid_to") is None else _day(entry["valid_to"]),
            judges=frozenset(ReadingKind(kind) for kind in entry["judges"]),
            settings=tuple(read_setting(code, check, one) for one in entry["settings"]),
            hazardous=Severity(entry["hazardous"]) if entry.get("hazardous") else None,
            raises=tuple(_read_escalation(one) for one in entry.get("raises", [])),
            tunes=tuple(_read_tune(code, check, one) for one in entry.get("tuning", [])),
        )
    except KeyError as missing:
        raise RuleError(f"rule {code}: {missing} is missing or unknown", rule=code, field=str(missing)) from None
    except (TypeError, ValueError) as wrong:
        raise RuleError(f"rule {code}: {wrong}", rule=code, field=str(wrong)) from None
    if rule.valid_to is not None and rule.valid_to <= rule.valid_from:
        raise RuleError(f"rule {code}: valid_to must be after valid_from", rule=code, field="valid_to")
    return rule


def _day(value: object) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _read_escalation(entry: Mapping[str, Any]) -> Escalation:
    nature = entry.get("nature")
    after = timedelta(hours=float(entry["after_hours"]))
    return Escalation(after, Severity(entry["severity"]), Nature(nature) if nature else None)


def _read_tune(code: str, check: Judge, entry: Mapping[str, Any]) -> Tune:
    tune = Tune(str(entry["parameter"]), tuple(float(step) for step in entry["steps"]))
    if tune.parameter not in {one.name for one in check.parameters}:
        raise RuleError(f"rule {code}: {check.name} has no parameter {tune.parameter}", rule=code, field="tuning")
    if not tune.steps or any(not (math.isfinite(step) and step > 0.0) or step == 1.0 for step in tune.steps):
        raise RuleError(f"rule {code}: steps of {tune.parameter} must be factors", rule=code, field="tuning")
    return tune


def read_setting(code: str, check: Judge, entry: Mapping[str, Any]) -> Setting:
    """One setting from plain data; raises RuleError for a parameter that is unknown or a number out of its bounds."""
    known = {parameter.name: parameter for parameter in check.parameters}
    values = {}
    for name, value in entry["values"].items():
        if name not in known:
            raise RuleError(f"rule {code}: {check.name} has no parameter {name}", rule=code, field=name)
        values[name] = _number(code, known[name], value)
    return Setting(
        values=values,
        kinds=frozenset(ReadingKind(kind) for kind in entry.get("kinds", [])),
        media=frozenset(Medium(medium) for medium in entry.get("media", [])),
        factors=frozenset(str(factor) for factor in entry.get("factors", [])),
        trades=frozenset(str(trade) for trade in entry.get("trades", [])),
    )


def _number(code: str, parameter: Parameter, value: object) -> float:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        if parameter.optional:
            return math.nan
        raise RuleError(f"rule {code}: {parameter.name} needs a number", rule=code, field=parameter.name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RuleError(f"rule {code}: {parameter.name} is no number: {value!r}", rule=code, field=parameter.name)
    if not parameter.minimum <= value <= parameter.maximum:
        raise RuleError(
            f"rule {code}: {parameter.name} must be {parameter.minimum:g} to {parameter.maximum:g}, not {value:g}",
            rule=code,
            field=parameter.name,
        )
    return float(value)


def _values(rule: Rule, traits: Traits, own: Mapping[str, float]) -> dict[str, float]:
    given: dict[str, float] = {}
    for setting in rule.settings:
        if setting.fits(traits):
            given.update(setting.values)
    given.update(own)
    unknown = set(given) - {parameter.name for parameter in rule.check.parameters}
    if unknown:
        name = min(unknown)
        raise RuleError(f"rule {rule.code}: no parameter {name}", rule=rule.code, field=name)
    return {p.name: _number(rule.code, p, given.get(p.name)) for p in rule.check.parameters}
