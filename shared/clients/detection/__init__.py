"""Typed client of detection, its calls grouped by noun."""

from shared.clients.detection.anomalies import AnomalyCalls
from shared.clients.detection.backtests import BacktestCalls, ProposalCalls
from shared.clients.detection.context import ContextCalls
from shared.clients.detection.mining import MiningCalls
from shared.clients.detection.quality import QualityCalls
from shared.clients.detection.rules import RuleCalls
from shared.clients.detection.suppressions import SuppressionCalls
from shared.clients.detection.surveys import SurveyCalls
from shared.clients.detection.thresholds import ThresholdCalls


class DetectionClient(
    AnomalyCalls,
    BacktestCalls,
    ContextCalls,
    MiningCalls,
    ProposalCalls,
    QualityCalls,
    RuleCalls,
    SuppressionCalls,
    SurveyCalls,
    ThresholdCalls,
):
    """All calls of detection."""

    service = "detection"
