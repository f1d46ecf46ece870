"""Typed client of detection, its calls grouped by noun."""

from shared.clients.detection.anomalies import AnomalyCalls
from shared.clients.detection.suppressions import SuppressionCalls


class DetectionClient(AnomalyCalls, SuppressionCalls):
    """All calls of detection."""

    service = "detection"
