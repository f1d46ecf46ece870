"""Local versions of rules 规则本地版本: settings that people put in force over the shipped ones, from a day on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from typing import Any
from uuid import UUID

from services.detection.domain.backtests.change import read_settings
from services.detection.domain.rules import Rule


@dataclass(frozen=True)
class LocalVersion:
    """Settings of one rule from `valid_from` to before `valid_to`, as plain data; `number` counts them per rule."""

    id: UUID
    rule: str
    number: int
    settings: tuple[Mapping[str, Any], ...] = field(hash=False)
    valid_from: date
    valid_to: date | None = None


def with_versions(rules: Sequence[Rule], versions: Iterable[LocalVersion]) -> tuple[Rule, ...]:
    """The rules with local versions in the place of what they replace; days outside them stay as shipped.

    Of two versions of a rule that overlap, the later number holds. A version of a rule that is no longer shipped has
    no effect. Raises RuleError where settings do not fit the rule of today.
    """
    made: list[Rule] = []
    listed = sorted(versions, key=lambda one: one.number)
    for rule in rules:
        mine = [one for one in listed if one.rule == rule.code]
        made += _pieces(rule, mine) if mine else [rule]
    return tuple(made)


def _pieces(rule: Rule, versions: Sequence[LocalVersion]) -> list[Rule]:
    """The rule's span, cut at the days on which its settings change."""
    end = rule.valid_to or date.max
    days = {rule.valid_from, end}
    for one in versions:
        days |= {day for day in (one.valid_from, one.valid_to or end) if rule.valid_from < day < end}
    pieces: list[Rule] = []
    for begin, stop in pairwise(sorted(days)):
        holding = [one for one in versions if one.valid_from <= begin < (one.valid_to or date.max)]
        settings = read_settings(rule, holding[-1].settings) if holding else rule.settings
        if pieces and pieces[-1].settings == settings:
            pieces[-1] = replace(pieces[-1], valid_to=stop)
        else:
            pieces.append(replace(rule, valid_from=begin, valid_to=stop, settings=settings))
    pieces[-1] = replace(pieces[-1], valid_to=rule.valid_to)
    return pieces
