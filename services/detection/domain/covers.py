"""What marks 标记 mean for the readings they cover: the flag under which the checks see them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.detection.domain.anomalies import Episode
from services.detection.domain.compiled import Integers
from services.detection.domain.points import MAINTENANCE, MANUAL, NORMAL, STOPPED, UNFLAGGED
from shared.contracts.detection import Nature
from shared.contracts.ingest.marks import MarkEffect

Flags = npt.NDArray[np.uint8]

EXCUSED = frozenset({Nature.EXCEEDANCE, Nature.DATA_QUALITY, Nature.DEVICE, Nature.PROCESS_MISMATCH})
"""What a mark may explain: a suspicion of fraud is looked into in spite of it, and a duty missed stays missed."""
_JUDGED = (UNFLAGGED, NORMAL, MANUAL)


@dataclass(frozen=True)
class Cover:
    """The stretch from `since` to before `until` (None: it runs on) that an effective mark speaks of.

    `factors` empty means all of the outlet.
    """

    mark_id: UUID
    outlet_id: UUID
    effect: MarkEffect
    since: datetime
    until: datetime | None
    factors: frozenset[str] = frozenset()

    def spans(self, t: Integers) -> npt.NDArray[np.bool_]:
        """Which of these times (epoch seconds) it covers."""
        end = np.inf if self.until is None else self.until.timestamp()
        covered: npt.NDArray[np.bool_] = (t >= self.since.timestamp()) & (t < end)
        return covered


def marked_flags(flags: Flags, t: Integers, factor: str, covers: Sequence[Cover]) -> Flags:
    """Flags (n,) of one factor's readings at `t` (n,) with the marks that cover them.

    A mark of effect invalid makes a normal value one of maintenance, one of effect stopped makes it one of a stopped
    source; a value that its logger flagged counts as normal where a mark says valid. Data marked invalid are not
    used to judge exceedance (污染物排放自动监测设备标记规则, MEE announcement 2022 No. 21). Where marks contradict each
    other, stopped goes before invalid and both before valid. The flags given are not changed.
    """
    seen = flags.copy()
    seen[_covered(t, factor, covers, MarkEffect.VALID) & ~np.isin(flags, _JUDGED)] = NORMAL
    normal = np.isin(seen, _JUDGED)
    seen[_covered(t, factor, covers, MarkEffect.INVALID) & normal] = MAINTENANCE
    seen[_covered(t, factor, covers, MarkEffect.STOPPED) & normal] = STOPPED
    return seen


def excuse(episode: Episode, covers: Sequence[Cover]) -> Episode:
    """The episode with the mark that explains it, from its start to its end so far; with none where there is none.

    Several marks may share the stretch; the first of them is named.
    """
    mine = sorted(
        (
            cover
            for cover in covers
            if cover.effect in {MarkEffect.INVALID, MarkEffect.STOPPED}
            and (not cover.factors or episode.factor in cover.factors)
            and cover.since < episode.until
        ),
        key=lambda cover: (cover.since, cover.mark_id),
    )
    reached, named = episode.started_at, None
    for cover in mine if episode.nature in EXCUSED else ():
        if cover.since <= reached and (cover.until is None or cover.until > reached):
            named = named or cover.mark_id
            reached = episode.until if cover.until is None else cover.until
    marked_by = named if reached >= episode.until else None
    return episode if episode.marked_by == marked_by else replace(episode, marked_by=marked_by)


def _covered(t: Integers, factor: str, covers: Sequence[Cover], effect: MarkEffect) -> npt.NDArray[np.bool_]:
    covered = np.zeros(len(t), np.bool_)
    for cover in covers:
        if cover.effect is effect and (not cover.factors or factor in cover.factors):
            covered |= cover.spans(t)
    return covered
