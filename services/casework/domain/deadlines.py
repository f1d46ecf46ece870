"""Clocks 时限 of cases and findings: when something is due, by which rule, and when a miss escalates.

The rules are data (`clocks.yaml`), versioned by the day they begin to apply. A workday is one of the official
calendar with its shifted days (`shared.calendar`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from shared.calendar import add_workdays, next_workday_at
from shared.clock import PARK_ZONE


@dataclass(frozen=True)
class Policy:
    """One version of all deadlines; `clocks[name][severity]` is a span, `clocks[name]["source"]` its source."""

    version: str
    valid_from: date
    escalation: tuple[float, ...]
    returned_share: float
    extension_share: float
    clocks: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Deadline:
    """A clock that runs, and why it is due then: `policy` is a message code with `params`."""

    name: str
    started_at: datetime
    due_at: datetime
    policy: str
    params: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""

    def threshold(self, level: int) -> datetime | None:
        """When escalation `level` (1, 2, 3) is reached; None beyond the last."""
        shares = policy_at(self.started_at).escalation
        if level > len(shares):
            return None
        return self.started_at + (self.due_at - self.started_at) * shares[level - 1]

    def level(self, now: datetime) -> int:
        """The escalation reached at `now`; 0 before it is due."""
        reached = 0
        while (at := self.threshold(reached + 1)) is not None and at <= now:
            reached += 1
        return reached


@cache
def policies() -> tuple[Policy, ...]:
    """All versions, newest first."""
    raw = yaml.safe_load(files("services.casework.domain").joinpath("clocks.yaml").read_text("utf-8"))
    versions = [Policy(**{**item, "escalation": tuple(item["escalation"])}) for item in raw["policies"]]
    return tuple(sorted(versions, key=lambda policy: policy.valid_from, reverse=True))


def policy_at(moment: datetime) -> Policy:
    """The version in force; the first one for times before all of them."""
    day = moment.astimezone(PARK_ZONE).date()
    return next((policy for policy in policies() if policy.valid_from <= day), policies()[-1])


def start(name: str, severity: str, now: datetime) -> Deadline:
    """Start clock `name` at `now` for a severity (of a case: A, B, C; of a finding: minor, general, major)."""
    rule = policy_at(now).clocks[name]
    (unit, amount), = rule[severity].items()  # fmt: skip
    due_at, code, key = _due(unit, amount, now)
    return Deadline(name, now, due_at, f"{name}_{code}", {key: amount, "severity": severity}, rule["source"])


def _due(unit: str, amount: Any, now: datetime) -> tuple[datetime, str, str]:
    if unit == "workdays":
        return add_workdays(now, amount), "workdays", "workdays"
    if unit == "next_workday_at":
        return next_workday_at(now, time.fromisoformat(amount)), "next_workday", "at"
    if unit not in {"minutes", "hours", "days"}:
        raise ValueError(f"clocks.yaml: unknown span {unit!r}")
    return now + timedelta(**{unit: amount}), unit, unit


def start_returned(severity: str, now: datetime) -> Deadline:
    """The reply clock after a return 退回补充: a share (half) of the first one."""
    full, share = start("reply", severity, now), policy_at(now).returned_share
    span = (full.due_at - now) * share
    hours = round(span / timedelta(hours=1), 2)
    params = {"hours": int(hours) if hours == int(hours) else hours, "share": share, "severity": severity}
    return replace(full, due_at=now + span, policy="reply_returned_hours", params=params)


def longest_extension(severity: str, started_at: datetime) -> int:
    """Most days a finding may be extended by: a share of the first limit, whole days."""
    policy = policy_at(started_at)
    return int(policy.clocks["rectification"][severity]["days"] * policy.extension_share)


def extend(deadline: Deadline, days: int) -> Deadline:
    """The same clock, due `days` later."""
    return replace(
        deadline,
        due_at=deadline.due_at + timedelta(days=days),
        policy="rectification_extended_days",
        params={**deadline.params, "extra": days},
    )
