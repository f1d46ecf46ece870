"""Repeated windows 重复片段: stretches sent again, exactly or under noise, with both copies to lay over one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.detection.domain.compiled import Floats
from services.detection.domain.mining.reasons import Gap
from services.detection.domain.surveys import noisy_replay, replay
from services.detection.domain.surveys.finding import Span
from services.detection.domain.surveys.noisy_replay import NoisyReplay, survey_noisy_replay
from services.detection.domain.surveys.replay import Pair, Replay, survey_replay
from services.detection.domain.surveys.series import Series

HOUR = 3600.0
WINDOWS = {True: 24, False: 60}
"""Values that must repeat exactly, of hours and longer (True), and of shorter intervals (detection 4.3, 8)."""
DRAWN = 480
"""Values of a copy that are given to be drawn; of longer ones their beginning."""


@dataclass(frozen=True)
class Repeat:
    """A stretch and its copy; `then` and `now` are the values of both, at most `DRAWN` from the beginning.

    `distance` of their z-normalised shapes, 0 where `exact`.
    """

    exact: bool
    original: Span
    copy: Span
    points: int
    distance: float
    then: Floats
    now: Floats


@dataclass(frozen=True)
class Repeats:
    """The longest `found`, exact ones first, of `total`; with what the two surveys say, `noisy` of hours only."""

    exact: Replay
    noisy: NoisyReplay | Gap
    found: tuple[Repeat, ...]
    total: int


def find_repeats(series: Series, interval: float, most: int = 20) -> Repeats:
    """Search one series sampled every `interval` seconds."""
    chosen = replay.Settings(WINDOWS[interval >= HOUR])
    exact = survey_replay(series, interval, settings=chosen)
    # The distance was set against honest hours; minutes are so smooth that their shapes are all alike.
    noisy = survey_noisy_replay(series, interval, noisy_replay.Settings()) if interval >= HOUR else Gap.HOURS_ONLY
    pairs = [(True, pair) for pair in exact.pairs]
    near = () if isinstance(noisy, Gap) else noisy.pairs
    pairs += [(False, pair) for pair in near if not any(_is_within(pair, other) for other in exact.pairs)]
    pairs.sort(key=lambda item: (not item[0], -item[1].points, item[1].copy.start))
    return Repeats(exact, noisy, tuple(_drawn(series, *item) for item in pairs[:most]), len(pairs))


def _is_within(pair: Pair, exact: Pair) -> bool:
    """Whether a noisy pair only tells of an exact one again: the same lag, and their copies overlap."""
    same = pair.copy.start - pair.original.start == exact.copy.start - exact.original.start
    return same and pair.copy.start <= exact.copy.end and exact.copy.start <= pair.copy.end


def _drawn(series: Series, exact: bool, pair: Pair) -> Repeat:  # noqa: FBT001 - from a list of pairs
    first, again = np.searchsorted(series.t, [pair.original.start, pair.copy.start])
    number = min(pair.points, DRAWN)
    return Repeat(
        exact,
        pair.original,
        pair.copy,
        pair.points,
        pair.distance,
        series.v[first : first + number],
        series.v[again : again + number],
    )
