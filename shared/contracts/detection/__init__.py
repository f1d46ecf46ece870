"""The wire of detection 识别: anomalies and rules here, each further noun in its own module."""

from shared.contracts.detection.anomalies import (
    ANOMALY_CLOSED,
    ANOMALY_OPENED,
    ANOMALY_UPDATED,
    SEVERAL,
    AnomalyOut,
    AnomalyState,
    Explanation,
    Frequency,
    Nature,
    OpenAnomaly,
    OpenSummary,
    Severity,
)
from shared.contracts.detection.rules import RuleOut

__all__ = [
    "ANOMALY_CLOSED",
    "ANOMALY_OPENED",
    "ANOMALY_UPDATED",
    "SEVERAL",
    "AnomalyOut",
    "AnomalyState",
    "Explanation",
    "Frequency",
    "Nature",
    "OpenAnomaly",
    "OpenSummary",
    "RuleOut",
    "Severity",
]
