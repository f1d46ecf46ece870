"""Tolerance of a device: which deviations from the standard are put right for it, and which are refused."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from services.ingest.hj212.codec import Note, Repair
from services.ingest.hj212.codec.profile import STRICT
from services.ingest.hj212.codec.profile import Tolerance as Profile
from shared.contracts.ingest.links import Tolerance

_NO_DEVIATIONS = frozenset({Note.SURFACE_WATER_PROFILE.value})
"""Notes that say something of a frame which deviates from nothing."""
NAMES = frozenset(name.value for kind in (Repair, Note) for name in kind) - _NO_DEVIATIONS


def deviations(names: Iterable[str]) -> list[str]:
    """Of the repairs and notes of a frame, those that deviate from the standard."""
    return [str(name) for name in names if name not in _NO_DEVIATIONS]


@lru_cache(maxsize=1024)
def _profile(accepted: tuple[str, ...]) -> Profile:
    return STRICT.allowing(accepted)


def refused(names: Iterable[str], tolerance: Tolerance, accepted: Sequence[str]) -> str | None:
    """The first deviation that this tolerance does not take, or None. `accepted` counts in the mode `learnt`.

    A missing CR LF is never a reason: it is the fault of the frame before.
    """
    if tolerance is Tolerance.LENIENT:
        return None
    profile = _profile(tuple(accepted) if tolerance is Tolerance.LEARNT else ())
    return next((str(name) for name in profile.forbids(names)), None)
