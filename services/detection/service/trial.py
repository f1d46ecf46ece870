"""One outlet's share of a backtest, as a function free of everything local: plain data in, counts out.

It runs in this process, in a pool, or on another machine that has this package; the rules are made there anew from
the shipped files, the local versions and the change.
"""

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from multiprocessing import parent_process
from typing import Any

import numpy as np

from services.detection.domain.anomalies import Episode
from services.detection.domain.backtest import Choice, settle_hits
from services.detection.domain.backtests.bounds import bounds
from services.detection.domain.backtests.change import changed_rules, touched
from services.detection.domain.backtests.comparison import Known, Outcome, Window, compare
from services.detection.domain.backtests.versions import LocalVersion, with_versions
from services.detection.domain.covers import Cover, marked_flags
from services.detection.domain.history import Line, find_hits_of_outlet
from services.detection.domain.hits import SeriesKey
from services.detection.domain.kernel import Batch
from services.detection.domain.rules import Rule
from services.detection.domain.thresholds.timeline import ALWAYS_DEFAULT, Timeline
from services.detection.gateways import History
from services.detection.service.limits import limits_at
from services.detection.service.rulebook import load_rulebook, traits_of
from services.detection.store import SeriesId
from shared.contracts.ingest import OutletOut, ReadingKind

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Ask:
    """What all outlets of a backtest have in common. Each change, checked before, is tried by itself."""

    changes: tuple[Mapping[str, Any], ...]
    window: Window
    versions: tuple[LocalVersion, ...] = ()

    @property
    def codes(self) -> frozenset[str]:
        """Rules that are compared: those that the changes touch, or all where nothing changes."""
        named = frozenset[str]().union(*(touched(change) for change in self.changes))
        return named or frozenset(rule.code for rule in self.rules())

    def rules(self, change: Mapping[str, Any] | None = None) -> tuple[Rule, ...]:
        """The rules in force, or as the change has them."""
        return changed_rules(with_versions(load_rulebook().rules, self.versions), change or {})


@dataclass(frozen=True)
class Trial:
    """An outlet with its readings, warm-up included, by factor and kind, and what live detection told of it.

    `own` are numbers that its series had of their own, by factor and kind: a change of the rules leaves them as they
    were, as live detection would.
    """

    ask: Ask
    outlet: OutletOut
    trade: str
    columns: History
    covers: tuple[Cover, ...] = ()
    known: tuple[Known, ...] = ()
    own: Mapping[tuple[str, ReadingKind], Timeline] = field(default_factory=dict)


def warm_up(window: Window) -> datetime:
    """From where readings are needed, so that the checks know what live detection knew on the first day."""
    return window.since - timedelta(days=bounds().warm_up_days)


def kinds_judged(rules: Sequence[Rule]) -> list[ReadingKind]:
    """Kinds of readings that these rules look at."""
    judged = frozenset[ReadingKind]().union(*(rule.judges for rule in rules))
    return [kind for kind in ReadingKind if kind in judged]


def try_outlet(trial: Trial) -> list[Outcome]:
    """What the rules in force and each change make of the outlet, in the order of the changes."""
    ask, codes = trial.ask, trial.ask.codes
    lines = lines_of(trial)
    points = sum(len(one.batch.t) for one in lines)
    size = Outcome(outlets=1, series=len(lines), series_days=_days(lines, ask.window), points=points)
    before = _episodes(ask.rules(), lines, codes)
    outcomes = []
    for change in ask.changes or ({},):
        after = _episodes(ask.rules(change), lines, codes) if change else before
        rules, differences, more = compare(before, after, trial.known, ask.window, codes)
        outcomes.append(Outcome(rules, differences, more).joined(size, len(differences)))
    return outcomes


def lines_of(trial: Trial) -> list[Line]:
    """The outlet's series as the checks take them: flags with marks, limits at each point."""
    made = []
    for (factor, kind), column in sorted(trial.columns.items()):
        traits = traits_of(trial.outlet, factor, kind, trial.trade)
        key = SeriesKey(trial.outlet.id, factor, kind, timedelta(seconds=traits.interval))
        flags = marked_flags(column.flags, column.t, factor, trial.covers)
        limits = limits_at(trial.outlet, SeriesId(trial.outlet.id, factor, kind), column.t)
        batch = Batch(column.t, column.v, flags, limits)
        made.append(Line(traits, key, batch, trial.own.get((factor, kind), ALWAYS_DEFAULT)))
    return made


def _episodes(rules: Sequence[Rule], lines: Sequence[Line], codes: frozenset[str]) -> tuple[Episode, ...]:
    """Anomalies of some rules; the others are off, but there, since a rule may leave a factor to another."""
    ends = [int(line.batch.t[-1]) for line in lines if len(line.batch.t)]
    if not ends:
        return ()
    off = frozenset(rule.code for rule in rules) - codes
    hits = find_hits_of_outlet(rules, lines, Choice(off=off))
    return settle_hits(rules, hits, until=datetime.fromtimestamp(max(ends), UTC))


def _days(lines: Sequence[Line], window: Window) -> float:
    """Factors times their days with data in the window."""
    days: dict[str, set[int]] = {}
    since, until = window.since.timestamp(), window.until.timestamp()
    for line in lines:
        inside = line.batch.t[(line.batch.t >= since) & (line.batch.t < until)]
        days.setdefault(line.traits.factor, set()).update(np.unique(inside // DAY_SECONDS).tolist())
    return float(sum(map(len, days.values())))


@cache
def watch_parent() -> None:
    """End this process of a pool when the one that started it is gone, however it went."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: Any) -> None:
    parent.join()
    os._exit(1)
