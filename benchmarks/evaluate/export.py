"""The same figures as the page, for the service that ships them: services/detection/evaluation.json."""

from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks.evaluate.bars import BY_SERIES, bars, by_name
from benchmarks.evaluate.cases import is_injected
from benchmarks.evaluate.injections import REPORTING, STRENGTHS, TUNING
from benchmarks.evaluate.judge import Results, Verdict, together
from park.virtual.injections.kinds import kinds
from park.virtual.natural import natural_kinds
from services.detection.domain.evaluation import FEWEST, Rate, Score
from services.detection.service.rulebook import load_rulebook
from shared.contracts.detection.evaluation import (
    BarOut,
    CheckScore,
    EvaluationOut,
    KindScore,
    LatencyOut,
    RateOut,
    ScoreOut,
    SeriesScore,
    SetScore,
)

DIGITS = 4


def export(results: Results, day: date) -> str:
    """The file's text; the rules named are those in force on that day."""
    rules = sorted(rule.code for rule in load_rulebook().rules if rule.in_force(day))
    made = EvaluationOut(
        day=day, version=version("sanse"), seed=REPORTING, tuning_seed=TUNING, rules=rules,
        bars=[BarOut(set=one.group, asked=one.asked, reached=one.reached, met=one.met) for one in bars(results)],
        sets=[_set(group, verdicts) for group, verdicts in results.verdicts.items()], absent=dict(results.absent),
    )  # fmt: skip
    return made.model_dump_json(indent=1) + "\n"


def _set(group: str, verdicts: Sequence[Verdict]) -> SetScore:
    exact = group not in BY_SERIES
    total = SeriesScore(name="all", ours=_score(together(verdicts)), naive=_score(together(verdicts, "peer")))
    return SetScore(
        name=group, total=total, series=[] if exact else _series(verdicts), kinds=_kinds(verdicts) if exact else [],
        checks=_checks(together(verdicts, "matrix")),
    )  # fmt: skip


def _series(verdicts: Sequence[Verdict]) -> list[SeriesScore]:
    peer = by_name(verdicts, "peer")
    return [
        SeriesScore(name=name, ours=_score(ours), naive=_score(peer[name])) for name, ours in by_name(verdicts).items()
    ]


def _kinds(verdicts: Sequence[Verdict]) -> list[KindScore]:
    whole = together(verdicts)
    ours, peer = whole.collapsed(), together(verdicts, "peer").collapsed()
    found = _found_by(together(verdicts, "matrix").collapsed())
    return [
        KindScore(
            kind=kind, natural=kind in natural_kinds(), **_named(kind), recall=_rate(ours.recall(kind)),
            fitting=_rate(ours.right_kind(kind)),
            coverage=_rate(ours.coverage(kind)), latency=_latency(ours, kind), naive_recall=_rate(peer.recall(kind)),
            strengths={strength: _rate(rate) for strength in STRENGTHS
                       if (rate := whole.recall(f"{kind} {strength}")).whole},
            found_by=found.get(kind, {}),
        )
        for kind in sorted(ours.labels)
    ]  # fmt: skip


def _named(kind: str) -> dict[str, Any]:
    """What the tables of the park say of a kind; nothing of one that is not of the park."""
    if found := kinds().get(kind):
        return {name: getattr(found, name) for name in ("name_zh", "name_en", "nature", "fraud")}
    if natural := natural_kinds().get(kind):
        return {name: getattr(natural, name) for name in ("name_zh", "name_en", "nature")}
    return {}


def _found_by(made: Score) -> Mapping[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (kind, check), number in sorted(made.confusion.items()):
        found.setdefault(kind, {})[check] = number
    return found


def _checks(made: Score) -> list[CheckScore]:
    return [CheckScore(check=check, precision=_rate(made.precision(check))) for check, _ in made.alarms.most_common()]


def _score(made: Score) -> ScoreOut:
    meant = made.of(is_injected)
    return ScoreOut(
        recall=_rate(meant.recall()), precision=_rate(made.precision()), coverage=_rate(meant.coverage()),
        latency=_latency(meant), days=round(made.days, 1), false=made.false, burden=_finite(made.burden),
    )  # fmt: skip


def _rate(one: Rate) -> RateOut:
    if not one.whole:
        return RateOut(part=0, whole=0)
    low, high = one.interval if one.whole >= FEWEST else (None, None)
    return RateOut(part=one.part, whole=one.whole, share=_finite(one.share), low=_finite(low), high=_finite(high))


def _latency(made: Score, kind: str | None = None) -> LatencyOut:
    one = made.latency(kind)
    return LatencyOut(median=_finite(one.median_minutes), p90=_finite(one.p90_minutes))


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), DIGITS)
