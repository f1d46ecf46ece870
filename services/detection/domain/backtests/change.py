"""A change of rules 规则变更 that is tried or put in force: plain data in, rules out.

    {"off": [CODE], "overrides": {CODE: {parameter: number}}, "settings": {CODE: [setting, …]}, "rules": [rule, …]}

`off` switches rules off; `overrides` are numbers that hold for every series, whatever the rule's own settings say;
`settings` replaces all settings of a rule; `rules` are whole rules as in the YAML files, in place of those of the same
code or besides them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.detection.domain.checks.definition import Traits
from services.detection.domain.rules import Rule, RuleError, Setting, parameters, read_rules, read_setting
from shared.contracts.ingest import Medium

PARTS = ("off", "overrides", "settings", "rules")
Document = Mapping[str, Any]


def touched(change: Document) -> frozenset[str]:
    """Codes of the rules that a checked change speaks of."""
    whole = {str(entry["code"]) for entry in change.get("rules") or []}
    parts = (change.get("off") or [], change.get("overrides") or {}, change.get("settings") or {})
    return frozenset(whole.union(*parts))


def changed_rules(rules: Sequence[Rule], change: Document) -> tuple[Rule, ...]:
    """The rules as the change would have them; raises RuleError naming rule and field for what is nonsense.

    Validity stays that of each rule, so that a day before it is judged as it was.
    """
    _check_form(change)
    whole = read_rules([{"rules": change.get("rules") or []}])
    replaced = {rule.code for rule in whole}
    known = {rule.code for rule in rules} | replaced
    off = frozenset(change.get("off") or [])
    overrides, settings = change.get("overrides") or {}, change.get("settings") or {}
    for code in sorted({*off, *overrides, *settings} - known):
        raise RuleError(f"there is no rule {code}; known: {', '.join(sorted(known))}", rule=code, field="code")
    made = [*(rule for rule in rules if rule.code not in replaced), *whole]
    kept = [_with_numbers(one, settings.get(one.code), overrides.get(one.code)) for one in made if one.code not in off]
    for rule in kept:
        if rule.code in replaced or rule.code in overrides or rule.code in settings:
            _check_whole(rule)
    return tuple(kept)


def read_settings(rule: Rule, entries: Sequence[Document]) -> tuple[Setting, ...]:
    """Settings of a rule from plain data; raises RuleError where a number is missing or out of its bounds."""
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        raise RuleError(f"rule {rule.code}: settings must be a list with entries", rule=rule.code, field="settings")
    try:
        return tuple(read_setting(rule.code, rule.check, entry) for entry in entries)
    except KeyError as missing:
        raise RuleError(f"rule {rule.code}: a setting lacks {missing}", rule=rule.code, field="settings") from None
    except (TypeError, ValueError, AttributeError) as wrong:
        raise RuleError(f"rule {rule.code}: {wrong}", rule=rule.code, field="settings") from None


def plain_settings(rule: Rule) -> list[dict[str, Any]]:
    """Settings of a rule as plain data that `read_settings` takes back."""
    return [
        {
            **{
                name: sorted(map(str, getattr(setting, name)))
                for name in ("kinds", "media", "factors", "trades")
                if getattr(setting, name)
            },
            "values": {name: None if value != value else value for name, value in setting.values.items()},  # noqa: PLR0124
        }
        for setting in rule.settings
    ]


def _with_numbers(rule: Rule, settings: Sequence[Document] | None, numbers: Document | None) -> Rule:
    if settings is not None:
        rule = replace(rule, settings=read_settings(rule, settings))
    if numbers is not None:
        if not isinstance(numbers, Mapping) or not numbers:
            raise RuleError(f"rule {rule.code}: overrides must name parameters", rule=rule.code, field="overrides")
        rule = replace(rule, settings=(*rule.settings, *read_settings(rule, [{"values": numbers}])))
    return rule


def _check_whole(rule: Rule) -> None:
    """Raise RuleError where a number is missing for some kind of series."""
    for kind in sorted(rule.judges):
        for medium in Medium:
            parameters(rule, Traits(kind, medium, factor="", interval=60.0))


def _check_form(change: Document) -> None:
    if not isinstance(change, Mapping):
        raise RuleError("a change of rules is a mapping", field="change")
    unknown = sorted(set(map(str, change)) - set(PARTS))
    if unknown:
        raise RuleError(f"unknown part {unknown[0]}; known: {', '.join(PARTS)}", field=unknown[0])
    for part, kind in (("off", list), ("overrides", Mapping), ("settings", Mapping), ("rules", list)):
        if change.get(part) is not None and not isinstance(change[part], kind):
            raise RuleError(f"{part} has another form", field=part)
    if any(not isinstance(entry, Mapping) for entry in change.get("rules") or []):
        raise RuleError("a rule is a mapping", field="rules")
    if any(not isinstance(code, str) for part in ("off", "overrides", "settings") for code in change.get(part) or []):
        raise RuleError("a code of a rule is text", field="code")
