"""Outcomes of a backtest as the contract's models."""

import math

from services.detection.domain.backtests.comparison import Difference, Outcome, RuleOutcome, Side, burden
from services.detection.domain.evaluation.wilson import wilson
from shared.contracts.detection.backtests import BacktestDifference, BacktestResult, BacktestSide, RuleComparison


def result_out(outcome: Outcome) -> BacktestResult:
    """What others see of an outcome."""
    return BacktestResult(
        rules=[_rule(code, one, outcome.series_days) for code, one in outcome.rules.items()],
        differences=[_difference(one) for one in outcome.differences],
        more=outcome.more, outlets=outcome.outlets, series=outcome.series, series_days=outcome.series_days,
        points=outcome.points,
    )  # fmt: skip


def _rule(code: str, one: RuleOutcome, days: float) -> RuleComparison:
    return RuleComparison(
        rule=code, before=_side(one.before, days), after=_side(one.after, days), same=one.same, new=one.new,
        gone=one.gone,
    )  # fmt: skip


def _side(side: Side, days: float) -> BacktestSide:
    low, high = wilson(side.confirmed, side.judged) if side.judged else (None, None)
    return BacktestSide(
        episodes=side.episodes, burden=burden(side.episodes, days), confirmed=side.confirmed,
        explained=side.explained, false_alarms=side.false_alarms,
        precision=side.confirmed / side.judged if side.judged else None, low=low, high=high,
    )  # fmt: skip


def _difference(one: Difference) -> BacktestDifference:
    live = one.anomaly
    return BacktestDifference(
        kind=one.kind, outlet_id=one.outlet_id, factor=one.factor, reading=one.reading, rule=one.rule,
        started_at=one.started_at, until=one.until, points=one.points,
        value=one.value if math.isfinite(one.value) else None,
        reference=one.reference if math.isfinite(one.reference) else None,
        anomaly_id=live.id if live else None, anomaly_no=live.no if live else "",
        verdict=live.verdict if live else None,
    )  # fmt: skip
