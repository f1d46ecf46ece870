"""Flow against load: a flow meter that has drifted or was set no longer fits what the plant produced.

After the flow-to-load test of US EPA, 40 CFR part 75, appendix B, section 2.2.5: the mean of
|R_h - R_ref| / R_ref over the hours of a quarter, R_h being flow divided by load.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.detection.domain.surveys.finding import Finding, Span, require, require_positive, too_few
from services.detection.domain.surveys.series import Series, join


@dataclass(frozen=True)
class Settings:
    """`allowed` mean departure, 0.10 or 0.15 by EPA's rule, a configurable default here.

    Hours count whose load is within `load_band` of `load`, when that is given; at least `least_hours`.
    """

    allowed: float = 0.10
    least_hours: int = 168
    load: float | None = None
    load_band: float = 0.10

    def __post_init__(self) -> None:
        require_positive(allowed=self.allowed, least_hours=self.least_hours, load_band=self.load_band)
        require(self.load is None or (np.isfinite(self.load) and self.load > 0), "load", "must be above zero")


@dataclass(frozen=True, kw_only=True)
class FlowLoad(Finding):
    """`statistic` is the mean departure, `reference` the one allowed; `ratio` the mean flow per load."""

    ratio: float = float("nan")


def survey_flow_load(flow: Series, load: Series, reference_ratio: float, settings: Settings | None = None) -> FlowLoad:
    """Judge hourly `flow` and `load` (one unit each) against the ratio of an accepted reference test.

    Hours without load or with a negative flow do not count. Raises SurveyInputError for a ratio not above zero.
    """
    settings = settings or Settings()
    require_positive(reference_ratio=reference_ratio)
    t, q, produced = join(flow, load)
    use = (produced > 0) & (q >= 0)
    if settings.load is not None:
        use &= np.abs(produced - settings.load) <= settings.load_band * settings.load
    t, ratios = t[use], q[use] / produced[use]
    span = Span(int(t[0]), int(t[-1])) if len(t) else None
    few = too_few(len(t), settings.least_hours)
    if few:
        return FlowLoad(span=span, points=len(t), unjudged=few, reference=settings.allowed)
    departure = float(np.mean(np.abs(ratios - reference_ratio))) / reference_ratio
    return FlowLoad(
        span=span,
        points=len(t),
        statistic=departure,
        reference=settings.allowed,
        found=departure > settings.allowed,
        ratio=float(ratios.mean()),
    )
