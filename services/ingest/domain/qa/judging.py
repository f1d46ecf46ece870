"""Judging quality-assurance records: error, limit, next date; and the list of duties of an outlet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any
from uuid import UUID

import yaml

from services.ingest.domain.registry import Outlet
from shared.clock import PARK_ZONE
from shared.contracts.ingest import Medium
from shared.contracts.ingest.qa import ErrorKind, QaKind, QaPair, QaSource, QaState
from shared.errors import InvalidError

ALL = "*"


@dataclass(frozen=True)
class QaRule:
    """A duty: how often, and how far the analyser may be off. `days` 0 means on occasion only."""

    kind: QaKind
    medium: Medium
    factors: frozenset[str]
    error: ErrorKind
    limit: float
    days: int
    source: str


@dataclass(frozen=True)
class QaRules:
    """One version of `rules.yaml`."""

    valid_from: date
    retest: timedelta
    soon_share: float
    measured: Mapping[Medium, frozenset[str]]
    rules: tuple[QaRule, ...]

    def find(self, kind: QaKind, medium: Medium, factor: str) -> QaRule | None:
        """The rule for a factor: its own, else the one for all measured factors of the medium."""
        fitting = [rule for rule in self.rules if rule.kind is kind and rule.medium is medium]
        own = next((rule for rule in fitting if factor in rule.factors), None)
        if own is not None or factor not in self.measured[medium]:
            return own
        return next((rule for rule in fitting if ALL in rule.factors), None)


@dataclass(frozen=True, kw_only=True)
class Record:
    """A quality-assurance record as judged when it came; `error` is signed."""

    id: UUID
    serial: int
    enterprise_id: UUID
    outlet_id: UUID
    factor: str
    kind: QaKind
    at: datetime
    pairs: tuple[QaPair, ...]
    full_scale: float | None
    reference: float
    reading: float
    error: float | None
    error_kind: ErrorKind
    limit: float | None
    passed: bool | None
    next_due_at: datetime | None
    rule_source: str
    note: str
    source: QaSource
    recorded_at: datetime
    recorded_by: str
    replaces: UUID | None
    replaced: bool

    @property
    def no(self) -> str:
        """The number people use."""
        return f"Q{self.serial:06d}"


@dataclass(frozen=True)
class Judged:
    """What the pairs of a record come to."""

    reference: float
    reading: float
    error: float | None
    error_kind: ErrorKind
    limit: float | None
    passed: bool | None
    next_due_at: datetime | None
    source: str


@dataclass(frozen=True)
class Duty:
    """A duty of one factor, with the last record that counts."""

    outlet: Outlet
    factor: str
    rule: QaRule
    state: QaState
    last: Record | None
    due_at: datetime | None


@cache
def versions() -> tuple[QaRules, ...]:
    """All versions of the rules, the newest first."""
    text = resources.files(__package__).joinpath("rules.yaml").read_text("utf-8")
    return tuple(sorted(map(_rules, yaml.safe_load(text)["versions"]), key=lambda each: each.valid_from, reverse=True))


def rules_at(moment: datetime) -> QaRules:
    """The rules that hold at a moment."""
    day = moment.astimezone(PARK_ZONE).date()
    found = next((each for each in versions() if each.valid_from <= day), None)
    if found is None:
        raise InvalidError("no rules of quality assurance hold at that time", field="at")
    return found


def judge(pairs: Sequence[QaPair], kind: QaKind, rule: QaRule | None, full_scale: float | None, at: datetime) -> Judged:
    """Error against the limit. Means of all pairs are compared; of linearity the worst pair.

    A full-scale error needs `full_scale`; a relative one a reference that is not 0. Without either the
    error is None and the record neither passes nor fails.
    """
    error_kind = rule.error if rule else ErrorKind.RELATIVE
    if error_kind is ErrorKind.FULL_SCALE and full_scale is None:
        raise InvalidError("full_scale: give the measuring range, the registry has none", field="full_scale")
    if kind is QaKind.LINEARITY:
        errors = [(pair, _error(pair.reference, pair.reading, error_kind, full_scale)) for pair in pairs]
        worst, error = max(errors, key=lambda each: abs(each[1] or 0.0))
        reference, reading = worst.reference, worst.reading
    else:
        reference = sum(pair.reference for pair in pairs) / len(pairs)
        reading = sum(pair.reading for pair in pairs) / len(pairs)
        error = _error(reference, reading, error_kind, full_scale)
    passed = None if rule is None or error is None else abs(error) <= rule.limit + 1e-12
    next_due = None
    if rule is not None and rule.days:
        next_due = at + (rules_at(at).retest if passed is False else timedelta(days=rule.days))
    return Judged(
        reference, reading, error, error_kind, rule.limit if rule else None, passed, next_due,
        rule.source if rule else "",
    )  # fmt: skip


def _error(reference: float, reading: float, kind: ErrorKind, full_scale: float | None) -> float | None:
    difference = reading - reference
    if kind is ErrorKind.ABSOLUTE:
        return difference
    whole = reference if kind is ErrorKind.RELATIVE else full_scale
    return difference / whole if whole else None


def duties(outlets: Iterable[Outlet], latest: Mapping[tuple[UUID, str, QaKind], Record], now: datetime) -> list[Duty]:
    """All periodic duties of outlets in use; `latest` by outlet, factor and kind."""
    rules, found = rules_at(now), []
    for outlet in outlets:
        for item in outlet.factors:
            for kind in QaKind:
                rule = rules.find(kind, outlet.medium, item.factor)
                if rule is not None and rule.days:
                    last = latest.get((outlet.id, item.factor, kind))
                    found.append(_duty(outlet, item.factor, rule, last, now))
    return found


def _duty(outlet: Outlet, factor: str, rule: QaRule, last: Record | None, now: datetime) -> Duty:
    if last is None:
        return Duty(outlet, factor, rule, QaState.NEVER, None, None)
    rules = rules_at(now)
    due = last.at + (rules.retest if last.passed is False else timedelta(days=rule.days))
    if due < now:
        state = QaState.OVERDUE
    elif last.passed is False:
        state = QaState.FAILED
    else:
        state = QaState.SOON if due - now <= rules.soon_share * timedelta(days=rule.days) else QaState.DONE
    return Duty(outlet, factor, rule, state, last, due)


def _rules(row: Mapping[str, Any]) -> QaRules:
    return QaRules(
        valid_from=row["valid_from"], retest=timedelta(days=row["retest_days"]), soon_share=row["soon_share"],
        measured={Medium(medium): frozenset(codes) for medium, codes in row["measured"].items()},
        rules=tuple(
            QaRule(
                QaKind(each["kind"]), Medium(each["medium"]), frozenset(each["factors"]), ErrorKind(each["error"]),
                each["limit"], each["interval_days"], each["source"],
            )
            for each in row["rules"]
        ),
    )  # fmt: skip
