"""What becomes of learnt numbers: nothing new, a version that holds, or one that waits for a person."""

from __future__ import annotations

from services.detection.domain.thresholds.model import Numbers, Threshold
from services.detection.domain.thresholds.policy import Policy
from services.detection.domain.thresholds.table import FREE
from shared.contracts.detection.thresholds import ThresholdEvent


def consider(one: Threshold, numbers: Numbers, default: Numbers, policy: Policy) -> ThresholdEvent | None:
    """The event that learnt numbers bring about, None where they change nothing.

    Frozen numbers stay; so do those beside which a proposal waits. What a person has refused is not put forward
    again until it differs.
    """
    holds = {**default, **(one.newest.numbers if one.newest else {})}
    if one.state not in FREE or not policy.is_new(numbers, holds):
        return None
    if not policy.waits(one.rule, numbers, {**default, **(one.confirmed or {})}):
        return ThresholdEvent.LEARN
    if one.refused is not None and not policy.is_new(numbers, one.refused.numbers):
        return None
    return ThresholdEvent.SUGGEST
