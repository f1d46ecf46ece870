"""Marks 标记 that begin when it suits: right after the concentration has come near the limit.

The share of marks that start within some minutes after a value above 0.9 of the limit, against the share
of all monitored time that lies so, by the upper tail of the binomial distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.detection.domain.compiled import Integers
from services.detection.domain.surveys.finding import Finding, Reason, Unjudged, require, require_positive, too_few
from services.detection.domain.surveys.series import Series, make_series

_MONTH = 30 * 86400


@dataclass(frozen=True)
class Settings:
    """`near` share of the limit, `within` seconds after, `p` to undercut; configurable defaults.

    `least_monthly` marks in 30 days, and as many in all, are needed to judge.
    """

    near: float = 0.9
    within: float = 900.0
    p: float = 1e-3
    least_monthly: float = 5.0

    def __post_init__(self) -> None:
        require_positive(**vars(self))
        require(self.p < 1, "p", "must be below 1")


@dataclass(frozen=True, kw_only=True)
class MarkAbuse(Finding):
    """`statistic` is the binomial p, `reference` the one to undercut; `points` marks were judged.

    `suited` of them started near the limit; `base` is the share of monitored time that lies so.
    """

    suited: int = 0
    base: float = math.nan


def survey_mark_abuse(
    series: Series, starts: npt.ArrayLike, limit: float, interval: float, settings: Settings | None = None
) -> MarkAbuse:
    """Judge `starts` (epoch seconds) of marks at the outlet of `series`, whose values each last `interval` seconds.

    A mark that starts where nothing was monitored is left out; two at one moment are one.
    """
    settings = settings or Settings()
    require_positive(limit=limit, interval=interval)
    given = np.asarray(starts)
    marks = make_series(given, np.zeros(given.shape)).t
    reach = interval + settings.within
    high = series.t[series.v > settings.near * limit]
    judged = marks[_covered(marks, series.t, reach)]
    number, suited = len(judged), int(np.count_nonzero(_covered(judged, high, reach)))
    monitored = _length(series.t, reach)
    needs = settings.least_monthly * max(1.0, monitored / _MONTH)
    unjudged = Unjudged(Reason.NO_BASELINE, 0, 1) if not len(series) else too_few(number, needs)
    if unjudged:
        return MarkAbuse(span=series.span, points=number, unjudged=unjudged, suited=suited)
    base = _length(high, reach) / monitored
    p = binomial_tail(suited, number, base)
    return MarkAbuse(
        span=series.span,
        points=number,
        statistic=p,
        reference=settings.p,
        found=p < settings.p,
        suited=suited,
        base=base,
    )


def binomial_tail(hits: int, number: int, share: float) -> float:
    """P(at least `hits` of `number`) when each has probability `share`."""
    if hits <= 0 or share >= 1:
        return 1.0
    if share <= 0:
        return 0.0
    k = np.arange(hits, number + 1)
    choose = np.array([math.lgamma(number + 1) - math.lgamma(i + 1) - math.lgamma(number - i + 1) for i in k.tolist()])
    return min(1.0, float(np.exp(choose + k * math.log(share) + (number - k) * math.log1p(-share)).sum()))


def _covered(moments: Integers, t: Integers, reach: float) -> npt.NDArray[np.bool_]:
    """True where a moment is at or less than `reach` seconds after one of `t`."""
    if not len(t):
        return np.zeros(len(moments), dtype=np.bool_)
    before = np.searchsorted(t, moments, side="right") - 1
    return (before >= 0) & (moments - t[np.maximum(before, 0)] < reach)


def _length(t: Integers, reach: float) -> float:
    """Seconds that lie at or less than `reach` after one of `t`."""
    return float(np.minimum(np.diff(t), reach).sum() + reach) if len(t) else 0.0
