"""What stored states say of hits that are not over or not yet told."""

from __future__ import annotations

import numpy as np

from services.detection.domain.checks import CHECKS, STATES, missing
from services.detection.domain.compiled import Floats
from services.detection.domain.kernel import LAST_T
from services.detection.domain.track import START


def reach(states: Floats) -> Floats:
    """Epoch seconds of the earliest time at which a hit not yet told may begin, by series; inf before the first point.

    Such a hit begins after the last point, or with a run that these states have begun to follow.
    """
    begun = states[:, [first + START for first in STATES[:-1]]]
    earliest = np.where(begun == 0.0, np.inf, begun).min(axis=1)
    short = STATES[CHECKS.index(missing.CHECK)]
    absent = np.where(states[:, short + missing.RUN] > 0.0, states[:, short + missing.BEGUN], np.inf)
    last = np.where(np.isfinite(states[:, LAST_T]), states[:, LAST_T], np.inf)
    known: Floats = np.minimum(np.minimum(earliest, absent), last)
    return known
