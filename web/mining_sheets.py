"""The reports of the mining bench as rows of a sheet, a head first."""

from collections.abc import Iterator

from shared.contracts.detection.mining import (
    BunchingReport,
    DigitReport,
    MiningRow,
    PeerReport,
    RepeatReport,
    SimilarReport,
    TwinReport,
)
from web.mining_view import firm_name, outlet_name, reason_text

Cells = list[object]
HEAD: Cells = [
    "enterprise", "outlet", "outlet_id", "since", "until", "points", "flagged", "missing", "found", "not_judged",
]  # fmt: skip


def _base(row: MiningRow) -> Cells:
    return [
        firm_name(row.outlet), outlet_name(row.outlet), str(row.outlet.outlet_id), row.since, row.until, row.points,
        row.flagged, row.missing, row.found, reason_text(row.unjudged),
    ]  # fmt: skip


def digits(report: DigitReport) -> Iterator[Cells]:
    """Last digits."""
    yield [*HEAD, "step", "sd_in_steps", "chi_square", "p", "entropy_bits", *(f"digit_{digit}" for digit in range(10))]
    for row in report.rows:
        counts: Cells = [*row.counts] or [None] * 10
        yield [*_base(row), row.step, row.spread, row.chi_square, row.p, row.entropy, *counts]


def bunching(report: BunchingReport) -> Iterator[Cells]:
    """Values about the limit; a column a bin, named by its upper end in percent of the limit."""
    ends = next(([one.high for one in row.bins] for row in report.rows if row.bins), [])
    names = [f"{round(end * 100)}%" for end in ends]
    yield [*HEAD, "limits", "z", "below", "below_expected", "above", "above_expected", *names,
           *(f"{name} expected" for name in names)]  # fmt: skip
    for row in report.rows:
        counts: Cells = [one.count for one in row.bins] or [None] * len(ends)
        expected: Cells = [one.expected for one in row.bins] or [None] * len(ends)
        yield [*_base(row), " ".join(map(str, row.limits)), row.z, row.below, row.below_expected, row.above,
               row.above_expected, *counts, *expected]  # fmt: skip


def repeats(report: RepeatReport) -> Iterator[Cells]:
    """One line a repeated window; outlets without any have one line."""
    yield [*HEAD, "windows", "exact", "original_since", "original_until", "copy_since", "copy_until", "values",
           "distance", "nearest", "noisy_not_judged"]  # fmt: skip
    for row in report.rows:
        tail = [row.nearest, reason_text(row.noisy_unjudged)]
        if not row.pairs:
            yield [*_base(row), row.total, *([None] * 7), *tail]
        for pair in row.pairs:
            yield [*_base(row), row.total, pair.exact, pair.original_since, pair.original_until, pair.copy_since,
                   pair.copy_until, pair.points, pair.distance, *tail]  # fmt: skip


def twins(report: TwinReport) -> Iterator[Cells]:
    """One line a pair."""
    yield ["enterprise", "outlet", "outlet_id", "other_enterprise", "other_outlet", "other_outlet_id", "likeness",
           "found", "scale", "shift", "since", "until", "points"]  # fmt: skip
    for pair in report.pairs:
        names = [[firm_name(one), outlet_name(one), str(one.outlet_id)] for one in (pair.one, pair.other)]
        yield [*names[0], *names[1], pair.likeness, pair.found, pair.scale, pair.shift, pair.since, pair.until,
               pair.points]  # fmt: skip


def peers(report: PeerReport) -> Iterator[Cells]:
    """Distributions."""
    yield [*HEAD, "unit", "q05", "q25", "q50", "q75", "q95", "least", "greatest", "mean", "z"]
    for row in report.rows:
        yield [*_base(row), report.unit, *_five(row.quantiles), row.least, row.greatest, row.mean, row.z]


def similar(report: SimilarReport) -> Iterator[Cells]:
    """Similar episodes, the nearest first."""
    yield ["number", "rule", "factor", "enterprise", "outlet", "started_at", "last_at", "distance", "shape",
           "rule_part", "factor_part", "duration_part", "not_judged"]  # fmt: skip
    for one in report.items:
        anomaly, parts = one.anomaly, one.parts
        yield [anomaly.no, anomaly.rule, anomaly.factor, firm_name(one.outlet), outlet_name(one.outlet),
               anomaly.started_at, anomaly.last_at, one.distance, parts.shape, parts.rule, parts.factor,
               parts.duration, reason_text(one.unjudged)]  # fmt: skip


def _five(quantiles: list[float]) -> Cells:
    return [*quantiles] or [None] * 5
