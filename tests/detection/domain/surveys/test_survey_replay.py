"""Copies, exact and under noise, against a plain search; and copies that are none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.detection.domain.surveys import noisy_replay, replay
from services.detection.domain.surveys.finding import Reason, Span
from services.detection.domain.surveys.series import Series, make_series

HOUR = 3600


def make_hours(v: np.ndarray) -> Series:
    return make_series(np.arange(len(v)) * HOUR, v)


def make_walk(number: int = 3000, seed: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.round(np.cumsum(rng.normal(0, 1, number)) * 0.3 + rng.normal(50, 2, number), 2)


@pytest.mark.parametrize("window", [12, 24])
def test_two_days_sent_again_are_one_pair(window: int):
    v = make_walk()
    v[2000:2048] = v[700:748]
    found = replay.survey_replay(make_hours(v), HOUR, settings=replay.Settings(window))
    assert found.statistic == 48 - window + 1
    assert found.pairs == (replay.Pair(Span(700 * HOUR, 747 * HOUR), Span(2000 * HOUR, 2047 * HOUR), 48),)
    assert not replay.survey_replay(make_hours(make_walk()), HOUR, settings=replay.Settings(window)).found


def test_a_copy_of_a_copy_names_the_latest_original():
    v = make_walk()
    v[1000:1030] = v[100:130]
    v[2000:2030] = v[100:130]
    found = replay.survey_replay(make_hours(v), HOUR)
    assert [(p.original.start // HOUR, p.copy.start // HOUR) for p in found.pairs] == [(100, 1000), (1000, 2000)]


def test_windows_over_a_gap_or_a_standstill_are_not_compared():
    v = make_walk()
    v[2000:2048] = v[700:748]
    t = np.arange(len(v)) * HOUR
    t[2024:] += 30 * 86400
    cut = replay.survey_replay(make_series(t, v), HOUR, settings=replay.Settings(25))
    assert not cut.found
    assert replay.survey_replay(make_series(t, v), HOUR, settings=replay.Settings(24)).statistic == 2
    still = np.r_[make_walk(500), np.full(200, 7.0), make_walk(500, 3), np.full(200, 7.0)]
    assert not replay.survey_replay(make_hours(still), HOUR).found


def test_values_may_be_compared_in_steps():
    v = make_walk()
    v[2000:2048] = v[700:748] + 0.004
    assert not replay.survey_replay(make_hours(v), HOUR).found
    assert replay.survey_replay(make_hours(v), HOUR, step=0.01).found


def test_zero_and_minus_zero_are_one_value():
    v = make_walk()
    v[700:748:2] = 0.0
    v[2000:2048] = v[700:748]
    v[2000:2048:2] = -0.0
    assert replay.survey_replay(make_hours(v), HOUR).statistic == 25


def test_more_pairs_than_there_was_room_for():
    block = make_walk(40, 5)
    v = np.concatenate([np.r_[block, 1000 + i] for i in range(1500)])
    found = replay.survey_replay(make_hours(v), HOUR)
    assert len(found.pairs) == 1499
    assert all(pair.points == 40 for pair in found.pairs)


@given(st.lists(st.integers(0, 2), min_size=8, max_size=120), st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test_windows_found_are_those_of_a_plain_search(values: list[int], window: int):
    v = np.array(values, dtype=np.float64)
    settings_ = replay.Settings(window)
    found = replay.survey_replay(make_hours(v), HOUR, settings=settings_)
    if found.unjudged:
        assert len(v) < 2 * window
        return
    cuts = [tuple(v[i : i + window]) for i in range(len(v) - window + 1)]
    moving = [int(np.count_nonzero(np.diff(cut))) >= settings_.least_changes for cut in cuts]
    plain = sum(moving[i] and cuts[i] in cuts[: max(0, i - window + 1)] for i in range(len(cuts)))
    assert found.statistic == plain


def test_a_copy_under_noise_is_found_and_nothing_else():
    rng = np.random.default_rng(3)
    v = make_walk()
    assert not noisy_replay.survey_noisy_replay(make_hours(v), HOUR).found
    v[2000:2060] = v[700:760] * 1.1 + 4 + rng.normal(0, 0.1, 60)
    found = noisy_replay.survey_noisy_replay(make_hours(v), HOUR)
    assert found.found
    assert found.reference == pytest.approx(0.15 * np.sqrt(96))
    assert len(found.pairs) == 1
    assert abs(found.pairs[0].copy.start - 2000 * HOUR) <= 3 * HOUR
    assert found.pairs[0].copy.start - found.pairs[0].original.start == 1300 * HOUR
    assert 0 < found.pairs[0].distance < found.reference


def test_the_nearest_window_is_that_of_a_plain_search():
    v, window = make_walk(260), 16
    wide = noisy_replay.Settings(window, nearness=0.01)
    views = np.lib.stride_tricks.sliding_window_view(v, window)
    shapes = (views - views.mean(axis=1)[:, None]) / views.std(axis=1)[:, None]
    fit = np.mean(shapes**4, axis=1) <= wide.peaked
    least = min(
        float(np.linalg.norm(shapes[i] - shapes[j]))
        for j in range(len(shapes))
        for i in range(j - window + 1)
        if fit[i] and fit[j]
    )
    assert noisy_replay.survey_noisy_replay(make_hours(v), HOUR, wide).statistic == pytest.approx(least, abs=1e-6)


def test_lone_peaks_are_no_copies_and_long_series_are_refused_with_a_reason():
    rng = np.random.default_rng(4)
    v = rng.normal(0, 0.05, 2000)
    v[300], v[1500] = 90.0, 70.0
    assert not noisy_replay.survey_noisy_replay(make_hours(v), HOUR).found
    long = noisy_replay.survey_noisy_replay(make_hours(make_walk(20_001)), HOUR)
    assert long.unjudged is not None
    assert long.unjudged.reason is Reason.TOO_MANY
    flat = noisy_replay.survey_noisy_replay(make_hours(np.full(500, 3.0)), HOUR)
    assert flat.unjudged is not None
    assert flat.unjudged.reason is Reason.NO_VARIATION
