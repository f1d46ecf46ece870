"""One worked example after another, each by hand."""

import math

import numpy as np
import pytest

from services.detection.domain import kernel
from tests.detection.domain.makers import T0, make_batch, make_plan, run, told

NAN = math.nan


def wave(number: int, level: float = 50.0) -> list[float]:
    """Values that never repeat, within ±3 of the level."""
    return [round(level + 3 * math.sin(0.7 * i) + 0.01 * (i % 7), 2) for i in range(number)]


# --- range


def test_range_opens_on_the_first_value_above_the_span_and_closes_on_the_first_within():
    hits = told(run(make_plan(only="range"), make_batch([50, 210, 250, 220, 51])).hits)

    assert hits == [
        ("range", True, 1, 2, 210, 200, 1),
        ("range", False, 1, 4, 250, 200, 3),
    ]


@pytest.mark.parametrize(
    ("factor", "value", "bound"),
    [
        ("w01001", 14.2, 14.0),
        ("w01001", -0.1, 0.0),
        ("a19001", 25.5, 25.0),
    ],
)
def test_range_bounds_by_factor(factor: str, value: float, bound: float):
    hits = told(run(make_plan(only="range", factor=factor), make_batch([value])).hits)

    assert hits == [("range", True, 0, 1, value, bound, 1)]


def test_range_without_a_known_span_judges_nothing():
    assert told(run(make_plan(only="range", span=None), make_batch([1e9])).hits) == []


def test_range_takes_flag_t_at_its_word_and_skips_values_that_are_invalid_anyway():
    hits = told(run(make_plan(only="range"), make_batch([199, 500, 500, 500, 500], flags="TMCDF")).hits)

    assert hits == [("range", True, 0, 1, 199, 200, 1)]


def test_range_hit_ends_in_a_long_hole():
    times = [T0, T0 + 3600, T0 + 12 * 3600]
    hits = told(run(make_plan(only="range"), make_batch([300, 300, 300], times=times)).hits)

    assert hits == [
        ("range", True, 0, 1, 300, 200, 1),
        ("range", False, 0, 2, 300, 200, 2),
        ("range", True, 12, 13, 300, 200, 1),
    ]


# --- exceedance


def test_hour_means_over_the_limit_are_one_hit_with_its_peak():
    batch = make_batch([34, 35, 36, 41, 38, 30], high=35)
    hits = told(run(make_plan(only="exceedance"), batch).hits)

    assert hits == [
        ("exceedance", True, 2, 3, 36, 35, 1),
        ("exceedance", False, 2, 5, 41, 35, 3),
    ]


def test_values_at_the_limit_or_without_one_are_in_order():
    the_plan = make_plan(only="exceedance")

    assert told(run(the_plan, make_batch([35, 35], high=35)).hits) == []
    assert told(run(the_plan, make_batch([1e6, 1e6])).hits) == []


def test_ph_below_its_lower_limit_exceeds():
    batch = make_batch([6.0, 5.9, 5.5, 6.1], low=6, high=9)
    hits = told(run(make_plan(only="exceedance", medium="water", factor="w01001"), batch).hits)

    assert hits == [
        ("exceedance", True, 1, 2, 5.9, 6, 1),
        ("exceedance", False, 1, 3, 5.5, 6, 2),
    ]


@pytest.mark.parametrize("flag", list("FMDCTBx"))
def test_invalid_flags_are_not_judged(flag: str):
    assert told(run(make_plan(only="exceedance"), make_batch([50], flags=flag, high=35)).hits) == []


@pytest.mark.parametrize("flag", ["N", "S", "\0"])
def test_normal_manual_and_unflagged_values_are_judged(flag: str):
    hits = told(run(make_plan(only="exceedance"), make_batch([50], flags=flag, high=35)).hits)

    assert hits == [("exceedance", True, 0, 1, 50, 35, 1)]


def test_invalid_hours_neither_extend_nor_end_an_exceedance():
    batch = make_batch([40, 99, 42, 30], flags="NMNN", high=35)
    hits = told(run(make_plan(only="exceedance"), batch).hits)

    assert hits[-1] == ("exceedance", False, 0, 3, 42, 35, 2)


@pytest.mark.parametrize(("valid", "fires"), [(44, False), (45, True)])
def test_clock_hour_of_minutes_needs_45_valid_ones(*, valid: int, fires: bool):
    flags = "N" * valid + "M" * (60 - valid) + "N"
    batch = make_batch([40] * 60 + [10], step=60, flags=flags, high=35)
    hits = told(run(make_plan("minute", only="exceedance"), batch).hits)

    assert hits == ([("exceedance", True, 0, 1, 40, 35, 1)] if fires else [])


def test_clock_hour_mean_is_judged_not_its_minutes():
    minutes = [70, 0] * 30 + [71, 0] * 30 + [0]
    hits = told(run(make_plan("minute", only="exceedance"), make_batch(minutes, step=60, high=35)).hits)

    assert hits == [("exceedance", True, 1, 2, 35.5, 35, 1)]


def test_the_mean_of_equal_minutes_at_the_limit_is_no_exceedance():
    batch = make_batch([0.1] * 61, step=60, high=0.1)

    assert told(run(make_plan("minute", only="exceedance"), batch).hits) == []


# --- constant


def test_hourly_gas_is_constant_after_six_hours():
    values = [*wave(3), *[42.0] * 8, 43.0]
    hits = told(run(make_plan(only="constant"), make_batch(values)).hits)

    assert hits == [
        ("constant", True, 3, 9, 42, 0.005, 6),
        ("constant", False, 3, 11, 42, 0.005, 8),
    ]


def test_minute_gas_is_constant_after_four_hours():
    the_plan = make_plan("minute", only="constant")

    assert told(run(the_plan, make_batch([42.0] * 239, step=60)).hits) == []
    assert told(run(the_plan, make_batch([42.0] * 240, step=60)).hits, 60) == [
        ("constant", True, 0, 240, 42, 0.005, 240)
    ]


@pytest.mark.parametrize(("kind", "step", "points"), [("hour", 3600, 6), ("minute", 60, 720)])
def test_water_needs_six_hours_of_means_or_twelve_of_minutes(kind: str, step: int, points: int):
    the_plan = make_plan(kind, "water", only="constant", span=None)

    assert told(run(the_plan, make_batch([1.5] * (points - 1), step=step)).hits) == []
    hits = told(run(the_plan, make_batch([1.5] * points, step=step)).hits, step)
    assert hits == [("constant", True, 0, points, 1.5, 0.005, points)]


def test_water_sampled_every_four_hours_needs_six_samples():
    the_plan = make_plan("minute", "water", only="constant", span=None, interval=4 * 3600)

    assert told(run(the_plan, make_batch([1.5] * 5, step=4 * 3600)).hits) == []
    assert len(run(the_plan, make_batch([1.5] * 6, step=4 * 3600)).hits) == 1


def test_a_slow_ramp_is_no_constant():
    ramp = [50 + 0.06 * i for i in range(48)]

    assert told(run(make_plan(only="constant"), make_batch(ramp)).hits) == []


def test_noise_within_a_thousandth_of_the_span_is_constant_where_the_series_moves_ten_times_as_much():
    lively = [50 + 3.0 * (-1) ** i for i in range(30)]
    calm = [50 + 0.3 * (-1) ** i for i in range(30)]
    noise = [60 + 0.05 * (-1) ** i for i in range(6)]
    the_plan = make_plan(only="constant")

    assert told(run(the_plan, make_batch([*lively, *noise])).hits) == [("constant", True, 30, 36, 60.05, 0.2, 6)]
    assert told(run(the_plan, make_batch([*calm, *noise])).hits) == []
    assert told(run(the_plan, make_batch(noise)).hits) == []


@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ([0.0] * 30, None),  # nothing discharged
        ([-0.0] * 30, None),
        ([42.0] * 30, "F" * 30),  # marked stopped
        ([42.0] * 30, "S" * 30),  # set by hand
        ([NAN] * 30, None),
        ([math.inf] * 30, None),
    ],
)
def test_honest_constants_are_not_judged(values: list[float], flags: str | None):
    assert told(run(make_plan(only="constant"), make_batch(values, flags=flags)).hits) == []


def test_a_constant_survives_a_hole_of_a_day_but_does_not_count_it():
    early = [T0 + 3600 * i for i in range(4)]
    back = [T0 + 3600 * (i + 20) for i in range(2)]
    later = [T0 + 3600 * (i + 60) for i in range(6)]
    values = [42.0] * 12
    hits = told(run(make_plan(only="constant"), make_batch(values, times=early + back + later)).hits)

    assert hits == [
        ("constant", True, 0, 22, 42, 0.005, 6),
        ("constant", False, 0, 22, 42, 0.005, 6),
        ("constant", True, 60, 66, 42, 0.005, 6),
    ]


def test_marked_maintenance_in_a_constant_run_does_not_excuse_the_rest():
    batch = make_batch([*[42.0] * 3, 0, 0, *[42.0] * 3], flags="NNNMMNNN")

    assert told(run(make_plan(only="constant"), batch).hits) == [("constant", True, 0, 8, 42, 0.005, 6)]


# --- missing


def test_absent_hours_are_missing_until_the_next_one():
    times = [T0, T0 + 3600, T0 + 5 * 3600]
    hits = told(run(make_plan(only="missing"), make_batch([1, 2, 3], times=times)).hits)

    assert hits == [
        ("missing", True, 2, 5, 0, 3, 3),
        ("missing", False, 2, 5, 0, 3, 3),
    ]


@pytest.mark.parametrize(("received", "fires"), [(44, True), (45, False)])
def test_an_hour_is_short_below_75_percent_of_its_minutes(*, received: int, fires: bool):
    times = [T0, *(T0 + 3600 + 60 * i for i in range(received)), *(T0 + 7200 + 60 * i for i in range(46))]
    hits = told(run(make_plan("minute", only="missing"), make_batch([1.0] * len(times), times=times)).hits)

    expected = [
        ("missing", True, 1, 2, received, 60, 60 - received),
        ("missing", False, 1, 2, received, 60, 60 - received),
    ]
    assert hits == (expected if fires else [])


def test_empty_records_are_missing_but_marked_ones_are_not():
    the_plan = make_plan(only="missing")

    assert told(run(the_plan, make_batch([1, NAN, 3])).hits)[-1] == ("missing", False, 1, 2, 0, 1, 1)
    assert told(run(the_plan, make_batch([1, NAN, 3], flags="NBN")).hits)[-1][1:4] == (False, 1, 2)
    assert told(run(the_plan, make_batch([1, NAN, 3], flags="NMN")).hits) == []


def test_the_hour_in_which_a_series_begins_is_not_judged():
    times = [T0 + 50 * 60, *(T0 + 3600 + 60 * i for i in range(60))]

    assert told(run(make_plan("minute", only="missing"), make_batch([1.0] * 61, times=times)).hits) == []


def test_a_day_series_counts_local_days():
    times = [T0, T0 + 86400, T0 + 3 * 86400]
    hits = told(run(make_plan("day", only="missing"), make_batch([1, 2, 3], times=times)).hits, 86400)

    assert hits[-1] == ("missing", False, 2, 3, 0, 1, 1)


# --- spike


@pytest.mark.parametrize("width", [1, 2])
def test_a_leap_out_and_back_within_two_intervals_is_a_spike(width: int):
    values = wave(30)
    for i in range(width):
        values[24 + i] = 150.0 + i
    hits = told(run(make_plan(only="spike"), make_batch(values)).hits)

    ((check, opened, start, end, value, reference, count),) = hits
    assert (check, opened, start, end, value, count) == ("spike", False, 24, 24 + width, 149.0 + width, width)
    assert reference == pytest.approx(np.median(values[:24]), abs=0.01)


@pytest.mark.parametrize("width", [1, 5])
def test_a_value_out_of_range_is_told_as_such_and_is_neither_spike_nor_leap(width: int):
    values = wave(60)
    values[40 : 40 + width] = [250.0] * width
    hits = told(run(make_plan(), make_batch(values)).hits)

    assert {one[0] for one in hits} == {"range"}
    assert {one[0] for one in told(run(make_plan(off=frozenset({"RANGE"})), make_batch(values)).hits)} == {
        "spike" if width == 1 else "rate"
    }


def test_a_drop_out_and_back_is_a_spike():
    values = wave(30)
    values[24] = 1.0

    assert told(run(make_plan(only="spike"), make_batch(values)).hits)[0][4] == 1.0


def test_a_new_level_is_no_spike_and_becomes_ordinary():
    values = [*wave(24), *wave(40, 150.0)]
    values[60] = 400.0
    hits = told(run(make_plan(only="spike", span=500.0), make_batch(values)).hits)

    assert [(start, value) for _, _, start, _, value, _, _ in hits] == [(60, 400.0)]


def test_a_leap_that_ebbs_away_is_no_spike():
    values = [*wave(24), 182.0, 150.0, 110.0, *wave(5)]

    assert told(run(make_plan(only="spike"), make_batch(values)).hits) == []
    assert len(run(make_plan(only="spike"), make_batch([*values[:25], *wave(5)])).hits) == 1


def test_nothing_is_judged_across_a_hole_or_on_flagged_values():
    values = [*wave(24), 150.0, *wave(5)]
    hole = [T0 + 3600 * i for i in range(24)] + [T0 + 3600 * (i + 4) for i in range(24, 30)]
    the_plan = make_plan(only="spike")

    assert told(run(the_plan, make_batch(values, times=hole)).hits) == []
    assert told(run(the_plan, make_batch(values, flags="N" * 24 + "C" + "N" * 5)).hits) == []


def honest(name: str, number: int) -> np.ndarray:
    rng = np.random.default_rng(7)
    hours = np.arange(number)
    shapes = {
        "sine": 50 + 20 * np.sin(hours * 2 * math.pi / 24),
        "walk": 500 + np.cumsum(rng.normal(0, 1, number)),
        "white": rng.normal(50, 5, number),
        "steps": 50 + 30 * np.repeat(rng.integers(0, 3, number // 40 + 1), 40)[:number],
        "held": np.repeat(rng.normal(50, 5, number // 2 + 1), 2)[:number],
        "flat": np.where(rng.random(number) < 0.02, 50.03, 50.0),
    }
    return np.round(shapes[name], 2)


@pytest.mark.parametrize("shape", ["sine", "walk", "white", "steps", "held", "flat"])
def test_honest_shapes_of_a_year_give_at_most_one_spike(shape: str):
    hits = run(make_plan(only="spike", span=1000.0), make_batch(honest(shape, 8760))).hits

    assert len(hits) <= 1


# --- all together


def test_an_ordinary_day_of_every_kind_is_silent():
    for kind, step, number in (("hour", 3600, 48), ("minute", 60, 2880), ("day", 86400, 30)):
        batch = make_batch(wave(number), step=step, high=100)

        assert told(run(make_plan(kind), batch).hits) == [], kind


def test_a_series_of_one_point_and_of_none():
    the_plan = make_plan()

    assert told(run(the_plan, make_batch([1.0])).hits) == []
    empty = run(the_plan, make_batch([]))
    assert len(empty.hits) == 0
    assert np.array_equal(empty.states, kernel.new_states())
