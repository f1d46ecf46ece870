"""The figures published for 2021: visits and problems by colour, 47 visits of 496 without a colour."""

import pytest

from services.grading.domain.hit_rates import HitRate, hit_rates, rate_ratio
from shared.contracts.grading import Colour

COUNTS = {Colour.RED: (108, 94), Colour.YELLOW: (116, 93), Colour.GREEN: (225, 103), Colour.GREY: (47, 0)}
TABLE = [
    (Colour.RED, 24.1, 32.4, 0.870, 1.15),
    (Colour.YELLOW, 25.8, 32.1, 0.802, 1.25),
    (Colour.GREEN, 50.1, 35.5, 0.458, 2.18),
]


@pytest.mark.parametrize(("colour", "visit_share", "problem_share", "per_visit", "visits_a_problem"), TABLE)
def test_problems_per_visit_by_colour(
    colour: Colour, visit_share: float, problem_share: float, per_visit: float, visits_a_problem: float
):
    rate = hit_rates(COUNTS)[colour]

    assert round(rate.visit_share * 100, 1) == visit_share
    assert round(rate.problem_share * 100, 1) == problem_share
    assert round(rate.per_visit, 3) == per_visit
    assert round(rate.visits_a_problem, 2) == visits_a_problem


def test_visits_without_a_colour_are_a_row_of_their_own():
    assert hit_rates(COUNTS)[Colour.GREY] == HitRate(47, 0, None, None, 0.0, None)
    assert sum(visits for visits, _ in COUNTS.values()) == 496


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Colour.RED, Colour.YELLOW, (1.09, 0.82, 1.45)),
        (Colour.YELLOW, Colour.GREEN, (1.75, 1.32, 2.32)),
        (Colour.RED, Colour.GREEN, (1.90, 1.44, 2.51)),
    ],
)
def test_rate_ratios(first: Colour, second: Colour, expected: tuple[float, float, float]):
    rates = hit_rates(COUNTS)
    ratio = rate_ratio(rates[first], rates[second])

    assert ratio is not None
    assert (round(ratio.ratio, 2), round(ratio.low, 2), round(ratio.high, 2)) == expected


def test_nothing_found_gives_no_ratio():
    rates = hit_rates(COUNTS)

    assert rate_ratio(rates[Colour.RED], rates[Colour.GREY]) is None
