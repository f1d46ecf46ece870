"""What a survey answers: a finding with its span, or the reason why it could not judge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from shared.errors import InvalidError


class SurveyInputError(InvalidError):
    """Columns or settings that make no sense; `context["field"]` names the one at fault."""

    code = "bad_survey_input"


class Reason(StrEnum):
    """Why a survey did not judge."""

    TOO_FEW = "too_few"
    TOO_MANY = "too_many"
    TOO_COARSE = "too_coarse"
    NO_RESOLUTION = "no_resolution"
    NO_VARIATION = "no_variation"
    NO_BASELINE = "no_baseline"


@dataclass(frozen=True)
class Unjudged:
    """The guard that was not satisfied: what the data has of it, and what it needs."""

    reason: Reason
    has: float
    needs: float


@dataclass(frozen=True, order=True)
class Span:
    """Epoch seconds UTC of the first and of the last point."""

    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Answer of a survey over `points` usable points of `span`, None for a series without any.

    `found` is never True while `unjudged` is set. `statistic` is what was measured and `reference` what it
    was held against, NaN where the guard stopped the survey before; their units are the survey's.
    """

    span: Span | None
    points: int
    statistic: float = math.nan
    reference: float = math.nan
    found: bool = False
    unjudged: Unjudged | None = None


def require(true: bool, field: str, message: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise SurveyInputError about `field` unless the condition holds."""
    if not true:
        raise SurveyInputError(f"{field}: {message}", field=field)


def require_positive(**settings: float) -> None:
    """Raise SurveyInputError for a setting that is not a finite number above zero."""
    for field, value in settings.items():
        require(math.isfinite(value) and value > 0, field, f"must be a finite number above zero, not {value}")


def too_few(has: float, needs: float) -> Unjudged | None:
    """The guard of sample size."""
    return Unjudged(Reason.TOO_FEW, has, needs) if has < needs else None
