"""Negative values, zeros and cold furnaces, by hand."""

import pytest

from services.detection.domain import kernel
from services.detection.domain.kernel import open_hits
from tests.detection.domain.makers import T0, make_batch, make_plan, run, told

DAY = 24
WORLD = [50.0, 51.0, 49.0, 52.0] * 18  # 72 h


def test_negative_opens_under_two_per_cent_of_the_span_and_closes_above():
    hits = told(run(make_plan(only="negative"), make_batch([1, -4.0, -4.1, -9, -5, 0])).hits)

    assert hits == [("negative", True, 2, 3, -4.1, -4, 1), ("negative", False, 2, 5, -9, -4, 3)]


def test_without_a_span_a_step_of_the_resolution_is_the_bound():
    hits = told(run(make_plan(only="negative", span=None), make_batch([0, -0.01, -0.02])).hits)

    assert hits == [("negative", True, 2, 3, -0.02, -0.01, 1)]


@pytest.mark.parametrize("factor", ["w01001", "w01010", "a01012", "a01013"])
def test_what_may_be_negative_is_not_judged(factor: str):
    assert told(run(make_plan(only="negative", factor=factor), make_batch([-30])).hits) == []


def test_marked_values_are_not_negative():
    assert told(run(make_plan(only="negative"), make_batch([-9, -9, -9], flags="MCD")).hits) == []


def test_a_late_negative_value_is_told_once():
    the_plan = make_plan(only="negative")
    before = run(the_plan, make_batch([1, -9, 1, 1]))
    late = make_batch([-8, -9], times=[T0 + 1800, T0 + 3600])

    assert told(kernel.advance(before.states, the_plan.vector, late).hits) == [("negative", False, 0.5, 1.5, -8, -4, 1)]


def test_zero_opens_after_two_hours_and_tells_the_usual_level():
    hits = told(run(make_plan(only="zero"), make_batch([*WORLD, 0, 0, 0, 51])).hits)

    assert [hit[:5] + hit[6:] for hit in hits] == [("zero", True, 72, 74, 0, 2), ("zero", False, 72, 75, 0, 3)]
    assert hits[0][5] == hits[1][5] == pytest.approx(50.5, abs=0.1)


@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ([*WORLD, 0], None),  # an hour
        ([*WORLD, 0, 0, 0], "N" * 72 + "FFF"),
        ([*WORLD, 0, 0, 0], "N" * 72 + "MDC"),
        ([*WORLD[:60], 0, 0, 0], None),  # too young
        ([50.0, 0, 50, 50] * 30 + [0] * 9, None),  # zero is its habit
        ([0.0] * 200, None),
        ([*WORLD, 0.01, 0.02, 0.01], None),
    ],
)
def test_honest_zeros(values: list[float], flags: str | None):
    assert told(run(make_plan(only="zero"), make_batch(values, flags=flags)).hits) == []


@pytest.mark.parametrize("factor", ["w00000", "a00000", "a01012"])
def test_nothing_flows_at_times(factor: str):
    assert told(run(make_plan(only="zero", factor=factor), make_batch([*WORLD, 0, 0, 0, 0])).hits) == []


def test_a_zero_that_lasts_stays_one_hit():
    the_plan = make_plan(only="zero")
    outcome = run(the_plan, make_batch([*WORLD, *[0.0] * 30 * DAY]))

    assert len(outcome.hits) == 1
    assert told(open_hits(outcome.states, the_plan.vector.reshape(1, -1)))[0][:4] == ("zero", True, 72, 72 + 30 * DAY)


def furnace(values: list[float], flags: str | None = None) -> list[tuple]:
    the_plan = make_plan("minute", only="furnace", factor="a01901", span=1400.0, resolution=0.1)
    return told(run(the_plan, make_batch(values, step=60, flags=flags)).hits, 60)


def test_the_furnace_is_judged_by_means_of_five_minutes():
    minutes = [900] * 5 + [849, 849, 849, 849, 854] + [840] * 5 + [845, 845, 845, 845, 860] + [870] * 5 + [900]

    assert furnace(minutes) == [
        ("furnace", True, 10, 15, 840, 850, 1),
        ("furnace", False, 10, 20, 840, 850, 2),
    ]


def test_a_cold_furnace_that_is_marked_or_hardly_known_is_not_judged():
    assert furnace([700] * 6, "FFFFFN") == []
    assert furnace([700] * 6, "NNNMMN") == []
    assert furnace([700] * 6, "NNNNMN") == [("furnace", True, 0, 5, 700, 850, 1)]


def test_other_temperatures_have_no_such_floor():
    the_plan = make_plan("minute", only="furnace", factor="a01012")

    assert told(run(the_plan, make_batch([60] * 60, step=60)).hits) == []
