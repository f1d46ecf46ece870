"""Why, as a code with parameters: the portal renders it in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from services.detection.domain.anomalies import Episode

FIELDS = ("observed", "reference", "ratio", "count", "hours", "longest_hours", "factors")
PARENT_CODES = ("several.missing", "several")
"""Of several factors at once: a lost link, or a device."""


@dataclass(frozen=True)
class Reason:
    """Explanation code and its parameters: numbers, with the names of `FIELDS`, and for a parent the `codes` of its
    factors.
    """

    code: str
    params: dict[str, float | list[str]]


def explain(episode: Episode) -> Reason:
    """Explanation of an anomaly as it stands.

    `observed` and `reference` are the worst value and the limit, bound, median or tolerance it was held
    against, for missing data records received and expected; `ratio` their quotient (0 when the reference
    is zero); `count` the points, or records lost; `hours` from start to end, `longest_hours` of one hit; `factors`
    how many a parent stands for.
    """
    worst = episode.worst
    several: dict[str, float | list[str]] = {}
    if episode.is_parent:
        several = {"factors": float(len(episode.factors)), "codes": list(episode.factors)}
    return Reason(
        _code(episode),
        {
            **several,
            "observed": worst.value,
            "reference": worst.reference,
            "ratio": worst.value / worst.reference if worst.reference else 0.0,
            "count": float(episode.points),
            "hours": _hours(episode.until - episode.started_at),
            "longest_hours": _hours(episode.longest),
        },
    )


def _code(episode: Episode) -> str:
    if episode.check in ("range", "exceedance"):
        return f"{episode.check}.{'above' if episode.worst.value >= episode.worst.reference else 'below'}"
    if episode.check == "missing" and episode.points == 0:
        return "missing.backfilled"
    if episode.is_parent:
        return f"several.{episode.check}" if f"several.{episode.check}" in PARENT_CODES else "several"
    return episode.check


def _hours(span: timedelta) -> float:
    return span / timedelta(hours=1)
