"""Anomalies under the rules in force beside those under a change: what is new, what is gone, what labels say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.detection.domain.anomalies import Episode
from shared.contracts.detection.backtests import DifferenceKind
from shared.contracts.detection.quality import Verdict
from shared.contracts.ingest import ReadingKind

MOST_DIFFERENCES = 200
"""Of one outlet; the counts are of all."""
BURDEN_DAYS = 30.0


class Window(NamedTuple):
    """From `since` to before `until`: anomalies that begin in it are compared."""

    since: datetime
    until: datetime

    @property
    def days(self) -> float:
        """Its length."""
        return (self.until - self.since).total_seconds() / 86_400.0


class Known(NamedTuple):
    """An anomaly that live detection has told of an outlet, and the verdict on it, if there is one."""

    id: UUID
    no: str
    factor: str
    rule: str
    started_at: datetime
    until: datetime
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Side:
    """Anomalies of one rule on one side of the comparison, and the labelled ones among those that it meets."""

    episodes: int = 0
    confirmed: int = 0
    explained: int = 0
    false_alarms: int = 0

    def __add__(self, other: Side) -> Side:
        return Side(
            self.episodes + other.episodes, self.confirmed + other.confirmed, self.explained + other.explained,
            self.false_alarms + other.false_alarms,
        )  # fmt: skip

    @property
    def judged(self) -> int:
        """Labelled ones with a clear verdict."""
        return self.confirmed + self.explained + self.false_alarms

    @property
    def wrong(self) -> int:
        """Labelled ones that were no finding."""
        return self.explained + self.false_alarms


@dataclass(frozen=True)
class RuleOutcome:
    """One rule on both sides; `same` anomalies in force that the change meets too, `gone` those that it does not,
    `new` those of the change that nothing in force meets.
    """

    before: Side = Side()
    after: Side = Side()
    same: int = 0
    new: int = 0
    gone: int = 0

    def __add__(self, other: RuleOutcome) -> RuleOutcome:
        return RuleOutcome(
            self.before + other.before, self.after + other.after, self.same + other.same, self.new + other.new,
            self.gone + other.gone,
        )  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """An anomaly of one side only. `anomaly` is the live one that it is, where there is one."""

    kind: DifferenceKind
    outlet_id: UUID
    factor: str
    reading: ReadingKind
    rule: str
    started_at: datetime
    until: datetime
    points: int
    value: float
    reference: float
    anomaly: Known | None


@dataclass(frozen=True)
class Outcome:
    """What one outlet, or several together, would have shown. `series_days`: series times their days with data."""

    rules: Mapping[str, RuleOutcome] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    more: int = 0
    outlets: int = 0
    series: int = 0
    series_days: float = 0.0
    points: int = 0

    def joined(self, other: Outcome, most: int) -> Outcome:
        """Both together, with at most that many differences, the earliest."""
        listed = sorted((*self.differences, *other.differences), key=lambda one: (one.started_at, one.rule))
        codes = sorted({*self.rules, *other.rules})
        return Outcome(
            {code: self.rules.get(code, RuleOutcome()) + other.rules.get(code, RuleOutcome()) for code in codes},
            tuple(listed[:most]), self.more + other.more + len(listed[most:]), self.outlets + other.outlets,
            self.series + other.series, self.series_days + other.series_days, self.points + other.points,
        )  # fmt: skip


def burden(episodes: int, series_days: float) -> float | None:
    """Anomalies of one factor of one outlet in 30 days; None without data."""
    return episodes * BURDEN_DAYS / series_days if series_days > 0 else None


def compare(
    before: Iterable[Episode], after: Iterable[Episode], known: Sequence[Known], window: Window, codes: Iterable[str]
) -> tuple[dict[str, RuleOutcome], tuple[Difference, ...], int]:
    """Outcomes by rule, the first differences of an outlet in order of time, and how many more there are.

    Two anomalies are the same where rule and factor are and their spans overlap: a longer minimum begins an anomaly
    no later, but a hit may end elsewhere.
    """
    old, new = _by_line(before, window), _by_line(after, window)
    told = _known_by_line(known, window)
    found: dict[str, RuleOutcome] = {code: RuleOutcome() for code in sorted(codes)}
    differing: list[Difference] = []
    for line in sorted({*old, *new, *told}):
        mine, theirs, labels = old.get(line, []), new.get(line, []), told.get(line, [])
        gone = [one for one in mine if not _meets(one, theirs)]
        fresh = [one for one in theirs if not _meets(one, mine)]
        outcome = RuleOutcome(
            _side(mine, labels), _side(theirs, labels), len(mine) - len(gone), len(fresh), len(gone)
        )  # fmt: skip
        found[line.rule] = found.get(line.rule, RuleOutcome()) + outcome
        differing += [_difference(DifferenceKind.GONE, one, labels) for one in gone]
        differing += [_difference(DifferenceKind.NEW, one, labels) for one in fresh]
    differing.sort(key=lambda one: (one.started_at, one.rule, one.factor))
    return found, tuple(differing[:MOST_DIFFERENCES]), max(0, len(differing) - MOST_DIFFERENCES)


class _Line(NamedTuple):
    rule: str
    factor: str


def _by_line(episodes: Iterable[Episode], window: Window) -> dict[_Line, list[Episode]]:
    lines: defaultdict[_Line, list[Episode]] = defaultdict(list)
    for one in episodes:
        if window.since <= one.started_at < window.until:
            lines[_Line(one.rule, one.factor)].append(one)
    return dict(lines)


def _known_by_line(known: Iterable[Known], window: Window) -> dict[_Line, list[Known]]:
    lines: defaultdict[_Line, list[Known]] = defaultdict(list)
    for one in known:
        if window.since <= one.started_at < window.until:
            lines[_Line(one.rule, one.factor)].append(one)
    return dict(lines)


def _overlap(one: Episode | Known, other: Episode | Known) -> bool:
    return one.started_at < other.until and other.started_at < one.until


def _meets(one: Episode, others: Sequence[Episode]) -> bool:
    return any(_overlap(one, other) for other in others)


def _side(episodes: Sequence[Episode], labels: Sequence[Known]) -> Side:
    met = Counter(label.verdict for label in labels if any(_overlap(label, one) for one in episodes))
    return Side(len(episodes), met[Verdict.CONFIRMED], met[Verdict.EXPLAINED], met[Verdict.FALSE_ALARM])


def _difference(kind: DifferenceKind, one: Episode, told: Sequence[Known]) -> Difference:
    live = next((known for known in told if known.id == one.id), None)
    live = live or next((known for known in told if _overlap(known, one)), None)
    return Difference(
        kind, one.outlet_id, one.factor, one.kind, one.rule, one.started_at, one.until, one.points, one.worst.value,
        one.worst.reference, live,
    )  # fmt: skip
