"""Runs the rules in force and the peer over the cases, some at a time in processes of their own."""

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, reduce
from operator import add
from uuid import UUID

import numpy as np

from benchmarks.evaluate import baseline
from benchmarks.evaluate.cases import Case
from benchmarks.evaluate.cases import Line as CaseLine
from services.detection.domain.anomalies import Episode
from services.detection.domain.backtest import NOWHERE, Choice, settle_hits
from services.detection.domain.evaluation import Score, Span, score, spans_of
from services.detection.domain.history import Line, find_hits_of_outlet
from services.detection.domain.hits import Hit, SeriesKey
from services.detection.domain.kernel import Batch
from services.detection.domain.relations.codes import PLANT
from services.detection.service.rulebook import load_rulebook
from shared.contracts.detection import Severity

CASES_A_TIME = 8
LEARNING = Choice(learning=True)
"""Thresholds are learnt from what came before, as they are in operation."""


@dataclass(frozen=True)
class Verdict:
    """What was made of one case; `severe` anomalies of severity A that touch no label, `matrix` the scores by kind
    of alarm even where the labels do not say what is wrong.
    """

    group: str
    name: str
    ours: Score
    peer: Score
    matrix: Score
    severe: int


@dataclass(frozen=True)
class Results:
    """Verdicts by set, and for each set that is absent the reason."""

    verdicts: Mapping[str, Sequence[Verdict]]
    absent: Mapping[str, str]


def evaluate(sets: Mapping[str, Callable[[int], list[Case]]], seed: int, workers: int) -> Results:
    """Judge all sets that are there; `workers` below two judges in this process."""
    there: dict[str, list[Case]] = {}
    absent: dict[str, str] = {}
    for name, make in sets.items():
        try:
            there[name] = make(seed)
        except FileNotFoundError as lost:
            absent[name] = f"{lost.filename} is absent"
    if workers < 2:
        return Results({name: [judge(case) for case in cases] for name, cases in there.items()}, absent)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        pending = {name: pool.map(judge, cases, chunksize=CASES_A_TIME) for name, cases in there.items()}
        return Results({name: list(verdicts) for name, verdicts in pending.items()}, absent)


def judge(case: Case) -> Verdict:
    """Score one case for the rules in force and for the peer."""
    hits, episodes = find(case)
    ours = [span for span in spans_of(hits) if span.kind not in case.ignore]
    peer = [span for line in case.lines if line.traits.factor not in PLANT for span in baseline.alarms(line)]
    columns, interval = case.lines[0].columns, case.lines[0].traits.interval

    def scored(alarms: Sequence[Span], *, kinds: bool) -> Score:
        made = score(
            case.labels, alarms, columns.t, interval, by_kind=kinds, fits=case.fits, together=together_checks()
        )
        return replace(made, days=made.days * (len(case.lines) if kinds else 1))

    return Verdict(
        case.group,
        case.name,
        scored(ours, kinds=case.kinds),
        scored(peer, kinds=case.kinds),
        scored(ours, kinds=True),
        sum(one.severity is Severity.A and not _touches(one, case.labels) for one in episodes if not one.parent_id),
    )


@cache
def together_checks() -> frozenset[str]:
    """Checks whose anomalies of several factors get a parent."""
    rulebook = load_rulebook()
    return frozenset(rule.check.name for rule in rulebook.rules if rule.nature in rulebook.policy.together)


def find(case: Case) -> tuple[list[Hit], tuple[Episode, ...]]:
    """Hits of all lines in the order in which they became known, and the anomalies that they make."""
    rules = load_rulebook().rules
    own = find_hits_of_outlet(rules, [history_of(line) for line in case.lines], LEARNING)
    hits = sorted([*own, *case.neighbours], key=lambda hit: hit.order)
    last = max(int(np.max(line.columns.t)) for line in case.lines)
    return hits, settle_hits(rules, hits, until=datetime.fromtimestamp(last, UTC))


def history_of(line: CaseLine, outlet_id: UUID = NOWHERE) -> Line:
    """A line as the rules read it."""
    traits, columns = line.traits, line.columns
    key = SeriesKey(outlet_id, traits.factor, traits.kind, timedelta(seconds=traits.interval))
    return Line(traits, key, Batch(columns.t, columns.v, columns.flags, line.limits))


def together(verdicts: Sequence[Verdict], which: str = "ours") -> Score:
    """The sum of some scores."""
    return reduce(add, (getattr(one, which) for one in verdicts), Score())


def _touches(episode: Episode, labels: Sequence[Span]) -> bool:
    start, end = episode.started_at.timestamp(), episode.until.timestamp()
    return any(start < label.end and end > label.start for label in labels)
