"""Checks of clock hours, by hand: nearing and hugging the limit, shifts of level, days that hardly move."""

import math

import numpy as np
import pytest

from tests.detection.domain.makers import T0, make_batch, make_plan, run, told

NOISE = np.random.default_rng(11)


def noisy(level: float, number: int, sd: float) -> list[float]:
    return list(np.round(level + NOISE.normal(0, sd, number), 2))


# --- trend


def test_six_rising_hours_near_the_limit_warn_until_the_limit_is_passed():
    hours = [80, 90, 91, 92, 93, 94, 95, 97, 101, 80]
    hits = told(run(make_plan(only="trend"), make_batch(hours, high=100)).hits)

    assert hits == [("trend", True, 1, 7, 95, 100, 6), ("trend", False, 1, 8, 97, 100, 7)]


@pytest.mark.parametrize(
    "hours",
    [
        [95, 94, 93, 92, 91, 90, 90, 90],  # falls
        [95, 95.1, 95, 95.2, 95, 95.1, 95, 95],  # level
        [90, 92, 94, 96, 98, 80, 90],  # five
        [101, 103, 105, 107, 109, 111, 113],  # an exceedance
    ],
)
def test_no_warning(hours: list[float]):
    assert told(run(make_plan(only="trend"), make_batch(hours, high=100)).hits) == []


def test_minutes_are_taken_by_the_clock_hour_and_marked_ones_left_out():
    minutes = [level for level in (90, 91, 92, 93, 94, 95) for _ in range(60)] + [50]
    the_plan = make_plan("minute", only="trend")

    assert told(run(the_plan, make_batch(minutes, step=60, high=100)).hits) == [("trend", True, 0, 6, 95, 100, 6)]
    assert told(run(the_plan, make_batch(minutes, step=60, high=100, flags="M" * 20 + "N" * 341)).hits) == []


# --- hugging


def test_a_week_close_under_the_limit_is_one_hit_until_a_day_breaks_it():
    hours = [*[95.0, 96.0] * 12 * 8, *[20.0] * 24 * 3, 20, 20]
    hits = told(run(make_plan(only="hugging"), make_batch(hours, high=100)).hits)

    assert hits == [("hugging", True, 0, 168, 95.5, 100, 168), ("hugging", False, 0, 192, 95.5, 100, 192)]


@pytest.mark.parametrize(
    "hours",
    [
        [80.0, 81.0] * 12 * 9,  # not close
        [86.0, 99.0] * 12 * 9,  # wide: CV 7 %
        [101.0, 102.0] * 12 * 9,  # over
        [95.0, 96.0] * 12 * 6,  # six days
        [*[95.0] * 18, *[60.0] * 6] * 9,  # three quarters of the hours
    ],
)
def test_no_hugging(hours: list[float]):
    assert told(run(make_plan(only="hugging"), make_batch(hours, high=100)).hits) == []


def test_without_a_limit_nothing_is_hugged():
    assert told(run(make_plan(only="hugging"), make_batch([95.0, 96.0] * 12 * 9)).hits) == []


# --- shift


@pytest.mark.parametrize("later", [50.0, 180.0])
def test_a_shift_is_told_once_with_both_levels(later: float):
    hours = [*noisy(100, 72, 1), *noisy(later, 120, 1)]
    hits = told(run(make_plan(only="shift"), make_batch(hours)).hits)

    assert len(hits) == 1
    assert hits[0][:2] == ("shift", False)
    assert abs(hits[0][2] - 72) <= 12
    assert hits[0][3] == hits[0][2] + 24
    assert hits[0][4:6] == (pytest.approx(later, abs=2), pytest.approx(100, abs=2))


def test_two_shifts_are_two_hits():
    hours = [*noisy(100, 72, 1), *noisy(50, 96, 1), *noisy(100, 96, 1)]
    hits = told(run(make_plan(only="shift"), make_batch(hours)).hits)

    assert [round(hit[4], -1) for hit in hits] == [50, 100]


@pytest.mark.parametrize(
    "hours",
    [
        [*noisy(100, 72, 1), *noisy(70, 96, 1)],  # 30 %
        [*noisy(100, 72, 12), *noisy(50, 96, 12)],  # within the spread
        [100 + 60 * math.sin(2 * math.pi * i / 24) for i in range(400)],  # the day's own course
        [100.0 + 2 * i for i in range(300)],  # a ramp
        [*noisy(100, 72, 1), *noisy(0.5, 96, 0.1)],  # a stop
    ],
)
def test_no_shift(hours: list[float]):
    assert told(run(make_plan(only="shift"), make_batch(hours)).hits) == []


def test_days_on_both_sides_of_a_hole_are_not_compared():
    hours = [*noisy(100, 72, 1), *noisy(50, 72, 1)]
    times = [T0 + 3600 * (i if i < 72 else i + 10) for i in range(144)]

    assert told(run(make_plan(only="shift"), make_batch(hours, times=times)).hits) == []


# --- low variance


def test_a_day_that_hardly_moves_opens_and_ends_when_it_moves_again():
    hours = [120.0, *[100.0, 100.4, 100.8, 100.2] * 8, 120, 140]
    hits = told(run(make_plan(only="flat"), make_batch(hours)).hits)

    assert hits == [("flat", True, 1, 25, 0.8, 2, 24), ("flat", False, 1, 33, 0.8, 2, 32)]


@pytest.mark.parametrize(
    "hours",
    [
        [100.0, 100.1] * 40,  # constant: for another check
        [100.0, 102.5] * 40,  # moves
        [5.0, 5.05, 5.3] * 20,  # low
        [100.0, 100.8] * 11,  # 22 h
    ],
)
def test_no_low_variance(hours: list[float]):
    assert told(run(make_plan(only="flat"), make_batch(hours)).hits) == []


def test_ph_is_honestly_steady():
    the_plan = make_plan(only="flat", medium="water", factor="w01001", span=14.0)

    assert told(run(the_plan, make_batch([7.2, 7.25, 7.22] * 30)).hits) == []
