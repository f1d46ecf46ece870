"""Typed client of detection, its calls grouped by noun."""

from shared.clients.detection.anomalies import AnomalyCalls


class DetectionClient(AnomalyCalls):
    """All calls of detection."""

    service = "detection"
