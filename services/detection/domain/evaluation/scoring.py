"""Alarms against labels, in episodes; scores of many series add up.

A label is found if any alarm overlaps it with a tolerance of two samples, and an alarm is true if it overlaps any
label so. Points never adjust anything: an alarm on one point of a long label covers that point only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from services.detection.domain.compiled import Integers
from services.detection.domain.episodes import Policy
from services.detection.domain.evaluation.spans import Span, families, gap_of, merge
from services.detection.domain.evaluation.wilson import wilson

FEWEST = 10
"""A class with fewer labels than this is given as counts, without an interval."""
TOLERANCE = 2.0
MONTH_DAYS = 30.0
MISSED = "missed"
ANY = "any"


@dataclass(frozen=True)
class Rate:
    """A share with its counts; `interval` is Wilson's of 95 %."""

    part: int
    whole: int

    @property
    def share(self) -> float:
        """Part of the whole, NaN of nothing."""
        return self.part / self.whole if self.whole else np.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end."""
        return wilson(self.part, self.whole)


@dataclass(frozen=True)
class Latency:
    """From the start of a label to the first alarm that overlaps it, median and 90th percentile of found labels."""

    median_samples: float
    p90_samples: float
    median_minutes: float
    p90_minutes: float


@dataclass(frozen=True)
class Score:
    """Counts by kind. `labels`, `found`, `rightly` (found by an alarm of a fitting kind), `points` and `covered`
    by kind of label; `alarms` and `true` by kind of alarm; `confusion` by (label, alarm) with alarm `missed`;
    `delays` (label kind, seconds, samples) of found labels; `days` of series looked at.
    """

    labels: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    rightly: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    covered: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    true: Counter[str] = field(default_factory=Counter)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    delays: tuple[tuple[str, float, float], ...] = ()
    days: float = 0.0

    def __add__(self, other: Score) -> Score:
        """Both together, as if scored in one."""
        return Score(
            labels=self.labels + other.labels,
            found=self.found + other.found,
            rightly=self.rightly + other.rightly,
            points=self.points + other.points,
            covered=self.covered + other.covered,
            alarms=self.alarms + other.alarms,
            true=self.true + other.true,
            confusion=self.confusion + other.confusion,
            delays=self.delays + other.delays,
            days=self.days + other.days,
        )

    def recall(self, kind: str | None = None) -> Rate:
        """Labels found by any alarm, of one kind or of all."""
        return Rate(_sum(self.found, kind), _sum(self.labels, kind))

    def right_kind(self, kind: str | None = None) -> Rate:
        """Labels found by an alarm of a fitting kind."""
        return Rate(_sum(self.rightly, kind), _sum(self.labels, kind))

    def coverage(self, kind: str | None = None) -> Rate:
        """Labelled points inside an alarm."""
        return Rate(_sum(self.covered, kind), _sum(self.points, kind))

    def precision(self, kind: str | None = None) -> Rate:
        """Alarm episodes that overlap a label, of one check or of all."""
        return Rate(_sum(self.true, kind), _sum(self.alarms, kind))

    @property
    def false(self) -> int:
        """Alarm episodes that overlap no label."""
        return self.alarms.total() - self.true.total()

    @property
    def burden(self) -> float:
        """False alarm episodes per series in 30 days."""
        return self.false / self.days * MONTH_DAYS if self.days else np.nan

    def collapsed(self) -> Score:
        """The same with kinds of labels by their first word: strengths of one kind together."""
        confusion: Counter[tuple[str, str]] = Counter()
        for (kind, check), number in self.confusion.items():
            confusion[_first(kind), check] += number
        return replace(
            self,
            labels=_by_first(self.labels),
            found=_by_first(self.found),
            rightly=_by_first(self.rightly),
            points=_by_first(self.points),
            covered=_by_first(self.covered),
            confusion=confusion,
            delays=tuple((_first(kind), seconds, samples) for kind, seconds, samples in self.delays),
        )

    def of(self, keep: Callable[[str], bool]) -> Score:
        """The same of some kinds of labels only; alarms stay as they were judged against all of them."""
        return replace(
            self,
            labels=_kept(self.labels, keep),
            found=_kept(self.found, keep),
            rightly=_kept(self.rightly, keep),
            points=_kept(self.points, keep),
            covered=_kept(self.covered, keep),
            confusion=Counter({pair: number for pair, number in self.confusion.items() if keep(pair[0])}),
            delays=tuple(one for one in self.delays if keep(one[0])),
        )

    def latency(self, kind: str | None = None) -> Latency:
        """Of found labels; NaN where none was found."""
        delays = np.array([one[1:] for one in self.delays if kind in {None, one[0]}]).reshape(-1, 2)
        if not len(delays):
            return Latency(np.nan, np.nan, np.nan, np.nan)
        (median_s, median), (p90_s, p90) = np.quantile(delays, [0.5, 0.9], axis=0)
        return Latency(float(median), float(p90), float(median_s) / 60.0, float(p90_s) / 60.0)


def score(  # noqa: PLR0913 - what makes a score
    labels: Sequence[Span],
    alarms: Iterable[Span],
    times: Integers,
    interval: float,
    *,
    by_kind: bool = True,
    fits: Mapping[str, frozenset[str]] | None = None,
    together: frozenset[str] = frozenset(),
) -> Score:
    """Score one series, or all of one outlet: `times` (n,) of the points, each of `interval` seconds.

    An alarm meets a label only on a factor that the label touches.
    `by_kind` False: alarms of all kinds and factors are merged together, for labels that do not say what is wrong.
    `fits` are the checks that are right for a kind of label; without an entry the check of the same name. Episodes of
    a check in `together` that begin together on several factors are one, as their parent is live.
    """
    single = sorted(alarms if by_kind else (replace(alarm, kind=ANY, factors=()) for alarm in alarms))
    policy = Policy(rules={})
    within = policy.together_within.total_seconds()
    episodes = families(merge(single, gap_of(interval)), together, within, policy.together_least)
    margin = TOLERANCE * interval
    touched = _overlap(labels, episodes, margin)
    met = _overlap(labels, single, margin)
    found = [bool(known.any()) for known in met]
    seen = [sorted({single[j].kind for j in np.flatnonzero(row)}) for row in met]
    kinds = [(fits or {}).get(label.kind, frozenset({label.kind, ANY})) for label in labels]
    pairs = [(label.kind, kind) for label, known in zip(labels, seen, strict=True) for kind in known or [MISSED]]
    right = [not fitting.isdisjoint(known) for fitting, known in zip(kinds, seen, strict=True)]
    delays = [
        (label.kind, float(max(0, min(single[j].at for j in np.flatnonzero(row)) - label.start)))
        for label, row in zip(labels, met, strict=True)
        if row.any()
    ]
    of_label = [_inside(times, [label]) for label in labels]
    inside = [_inside(times, [single[j] for j in np.flatnonzero(row)]) for row in met]
    return Score(
        labels=Counter(label.kind for label in labels),
        found=Counter(label.kind for label, hit in zip(labels, found, strict=True) if hit),
        rightly=Counter(label.kind for label, hit in zip(labels, right, strict=True) if hit),
        points=_count(labels, of_label),
        covered=_count(labels, [mask & alarmed for mask, alarmed in zip(of_label, inside, strict=True)]),
        alarms=Counter(one.kind for one in episodes),
        true=Counter(one.kind for one, hit in zip(episodes, touched.T, strict=True) if hit.any()),
        confusion=Counter(pairs),
        delays=tuple((kind, seconds, seconds / interval) for kind, seconds in delays),
        days=len(times) * interval / 86400.0,
    )


def _overlap(labels: Sequence[Span], alarms: Sequence[Span], margin: float) -> npt.NDArray[np.bool_]:
    """Which label (rows) meets which alarm (columns)."""
    first, last = (np.array([getattr(one, name) for one in labels], dtype=np.float64) for name in ("start", "end"))
    begin, end = (np.array([getattr(one, name) for one in alarms], dtype=np.float64) for name in ("start", "end"))
    met: npt.NDArray[np.bool_] = (begin[None, :] < last[:, None] + margin) & (end[None, :] > first[:, None] - margin)
    for i, j in np.argwhere(met):
        met[i, j] = _shares(labels[i], alarms[j])
    return met


def _shares(label: Span, alarm: Span) -> bool:
    return not label.factors or not alarm.factors or not set(label.factors).isdisjoint(alarm.factors)


def _inside(times: Integers, spans: Sequence[Span]) -> npt.NDArray[np.bool_]:
    mask = np.zeros(len(times), dtype=np.bool_)
    for span in spans:
        mask[np.searchsorted(times, span.start) : np.searchsorted(times, span.end)] = True
    return mask


def _count(labels: Sequence[Span], masks: Sequence[npt.NDArray[np.bool_]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for label, mask in zip(labels, masks, strict=True):
        counts[label.kind] += int(mask.sum())
    return counts


def _first(kind: str) -> str:
    return kind.split(" ", 1)[0]


def _by_first(counts: Counter[str]) -> Counter[str]:
    made: Counter[str] = Counter()
    for kind, number in counts.items():
        made[_first(kind)] += number
    return made


def _kept(counts: Counter[str], keep: Callable[[str], bool]) -> Counter[str]:
    return Counter({kind: number for kind, number in counts.items() if keep(kind)})


def _sum(counts: Counter[str], kind: str | None) -> int:
    return counts.total() if kind is None else counts[kind]
