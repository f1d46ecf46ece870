"""Tolerance of a device: which deviations from the standard are put right for it, and which are refused."""

from collections.abc import Iterable, Sequence

from services.ingest.hj212.codec import Note, Repair
from shared.contracts.ingest.links import Tolerance

REMARKS = frozenset({Note.SURFACE_WATER_PROFILE.value})
"""Notes that say something of a frame which deviates from nothing."""
NAMES = frozenset(name.value for kind in (Repair, Note) for name in kind) - REMARKS


def deviations(names: Iterable[str]) -> list[str]:
    """Of the repairs and notes of a frame, those that deviate from the standard."""
    return [str(name) for name in names if name not in REMARKS]


def refused(names: Iterable[str], tolerance: Tolerance, accepted: Sequence[str]) -> str | None:
    """The first deviation that this tolerance does not take, or None. `accepted` counts in the mode `learnt`."""
    if tolerance is Tolerance.LENIENT:
        return None
    allowed = accepted if tolerance is Tolerance.LEARNT else ()
    return next((name for name in deviations(names) if name not in allowed), None)
