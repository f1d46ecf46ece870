"""Shapes, twins and repeated windows against data with a known truth."""

import math

import numpy as np
import pytest

from services.detection.domain.mining.pairs import find_twins
from services.detection.domain.mining.reasons import Gap
from services.detection.domain.mining.repeats import DRAWN, find_repeats
from services.detection.domain.mining.shapes import POINTS, SLACK, fit, frame_of, normalised, shape_of
from services.detection.domain.mining.similar import (
    Facts,
    Parts,
    Shape,
    Weights,
    compare,
    facts_apart,
    is_settled,
    least_distance,
)
from services.detection.domain.surveys.finding import Reason, SurveyInputError, Unjudged
from services.detection.domain.surveys.noisy_replay import NoisyReplay
from services.detection.domain.surveys.series import Series, make_series
from services.detection.domain.surveys.twins import survey_twins

HOUR = 3600
NEVER = 10_000 * HOUR


def hours(v: np.ndarray, first: int = 0) -> Series:
    return make_series((np.arange(len(v)) + first) * HOUR, v)


def noise(number: int, seed: int, sd: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, sd, number)


def walk(number: int, seed: int) -> np.ndarray:
    """A random walk pulled back to 60: changes are unrelated between seeds."""
    steps, v = noise(number, seed), np.empty(number)
    v[0] = 60
    for i in range(1, number):
        v[i] = v[i - 1] + 0.1 * (60 - v[i - 1]) + steps[i]
    return np.round(v, 2)


# -- shapes --------------------------------------------------------------------------------------------


def bump(at: int, wide: int, number: int = 200, height: float = 40.0, seed: int = 0) -> np.ndarray:
    place = np.arange(number)
    return 30 + height * np.exp(-(((place - at) / (wide / 4)) ** 2)) + noise(number, seed, 0.3)


def shape(v: np.ndarray, started: int, ended: int) -> Shape:
    frame = frame_of(started * HOUR, ended * HOUR, HOUR, NEVER)
    return Shape(frame, shape_of(hours(v), frame, HOUR))


def test_a_frame_holds_the_episode_in_its_middle_half():
    frame = frame_of(100 * HOUR, 140 * HOUR, HOUR, NEVER)
    assert (frame.start, frame.end) == (80 * HOUR, 160 * HOUR)
    short = frame_of(100 * HOUR, 101 * HOUR, HOUR, NEVER)
    assert short.end - short.start == 48 * HOUR
    cut = frame_of(0, 1000 * HOUR, HOUR, 100 * HOUR)
    assert cut.end - cut.start == 200 * HOUR
    with pytest.raises(SurveyInputError):
        frame_of(10, 5, HOUR, NEVER)


def test_the_same_shape_is_near_whatever_its_height_and_length():
    one = shape(bump(100, 24), 88, 112)
    assert not isinstance(one.values, Unjudged)
    same = shape_of(hours(bump(60, 24, height=8, seed=2)), frame_of(48 * HOUR, 72 * HOUR, HOUR, NEVER), HOUR, SLACK)
    longer = shape_of(hours(bump(100, 48, seed=3)), frame_of(76 * HOUR, 124 * HOUR, HOUR, NEVER), HOUR, SLACK)
    other = shape_of(hours(60 + noise(200, 4)), frame_of(88 * HOUR, 112 * HOUR, HOUR, NEVER), HOUR, SLACK)
    assert not isinstance(same, Unjudged)
    assert not isinstance(longer, Unjudged)
    assert not isinstance(other, Unjudged)
    near, scaled, far = (fit(one.values, wider).distance for wider in (same, longer, other))
    assert near < 0.2
    assert scaled < 0.2
    assert far > 0.6


@pytest.mark.parametrize("shift", [-9, 0, 7])
def test_a_shape_is_found_where_it_lies(shift: int):
    whole = np.concatenate([noise(SLACK, 1), np.sin(np.arange(POINTS) / 5) * 9, noise(SLACK, 2)])
    found = fit(whole[SLACK : SLACK + POINTS], np.roll(whole, shift))
    assert found.distance == pytest.approx(0, abs=1e-6)
    assert found.shift == shift


def test_fit_is_the_z_normalised_distance():
    one, other = noise(POINTS, 5), noise(POINTS, 6)
    apart = float(np.linalg.norm(normalised(one) - normalised(other)))
    expected = min(1.0, apart / math.sqrt(2 * POINTS))
    assert min(1.0, fit(one, other).distance) == pytest.approx(expected, abs=1e-9)


def test_flat_stretches_are_alike_and_unlike_all_others():
    flat = np.full(POINTS, 7.0)
    assert fit(flat, np.full(POINTS + 9, 3.0)).distance == 0
    assert fit(flat, noise(POINTS + 9, 1)).distance == 1
    assert fit(noise(POINTS, 1), np.full(POINTS + 9, 3.0)).distance == 1
    assert normalised(flat).tolist() == [0.0] * POINTS


def test_half_a_stretch_is_no_shape():
    frame = frame_of(88 * HOUR, 112 * HOUR, HOUR, NEVER)
    found = shape_of(hours(bump(100, 24)[:95]), frame, HOUR)
    assert isinstance(found, Unjudged)
    assert found.reason is Reason.TOO_FEW
    assert isinstance(shape_of(make_series([], []), frame, HOUR), Unjudged)
    assert isinstance(shape_of(make_series([100 * HOUR], [1.0]), frame, HOUR), Unjudged)


# -- similar -------------------------------------------------------------------------------------------


def test_a_distance_is_the_sum_of_its_parts():
    weights = Weights()
    mine = Facts("SPIKE", "N2", "w01018", 7200)
    parts = facts_apart(mine, Facts("ZERO", "N2", "w20120", 7200 * 4), weights)
    assert parts == Parts(0.5, 1.0, 0.5)
    one = shape(bump(100, 24), 88, 112)
    wider = hours(bump(100, 24, seed=8))
    found = compare(one, one.frame, wider, HOUR, parts, weights)
    assert found.parts.shape is not None
    assert found.values is not None
    total = 0.6 * found.parts.shape + 0.15 * 0.5 + 0.1 * 1 + 0.15 * 0.5
    assert found.distance == pytest.approx(total)
    assert found.distance >= least_distance(parts, weights, with_shape=True)
    assert len(found.values) == POINTS


def test_without_a_shape_of_its_own_only_the_record_counts():
    parts = facts_apart(Facts("MISS", "N3", "w01018", 60), Facts("MISS", "N3", "w01018", 60 * 16), Weights())
    none = Shape(frame_of(0, HOUR, HOUR, NEVER), Unjudged(Reason.TOO_FEW, 0, 24))
    found = compare(none, frame_of(0, HOUR, HOUR, NEVER), hours(noise(99, 1)), HOUR, parts, Weights())
    assert found.distance == pytest.approx(0.15 / 0.4)
    assert found.parts.shape is None
    assert found.unjudged is not None


def test_where_only_the_other_has_no_shape_it_counts_as_unrelated():
    one = shape(bump(100, 24), 88, 112)
    found = compare(one, one.frame, make_series([], []), HOUR, Parts(0, 0, 0), Weights())
    assert (found.distance, found.parts.shape) == (pytest.approx(0.6), 1.0)
    assert found.unjudged is not None


def test_a_shape_ends_where_its_data_end_and_is_still_found():
    frame = frame_of(88 * HOUR, 112 * HOUR, HOUR, NEVER)
    cut = shape_of(hours(bump(100, 24)[:112]), frame, HOUR)
    assert not isinstance(cut, Unjudged)
    assert np.isnan(cut).tolist() == [False] * 47 + [True] * 17
    found = compare(Shape(frame, cut), frame, hours(bump(100, 24, seed=5)), HOUR, Parts(0, 0, 0), Weights())
    assert found.parts.shape is not None
    assert found.parts.shape < 0.1
    assert np.isnan(normalised(cut)).sum() == 17


def test_an_episode_at_the_end_of_the_data_is_compared_without_slack():
    one = shape(bump(100, 24), 88, 112)
    found = compare(one, one.frame, hours(bump(100, 24, seed=3)[76:124], 76), HOUR, Parts(0, 0, 0), Weights())
    assert found.distance < 0.15


def test_the_search_ends_when_no_record_can_be_nearer():
    assert is_settled([0.1, 0.2], 2, 0.2)
    assert not is_settled([0.1, 0.2], 2, 0.19)
    assert not is_settled([0.1], 2, 0.9)


def test_weights_must_add_up():
    with pytest.raises(SurveyInputError):
        Weights(shape=0.7)


# -- twins ---------------------------------------------------------------------------------------------


def test_a_scaled_and_noisy_copy_is_found_among_many():
    series = [hours(walk(1000, seed)) for seed in range(30)]
    copy = make_series(series[4].t, 1.3 * series[4].v + 5 + noise(1000, 99, 0.05))
    found = find_twins([*series, copy], HOUR)
    best = found.pairs[0]
    assert (best.one, best.other) == (4, 30)
    assert best.judged.found
    assert best.judged.scale == pytest.approx(1.3, abs=0.02)
    assert [pair.judged.found for pair in found.pairs[1:]] == [False] * (len(found.pairs) - 1)
    assert (found.possible, found.compared, found.complete) == (31 * 30 // 2, 31 * 30 // 2, True)


def test_the_short_way_agrees_with_surveying_every_pair():
    series = [hours(walk(400, seed)) for seed in range(12)]
    series[3] = make_series(series[2].t[50:], series[2].v[50:] * 2)
    series[7] = make_series(np.delete(series[6].t, range(100, 160)), np.delete(series[6].v, range(100, 160)))
    full = {(i, j) for i in range(12) for j in range(i + 1, 12) if survey_twins(series[i], series[j], HOUR).found}
    found = find_twins(series, HOUR, most=12)
    assert {(pair.one, pair.other) for pair in found.pairs if pair.judged.found} == full == {(2, 3), (6, 7)}
    assert found.complete


def test_with_a_subject_only_its_pairs_are_looked_at():
    series = [hours(walk(400, seed)) for seed in range(5)]
    found = find_twins([*series, series[1]], HOUR, subject=5)
    assert found.possible == 5
    assert all(5 in (pair.one, pair.other) for pair in found.pairs)
    assert found.pairs[0].judged.found


def test_more_twins_than_are_shown_are_said_to_be_more():
    one = walk(400, 1)
    series = [hours(one + 0.01 * noise(400, seed)) for seed in range(6)]
    assert not find_twins(series, HOUR, most=3).complete
    assert find_twins(series, HOUR, most=15).complete


def test_twins_of_nothing_are_none():
    empty, flat, point = make_series([], []), hours(np.full(300, 4.0)), make_series([0], [1.0])
    found = find_twins([empty, flat, point, hours(walk(300, 1))], HOUR)
    assert (found.pairs, found.possible, found.complete) == ((), 6, True)
    assert find_twins([], HOUR).possible == 0
    assert find_twins([empty, empty], HOUR).pairs == ()


# -- repeats -------------------------------------------------------------------------------------------


def test_an_exact_and_a_noisy_copy_are_told_with_their_places():
    v = walk(3000, 3)
    v[1000:1048] = v[200:248]
    v[2000:2060] = np.round(v[500:560] + noise(60, 4, 0.1), 2)
    found = find_repeats(hours(v), HOUR)
    exact, noisy = found.found
    assert (exact.exact, exact.original.start, exact.copy.start, exact.points) == (True, 200 * HOUR, 1000 * HOUR, 48)
    assert exact.then.tolist() == exact.now.tolist() == v[200:248].tolist()
    assert not noisy.exact
    assert noisy.copy.start - noisy.original.start == 1500 * HOUR
    assert found.total == 2


def test_honest_hours_repeat_nothing():
    found = find_repeats(hours(walk(4000, 8)), HOUR)
    assert (found.found, found.total) == ((), 0)
    assert isinstance(found.noisy, NoisyReplay)
    assert found.noisy.statistic > found.noisy.reference


def test_a_long_copy_is_drawn_from_its_beginning():
    v = walk(4000, 9)
    v[2000:3000] = v[0:1000]
    (one,) = find_repeats(hours(v), HOUR).found
    assert (one.points, len(one.then), len(one.now)) == (1000, DRAWN, DRAWN)


def test_minutes_need_sixty_values_and_are_not_searched_under_noise():
    v = walk(30_000, 10)
    v[20_000:20_059] = v[100:159]
    assert find_repeats(make_series(np.arange(len(v)) * 60, v), 60).found == ()
    v[25_000:25_070] = v[400:470]
    found = find_repeats(make_series(np.arange(len(v)) * 60, v), 60)
    assert [(one.exact, one.points) for one in found.found] == [(True, 70)]
    assert found.noisy is Gap.HOURS_ONLY


def test_too_many_hours_for_the_noisy_search_are_said():
    found = find_repeats(hours(walk(20_001, 3)), HOUR)
    assert isinstance(found.noisy, NoisyReplay)
    assert found.noisy.unjudged is not None
    assert found.noisy.unjudged.reason is Reason.TOO_MANY


def test_a_series_of_one_point_is_not_judged():
    found = find_repeats(make_series([0], [1.0]), HOUR)
    assert found.exact.unjudged is not None
    assert isinstance(found.noisy, NoisyReplay)
    assert found.noisy.unjudged is not None
    assert found.found == ()
