"""Stored states of series as the kernel's array, and how far back they reach."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
from prometheus_client import Counter

from services.detection.domain.compiled import Floats
from services.detection.domain.kernel import StateLayoutError, load_states
from services.detection.domain.running import reach
from services.detection.store import StoredSeries
from shared.logging import get_logger

log = get_logger(__name__)

RESTARTED = Counter("sanse_detection_states_restarted_total", "Series whose state was of another set of checks")


def earliest(listed: Sequence[StoredSeries]) -> dict[UUID, datetime]:
    """By outlet, the earliest time at which a hit of these series not yet told may begin."""
    first: dict[UUID, datetime] = {}
    if listed:
        for one, seconds in zip(listed, reach(states_of(listed)), strict=True):
            if np.isfinite(seconds):
                at = moment(seconds)
                first[one.id.outlet_id] = min(first.get(one.id.outlet_id, at), at)
    return first


def states_of(listed: Sequence[StoredSeries]) -> Floats:
    """The kernel's states. One that another set of checks wrote begins anew, and is counted."""
    try:
        return load_states([one.state or None for one in listed])
    except StateLayoutError:
        known = [one.state if one.state and _is_readable(one.state) else None for one in listed]
        RESTARTED.inc(known.count(None))
        log.warning("states_restarted", series=known.count(None))
        return load_states(known)


def _is_readable(state: bytes) -> bool:
    try:
        load_states([state])
    except StateLayoutError:
        return False
    return True


def moment(seconds: float) -> datetime:
    """UTC of epoch seconds."""
    return datetime.fromtimestamp(int(seconds), UTC)
