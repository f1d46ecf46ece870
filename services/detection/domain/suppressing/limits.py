"""How long a suppression may last, and other bounds of a proposal, as data."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from shared.contracts.detection.suppressions import SuppressionReason
from shared.errors import InvalidError

FILE = Path(__file__).with_name("limits.yaml")


@dataclass(frozen=True)
class Limits:
    """Bounds in force from `valid_from` on."""

    most_days: int
    most_open_days_ahead: int
    source: str
    valid_from: date


@cache
def _all() -> tuple[Limits, ...]:
    entries: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["limits"]
    return tuple(sorted((Limits(**entry) for entry in entries), key=lambda one: one.valid_from))


def limits_on(day: date) -> Limits:
    """The bounds of that day; before the first ones, those."""
    return next((one for one in reversed(_all()) if one.valid_from <= day), _all()[0])


def check_window(since: datetime, until: datetime, now: datetime) -> None:
    """Raise InvalidError where the window is empty, over, too long or too far ahead."""
    bounds = limits_on(now.date())
    problems = []
    if until <= since:
        problems.append(("until", "ends_before_start", "the end must come after the beginning"))
    if until <= now:
        problems.append(("until", "over", "the end must lie ahead"))
    if until - since > timedelta(days=bounds.most_days):
        problems.append(("until", "too_long", f"at most {bounds.most_days} days"))
    if since - now > timedelta(days=bounds.most_open_days_ahead):
        problems.append(("since", "too_far", f"it may begin {bounds.most_open_days_ahead} days ahead at most"))
    if problems:
        raise refusal(*problems)


def check_note(reason: SuppressionReason, note: str) -> None:
    """Raise InvalidError where the reason alone says nothing."""
    if reason is SuppressionReason.OTHER and not note.strip():
        raise refusal(("note", "missing", "tell the reason in words"))


def refusal(*problems: tuple[str, str, str]) -> InvalidError:
    """The refusal of a proposal for what is wrong with it, as (field, code, message)."""
    errors = [{"where": where, "code": code, "message": message} for where, code, message in problems]
    return InvalidError("; ".join(message for _, _, message in problems), errors=errors)
