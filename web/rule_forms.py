"""Numbers of a rule as fields of a form, and back as a change to be tried."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.contracts.detection import RuleOut
from web.acts import FormError
from web.i18n import gettext

SELECTORS = ("kinds", "media", "factors", "trades")


@dataclass(frozen=True)
class NumberField:
    """One number of one setting: `usual` is what is in force, `low` and `high` what it may be."""

    name: str
    parameter: str
    usual: str
    low: float
    high: float
    optional: bool


@dataclass(frozen=True)
class SettingFields:
    """A setting of a rule: whom it is for, and its numbers."""

    selectors: Mapping[str, list[str]]
    numbers: list[NumberField]


def fields_of(rule: RuleOut) -> list[SettingFields]:
    """The settings of a rule in force, in their order."""
    bounds = {one.name: one for one in rule.bounds}
    return [
        SettingFields(
            {name: [str(one) for one in getattr(setting, name)] for name in SELECTORS if getattr(setting, name)},
            [
                NumberField(f"v.{place}.{name}", name, "" if value is None else f"{value:g}", bounds[name].minimum,
                            bounds[name].maximum, bounds[name].optional)
                for name, value in setting.values.items()
                if name in bounds
            ],
        )
        for place, setting in enumerate(rule.settings)
    ]  # fmt: skip


def read_change(rule: RuleOut, typed: Mapping[str, str]) -> dict[str, Any]:
    """The change as typed; `FormError` for what is no number, out of its bounds, or nothing new."""
    if typed.get("off"):
        return {"off": [rule.code]}
    errors: dict[str, str] = {}
    settings, changed = [], False
    for setting, given in zip(fields_of(rule), rule.settings, strict=True):
        values: dict[str, float | None] = dict(given.values)
        for field in setting.numbers:
            text = typed.get(field.name, "").strip()
            changed = changed or text != field.usual
            try:
                values[field.parameter] = _number(field, text)
            except ValueError:
                errors[field.name] = gettext("A number from %(low)s to %(high)s.") % {
                    "low": f"{field.low:g}", "high": f"{field.high:g}",
                }  # fmt: skip
        settings.append({**setting.selectors, "values": values})
    if not errors and not changed:
        errors["form"] = gettext("Change at least one number, or switch the rule off.")
    if errors:
        raise FormError(errors)
    return {"settings": {rule.code: settings}}


def _number(field: NumberField, text: str) -> float | None:
    if not text and field.optional:
        return None
    value = float(text)
    if not field.low <= value <= field.high:
        raise ValueError(text)
    return value
