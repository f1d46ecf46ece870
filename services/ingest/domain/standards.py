"""Standards and exceedance rules, read from data; which rule holds; what applying a class does."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any

import yaml

from services.ingest.domain.factors import unit_of
from services.ingest.domain.registry import Limit, Outlet
from services.ingest.domain.sheets.units import converter
from shared.contracts.ingest import Medium
from shared.contracts.ingest.standards import (
    Effect,
    ExceedanceRule,
    StandardClass,
    StandardOut,
    StandardRow,
    StandardUse,
    UseLine,
)
from shared.errors import InvalidError, NotFoundError

ANY = "*"


class StandardNotFoundError(NotFoundError):
    """No such standard or class."""

    code = "standard_not_found"


def _read(name: str) -> Any:
    return yaml.safe_load(resources.files(__package__).joinpath(name).read_text("utf-8"))


@cache
def standards() -> tuple[StandardOut, ...]:
    """All standards."""
    return tuple(StandardOut.model_validate(row) for row in _read("standards.yaml"))


@cache
def exceedance_rules() -> tuple[ExceedanceRule, ...]:
    """All rules."""
    return tuple(
        ExceedanceRule.model_validate({**{key: row[key] for key in row if key != "except"}, "excluded": row["except"]})
        for row in _read("exceedance_rules.yaml")
    )


def find_class(standard_id: str, class_id: str) -> tuple[StandardOut, StandardClass]:
    """A class of a standard."""
    for standard in standards():
        if standard.id == standard_id:
            for one in standard.classes:
                if one.id == class_id:
                    return standard, one
    raise StandardNotFoundError(f"no class {class_id} of {standard_id}", standard=standard_id, class_id=class_id)


def rule_for(jurisdiction: str, medium: Medium, trade: str, on: date) -> ExceedanceRule | None:
    """The most particular rule in force: own province before the country before any, own trade before any."""
    places = [jurisdiction, jurisdiction.partition("-")[0], ANY]
    fitting = [
        rule
        for rule in exceedance_rules()
        if rule.medium is medium and rule.jurisdiction in places and rule.trade in {trade, ANY}
        and rule.valid_from <= on and (rule.valid_to is None or on < rule.valid_to)
    ]  # fmt: skip
    return min(fitting, key=lambda rule: (rule.trade == ANY, places.index(rule.jurisdiction)), default=None)


def check_use(standard: StandardOut, outlet: Outlet, at: datetime) -> None:
    """Raise `InvalidError` where a standard is of another medium or not in force."""
    if standard.medium is not outlet.medium:
        raise InvalidError(f"{standard.number} is for {standard.medium}", field="standard")
    if at.date() < standard.valid_from or (standard.valid_to and at.date() >= standard.valid_to):
        raise InvalidError(f"{standard.number} is in force from {standard.valid_from}", field="valid_from")


def plan(rows: Sequence[StandardRow], outlet: Outlet, use: StandardUse) -> list[UseLine]:
    """What each row of a class does to an outlet."""
    return [_line(row, outlet, use) for row in rows]


def _line(row: StandardRow, outlet: Outlet, use: StandardUse) -> UseLine:
    kept = next((item for item in outlet.factors if item.factor == row.factor), None)
    unit = (kept.unit if kept and kept.unit else "") or unit_of(row.factor)
    convert = converter(row.unit, unit)
    before = _in_force(outlet.limits, row, use.valid_from)
    line = UseLine(
        **row.model_dump(), effect=Effect.SETS, upper_before=before.upper if before else None,
        lower_before=before.lower if before else None,
    )  # fmt: skip
    if convert is None:
        return line.model_copy(update={"effect": Effect.WRONG_UNIT})
    upper = None if row.upper is None else convert(row.upper)
    lower = None if row.lower is None else convert(row.lower)
    changes = {"upper": upper, "lower": lower, "unit": unit, "effect": _effect(row, kept, before, use, (upper, lower))}
    return line.model_copy(update=changes)


def _effect(
    row: StandardRow, kept: object, before: Limit | None, use: StandardUse, value: tuple[float | None, float | None]
) -> Effect:
    if kept is None:
        return Effect.NOT_MONITORED
    if not row.verified and row.factor not in use.accept:
        return Effect.NOT_VERIFIED
    if before is None:
        return Effect.SETS
    return Effect.SAME if (before.upper, before.lower) == value else Effect.REPLACES


def _in_force(limits: Sequence[Limit], row: StandardRow, at: datetime) -> Limit | None:
    return next(
        (
            limit
            for limit in limits
            if (limit.factor, limit.averaging) == (row.factor, row.averaging)
            and limit.valid_from <= at and (limit.valid_to is None or limit.valid_to > at)
        ),
        None,
    )  # fmt: skip
