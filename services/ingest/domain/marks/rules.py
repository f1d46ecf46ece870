"""The catalogue of codes and the rules of deadlines, windows and budgets, from `codes.yaml` and `rules.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import Any

import yaml

from shared.clock import PARK_ZONE
from shared.contracts.ingest.marks import MarkEffect, MarkKind
from shared.errors import InvalidError

STATES_OF = ("analyser", "logger")
RESTORE_FLAG, TREAT_AS_VALID = "restore_flag", "treat_as_valid"


@dataclass(frozen=True, kw_only=True)
class Code:
    """A code of the catalogue; see `codes.yaml`."""

    code: str
    kind: MarkKind
    name_zh: str
    name_en: str
    effect: MarkEffect
    group: str
    evidence: bool
    completes: bool
    trades: frozenset[str]
    source_zh: str
    source_en: str
    valid_from: date
    valid_to: date | None

    def holds(self, day: date) -> bool:
        """Whether it may be used for a mark that begins on this day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True)
class Catalogue:
    """All codes, which of them a flag of HJ 212 stands for, and the flag of each working state i12001 and i22001.

    state_holds: how long a state told once is taken to last.
    """

    codes: Mapping[str, Code]
    by_flag: Mapping[str, Code]
    analyser_states: Mapping[int, str]
    logger_states: Mapping[int, str]
    state_holds: timedelta


@dataclass(frozen=True)
class Budget:
    """Hours a year that marks of these codes may last together."""

    codes: frozenset[str]
    trades: frozenset[str]
    hours: float
    source_zh: str
    source_en: str


@dataclass(frozen=True)
class Sign:
    """An hour mean of `factor` above this says that the source runs."""

    factor: str
    above: float


@dataclass(frozen=True, kw_only=True)
class Rules:
    """One version of the rules; see `rules.yaml`."""

    version: str
    valid_from: date
    deadline_days: int
    deadline_at: time
    evidence_months: int
    evidence_day: int
    correction: timedelta
    on_expiry: str
    minimum: timedelta
    chain_gap: timedelta
    future: timedelta
    budget_warning: float
    budgets: tuple[Budget, ...]
    signs: tuple[Sign, ...]

    def due_at(self, since: datetime) -> datetime:
        """Until when a mark of data from `since` must be handed in."""
        day = since.astimezone(PARK_ZONE).date() + timedelta(days=self.deadline_days)
        return datetime.combine(day, self.deadline_at, PARK_ZONE)

    def evidence_due_at(self, until: datetime) -> datetime:
        """Until when evidence of a mark that ended at `until` must be there: the end of that day."""
        local = until.astimezone(PARK_ZONE)
        month = local.year * 12 + local.month - 1 + self.evidence_months
        day = date(month // 12, month % 12 + 1, self.evidence_day) + timedelta(days=1)
        return datetime.combine(day, time(0), PARK_ZONE)

    def budget_of(self, code: str, trade: str) -> Budget | None:
        """The budget that a mark of this code uses up in this trade."""
        return next((each for each in self.budgets if code in each.codes and trade in each.trades), None)


def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(resources.files(__package__).joinpath(name).read_text("utf-8"))
    return read


@cache
def catalogue() -> Catalogue:
    """The catalogue."""
    raw = _read("codes.yaml")
    codes = {
        code: Code(
            code=code, kind=MarkKind(row["kind"]), name_zh=row["zh"], name_en=row["en"],
            effect=MarkEffect(row["effect"]), group=row.get("group", ""), evidence=row["evidence"],
            completes=row["completes"], trades=frozenset(row.get("trades", ())),
            **_source(row),
            valid_from=row["valid_from"], valid_to=row.get("valid_to"),
        )
        for code, row in raw["codes"].items()
    }  # fmt: skip
    flags = {flag: codes[code] for code, row in raw["codes"].items() for flag in row.get("flags", ())}
    flags |= {flag: codes[code] for flag, code in raw["flag_codes"].items()}
    analyser, logger = ({int(state): flag for state, flag in raw[f"{who}_states"].items()} for who in STATES_OF)
    return Catalogue(codes, flags, analyser, logger, timedelta(hours=raw["state_holds_hours"]))


@cache
def versions() -> tuple[Rules, ...]:
    """All versions of the rules, the newest first."""
    rules = [_rules(row) for row in _read("rules.yaml")["versions"]]
    return tuple(sorted(rules, key=lambda each: each.valid_from, reverse=True))


def rules_at(moment: datetime) -> Rules:
    """The rules for a mark that begins at `moment`."""
    day = moment.astimezone(PARK_ZONE).date()
    found = next((each for each in versions() if each.valid_from <= day), None)
    if found is None:
        raise InvalidError("no rules of marks hold at that time", field="since")
    return found


def code_of(code: str, *, trade: str, since: datetime) -> Code:
    """The code as it may be used here; `InvalidError` says why it may not."""
    found = catalogue().codes.get(code)
    if found is None:
        raise InvalidError(f"code: {code} is not in the catalogue", field="code", known=sorted(catalogue().codes))
    if found.trades and trade not in found.trades:
        raise InvalidError(f"code: {code} is not for the trade {trade or 'unknown'}", field="code",
                           trades=sorted(found.trades))  # fmt: skip
    if not found.holds(since.astimezone(PARK_ZONE).date()):
        raise InvalidError(f"code: {code} does not hold at that time", field="code")
    return found


def _source(row: Mapping[str, Any]) -> dict[str, str]:
    return {"source_zh": row["source"]["zh"], "source_en": row["source"]["en"]}


def _rules(row: Mapping[str, Any]) -> Rules:
    return Rules(
        version=row["version"], valid_from=row["valid_from"],
        deadline_days=row["mark_deadline"]["days"], deadline_at=time.fromisoformat(row["mark_deadline"]["at"]),
        evidence_months=row["evidence_deadline"]["months"], evidence_day=row["evidence_deadline"]["day"],
        correction=timedelta(days=row["correction_window"]["days"]), on_expiry=row["on_expiry"]["value"],
        minimum=timedelta(minutes=row["minimum"]["minutes"]),
        chain_gap=timedelta(seconds=row["minimum"]["gap_seconds"]),
        future=timedelta(minutes=row["future"]["minutes"]), budget_warning=row["budget_warning"]["share"],
        budgets=tuple(
            Budget(frozenset(each["codes"]), frozenset(each["trades"]), each["hours"], **_source(each))
            for each in row["budgets"]
        ),
        signs=tuple(Sign(each["factor"], each["above"]) for each in row["running"]),
    )  # fmt: skip
