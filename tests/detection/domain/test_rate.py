"""Rate of change: a leap that stays, told once."""

import math

import pytest

from tests.detection.domain.makers import make_batch, make_plan, run, told
from tests.detection.domain.test_checks import honest, wave

NAN = math.nan


def test_a_leap_that_does_not_return_is_one_hit_told_two_readings_later():
    values = [*wave(48), *wave(48, 150.0)]
    hits = told(run(make_plan(only="rate"), make_batch(values)).hits)

    assert [(one[1], one[2], one[3], one[6]) for one in hits] == [(False, 48, 51, 1)]
    assert hits[0][4] == pytest.approx(values[48] - values[47], abs=1e-6)


@pytest.mark.parametrize("width", [1, 2])
def test_what_returns_within_two_readings_is_left_to_the_spike(width: int):
    values = wave(60)
    values[40 : 40 + width] = [150.0] * width

    assert told(run(make_plan(only="rate"), make_batch(values)).hits) == []


@pytest.mark.parametrize(
    ("away", "hits_told"), [(12, [(False, 48, 51, 1)]), (36, [(False, 48, 51, 1), (False, 84, 87, 1)])]
)
def test_a_level_that_leaps_away_and_back_within_a_day_is_one_hit(away: int, hits_told: list[tuple]):
    values = [*wave(48), *wave(away, 150.0), *wave(48)]
    hits = told(run(make_plan(only="rate"), make_batch(values)).hits)

    assert [(one[1], one[2], one[3], one[6]) for one in hits] == hits_told


def test_the_first_readings_after_a_stop_are_no_leap():
    values = [*wave(48), *[NAN] * 6, 5.0, 6.0, *wave(48)]

    assert told(run(make_plan(only="rate"), make_batch(values)).hits) == []


@pytest.mark.parametrize("shape", ["sine", "walk", "white", "held", "flat"])
def test_honest_shapes_of_a_year_make_no_leap(shape: str):
    assert len(run(make_plan(only="rate", span=1000.0), make_batch(honest(shape, 8760))).hits) == 0
