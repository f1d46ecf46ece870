"""Digits, bunching, smoothing and drift: injected fraud is found, honest values are not."""

import math

import numpy as np
import pytest

from services.detection.domain.surveys.bunching import survey_bunching
from services.detection.domain.surveys.drift import survey_drift, theil_sen
from services.detection.domain.surveys.finding import Reason
from services.detection.domain.surveys.last_digit import chi_square_tail, survey_last_digit
from services.detection.domain.surveys.series import Series, make_series
from services.detection.domain.surveys.smoothness import survey_smoothness

HOUR, DAY = 3600, 86400


def make_hours(v: np.ndarray, interval: int = HOUR) -> Series:
    return make_series(np.arange(len(v)) * interval, v)


def test_tail_of_chi_square_agrees_with_the_table():
    for x, p in ((16.919, 0.05), (21.666, 0.01), (27.877, 0.001)):
        assert math.isclose(chi_square_tail(x), p, rel_tol=1e-3)
    assert chi_square_tail(0.0) == 1.0


def test_invented_digits_are_uneven_and_measured_ones_are_not():
    rng = np.random.default_rng(4)
    measured = np.round(rng.normal(80, 6, 2000), 2)
    honest = survey_last_digit(make_hours(measured))
    assert not honest.found
    assert honest.step == 0.01
    assert honest.entropy > 3.3
    # People like 5 and 0 less than 3 and 7.
    invented = np.floor(measured * 10) / 10 + rng.choice([0.01, 0.03, 0.07, 0.08], 2000)
    found = survey_last_digit(make_hours(np.round(invented, 2)))
    assert found.found
    assert found.statistic < 1e-50
    assert found.entropy < 2.1


def test_digits_of_coarse_or_repeated_values_are_not_judged():
    rng = np.random.default_rng(5)
    coarse = survey_last_digit(make_hours(np.round(rng.normal(80, 1, 2000), 1)))
    assert coarse.unjudged is not None
    assert (coarse.unjudged.reason, coarse.unjudged.needs) == (Reason.TOO_COARSE, 30.0)
    repeated = survey_last_digit(make_hours(np.repeat(np.round(rng.normal(80, 9, 400), 2), 10)))
    assert repeated.unjudged is not None
    assert repeated.unjudged.reason is Reason.TOO_FEW
    assert repeated.points <= 400
    endless = survey_last_digit(make_hours(rng.normal(80, 9, 2000)))
    assert endless.unjudged is not None
    assert endless.unjudged.reason is Reason.NO_RESOLUTION


def test_values_moved_from_above_the_limit_to_below_bunch():
    rng = np.random.default_rng(6)
    v = 40 * np.exp(rng.normal(0, 0.2, 8000))
    limit = float(np.quantile(v, 0.97))
    honest = survey_bunching(make_hours(v), limit)
    assert not honest.found
    assert abs(honest.statistic) < 4
    assert 0.6 < honest.above / honest.above_expected < 1.6
    over = (v > limit) & (v <= 1.06 * limit)
    shaved = v.copy()
    shaved[over] = limit * (1 - 0.005 * rng.random(np.count_nonzero(over)))
    found = survey_bunching(make_hours(shaved), limit)
    # One bin takes what three lost: the excess alone is not beyond 30 here, so the threshold decides.
    assert found.above == 0
    assert found.statistic > 8
    assert found.below > 1.8 * found.below_expected


def test_bunching_of_all_peaks_is_found_at_the_default():
    rng = np.random.default_rng(7)
    v = 40 * np.exp(rng.normal(0, 0.3, 8000))
    limit = float(np.quantile(v, 0.9))
    shaved = np.where(v > limit, limit * (1 - 0.01 * rng.random(len(v))), v)
    found = survey_bunching(make_hours(shaved), limit)
    assert found.found
    assert found.above == 0


def test_a_moving_average_is_found_and_roughness_of_its_own_is_not():
    rng = np.random.default_rng(8)
    rough = np.cumsum(rng.normal(0, 1, 4000)) + rng.normal(0, 0.4, 4000)
    before, after = make_hours(rough[:2000]), rough[2000:]
    honest = survey_smoothness(make_hours(after), before, HOUR)
    assert not honest.found
    assert 2 < honest.baseline < 3
    smooth = survey_smoothness(make_hours(np.convolve(after, np.ones(5) / 5, "valid")), before, HOUR)
    assert smooth.found
    # A series that was always smooth is held against itself.
    calm = make_hours(np.convolve(rough, np.ones(10) / 10, "valid"))
    same = survey_smoothness(calm, calm, HOUR)
    assert same.statistic < 0.8
    assert not same.found


def test_roughness_without_a_past_is_not_judged():
    series = make_hours(np.random.default_rng(9).normal(0, 1, 500))
    finding = survey_smoothness(series, make_hours(np.empty(0)), HOUR)
    assert finding.unjudged is not None
    assert finding.unjudged.reason is Reason.NO_BASELINE


@pytest.mark.parametrize("direction", [1, -1])
def test_creeping_check_values_are_drift(direction: int):
    rng = np.random.default_rng(10)
    v = 100 + rng.normal(0, 0.5, 60)
    steady = survey_drift(make_hours(v, DAY), 100.0, sigma=0.5)
    assert not steady.found
    assert abs(steady.slope) < 0.02
    v[20:] += direction * 0.05 * np.arange(40)
    drift = survey_drift(make_hours(v, DAY), 100.0, sigma=0.5)
    assert drift.found
    assert drift.upward is (direction > 0)
    assert math.copysign(1, drift.slope) == direction
    assert drift.alarm is not None
    assert drift.alarm.end <= 42 * DAY


def test_one_wild_check_does_not_bend_the_slope():
    v = 100 + 0.1 * np.arange(30.0)
    v[7] = 900.0
    assert math.isclose(theil_sen(np.arange(30) * DAY, v), 0.1, rel_tol=1e-9)
    many = theil_sen(np.arange(5000) * DAY, 0.1 * np.arange(5000.0))
    assert math.isclose(many, 0.1, rel_tol=1e-9)


def test_checks_that_never_scatter_are_not_judged():
    finding = survey_drift(make_hours(np.full(30, 100.0), DAY), 100.0)
    assert finding.unjudged is not None
    assert finding.unjudged.reason is Reason.NO_VARIATION
