"""What visits find by colour: the back-test of a list. A list that separates nothing shows it here."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.grading import Colour

Z = 1.959964  # two-sided 95 %


@dataclass(frozen=True)
class HitRate:
    """Visits 厂次 and problems 问题 of one colour; shares are among visits that have a colour."""

    visits: int
    problems: int
    visit_share: float | None
    problem_share: float | None
    per_visit: float | None
    visits_a_problem: float | None


@dataclass(frozen=True)
class RateRatio:
    """Ratio of two Poisson rates with its 95 % interval (Wald on the logarithm)."""

    ratio: float
    low: float
    high: float


def hit_rates(counts: Mapping[Colour, tuple[int, int]]) -> dict[Colour, HitRate]:
    """Rates by colour from (visits, problems). Grey visits are listed but are no part of the shares."""
    visits = sum(count for colour, (count, _) in counts.items() if colour is not Colour.GREY)
    problems = sum(count for colour, (_, count) in counts.items() if colour is not Colour.GREY)

    def one(colour: Colour, seen: int, found: int) -> HitRate:
        rated = colour is not Colour.GREY
        return HitRate(
            visits=seen,
            problems=found,
            visit_share=_ratio(seen, visits) if rated else None,
            problem_share=_ratio(found, problems) if rated else None,
            per_visit=_ratio(found, seen),
            visits_a_problem=_ratio(seen, found),
        )

    return {colour: one(colour, *pair) for colour, pair in counts.items()}


def rate_ratio(first: HitRate, second: HitRate) -> RateRatio | None:
    """How many times more problems a visit finds in `first` than in `second`; None where either found none."""
    if not (first.problems and second.problems and first.visits and second.visits):
        return None
    ratio = (first.problems / first.visits) / (second.problems / second.visits)
    spread = math.exp(Z * math.sqrt(1 / first.problems + 1 / second.problems))
    return RateRatio(ratio, ratio / spread, ratio * spread)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
