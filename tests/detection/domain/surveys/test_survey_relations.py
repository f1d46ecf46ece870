"""Two factors, two outlets, flow and load, marks and limits, and what follows from physics."""

import math

import numpy as np
import pytest

from services.detection.domain.surveys import identities
from services.detection.domain.surveys.correlation import survey_correlation
from services.detection.domain.surveys.finding import Reason, Span
from services.detection.domain.surveys.flow_load import Settings as FlowSettings
from services.detection.domain.surveys.flow_load import survey_flow_load
from services.detection.domain.surveys.mark_abuse import binomial_tail, survey_mark_abuse
from services.detection.domain.surveys.series import Series, make_series
from services.detection.domain.surveys.twins import survey_twins

HOUR, DAY = 3600, 86400


def make_hours(v: np.ndarray) -> Series:
    return make_series(np.arange(len(v)) * HOUR, v)


def make_load(number: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 300 + 60 * np.sin(np.arange(number) / 24 * 2 * np.pi) + np.cumsum(rng.normal(0, 2, number)) * 0.5


def test_a_factor_that_stops_following_is_found():
    load = make_load(6000, 1)
    heat = 10 * load + np.random.default_rng(2).normal(0, 200, 6000)
    past = (make_hours(heat[:4000]), make_hours(load[:4000]))
    now = load[4000:]
    honest = survey_correlation((make_hours(heat[4000:]), make_hours(now)), past)
    assert honest.unjudged is None
    assert not honest.found
    replayed = heat[4000:].copy()
    replayed[500:1100] = np.roll(replayed, 11)[500:1100]
    lost = survey_correlation((make_hours(replayed), make_hours(now)), past)
    assert lost.found
    assert len(lost.low) >= 2
    assert all(500 * HOUR - 168 * HOUR <= span.start <= 1100 * HOUR for span in lost.low)
    assert all(one.end < other.start for one, other in zip(lost.low, lost.low[1:], strict=False))


def test_correlation_needs_a_past():
    pair = (make_hours(make_load(1000, 1)), make_hours(make_load(1000, 2)))
    short = survey_correlation(pair, (make_hours(make_load(300, 1)), make_hours(make_load(300, 2))))
    assert short.unjudged is not None
    assert short.unjudged.reason is Reason.NO_BASELINE


def test_one_source_behind_two_outlets_is_found():
    rng = np.random.default_rng(3)
    one = np.round(rng.normal(50, 5, 800), 2)
    twin = survey_twins(make_hours(one), make_hours(np.round(0.8 * one + 3, 2)), HOUR)
    assert twin.found
    assert math.isclose(twin.scale, 0.8, rel_tol=1e-2)
    assert math.isclose(twin.shift, 3.0, abs_tol=0.5)
    load = make_load(800, 4)
    follows = survey_twins(make_hours(load + rng.normal(0, 2, 800)), make_hours(load + rng.normal(0, 2, 800)), HOUR)
    assert follows.statistic > 0.5
    assert not follows.found


def test_a_common_spike_makes_no_twins():
    rng = np.random.default_rng(5)
    one, other = rng.normal(50, 1, 800), rng.normal(50, 1, 800)
    one[400] = other[400] = 5000.0
    assert not survey_twins(make_hours(one), make_hours(other), HOUR).found


def test_flow_that_no_longer_fits_the_load():
    load = make_load(500, 6)
    flow = 1.2 * load * (1 + np.random.default_rng(7).normal(0, 0.03, 500))
    honest = survey_flow_load(make_hours(flow), make_hours(load), 1.2)
    assert not honest.found
    assert honest.statistic < 0.05
    low = survey_flow_load(make_hours(0.8 * flow), make_hours(load), 1.2)
    assert low.found
    assert math.isclose(low.statistic, 0.2, abs_tol=0.01)
    idle = survey_flow_load(make_hours(flow), make_hours(np.zeros(500)), 1.2)
    assert idle.unjudged is not None
    narrow = survey_flow_load(make_hours(flow), make_hours(load), 1.2, FlowSettings(load=300.0, load_band=0.01))
    assert narrow.points < 168


def test_marks_that_start_when_it_suits():
    rng = np.random.default_rng(8)
    v = rng.uniform(10, 80, 720)
    near = np.sort(rng.choice(720, 60, replace=False))
    v[near] = 95.0
    series = make_hours(v)
    abuse = survey_mark_abuse(series, (near[:8] + 1) * HOUR + 300, 100.0, HOUR)
    assert abuse.found
    assert (abuse.suited, abuse.points) == (8, 8)
    assert 0.05 < abuse.base < 0.15
    fair = survey_mark_abuse(series, np.arange(10) * 70 * HOUR + 1800, 100.0, HOUR)
    assert not fair.found
    few = survey_mark_abuse(series, near[:4] * HOUR, 100.0, HOUR)
    assert few.unjudged is not None
    assert few.unjudged.reason is Reason.TOO_FEW
    away = survey_mark_abuse(series, np.arange(10) + 900 * HOUR, 100.0, HOUR)
    assert away.points == 0


def test_binomial_tail():
    assert math.isclose(binomial_tail(1, 1, 0.3), 0.3)
    assert math.isclose(binomial_tail(9, 10, 0.5), 11 / 1024)
    assert binomial_tail(0, 5, 0.0) == 1.0
    assert binomial_tail(2, 5, 0.0) == 0.0
    assert binomial_tail(2, 5, 1.0) == 1.0


def test_converted_concentration():
    t = np.arange(10) * HOUR
    measured, oxygen = np.full(10, 30.0), np.full(10, 9.0)
    right = measured * (21 - 6) / (21 - 9)
    assert not identities.converted(t, measured, oxygen, right, 6.0).found
    wrong = right.copy()
    wrong[4:8] *= 0.9
    found = identities.converted(t, measured, oxygen, wrong, 6.0)
    assert found.breaches == (identities.Breach(Span(4 * HOUR, 7 * HOUR), 4, wrong[4], 37.5),)
    assert found.statistic == pytest.approx(0.1)
    assert identities.converted(t, measured, oxygen, right * 1.019, 6.0).found is False


def test_rounding_of_oxygen_near_that_of_air_is_allowed_for():
    t, measured = np.arange(40) * HOUR, np.full(40, 20.0)
    true = np.linspace(17.0, 20.96, 40)
    said = measured * 15 / (21 - true)
    rounded = np.round(true, 1)
    assert not identities.converted(t, measured, rounded, said, 6.0).found
    strict = identities.Settings(oxygen_step=0.0)
    assert identities.converted(t, measured, rounded, said, 6.0, strict).found
    assert identities.converted(t, measured, rounded, 0.7 * said, 6.0).found


def test_oxygen_of_air_is_invalid_and_no_number_is_no_breach():
    t = np.arange(6) * HOUR
    oxygen = np.array([21.0, 21.3, 25.0, np.nan, -1.0, 9.0])
    finding = identities.converted(t, np.full(6, 30.0), oxygen, np.full(6, 37.5), 6.0)
    assert (finding.invalid, finding.points, finding.found) == (4, 1, False)
    nothing = identities.converted(t, np.full(6, 30.0), np.full(6, 21.0), np.full(6, np.inf), 6.0)
    assert nothing.unjudged is not None
    assert nothing.invalid == 6


def test_mass_in_units():
    t = np.arange(5) * HOUR
    rate = identities.mass(t, (np.full(5, 50.0), "mg/m3"), (np.full(5, 2e5), "m3/h"), (np.full(5, 10.0), "kg/h"))
    assert not rate.found
    water = identities.mass(t, (np.full(5, 40.0), "mg/L"), (np.full(5, 10.0), "L/s"), (np.full(5, 400.0), "mg/s"))
    assert not water.found
    off = identities.mass(t, (np.full(5, 40.0), "mg/L"), (np.full(5, 10.0), "L/s"), (np.full(5, 400.0), "g/h"))
    assert off.found
    backwards = identities.mass(t, (np.ones(5), "mg/L"), (np.full(5, -1.0), "L/s"), (np.ones(5), "g/h"))
    assert (backwards.invalid, backwards.points) == (5, 0)


def test_parts_and_wholes():
    t = np.arange(8) * HOUR
    total = np.full(8, 10.0)
    ammonia = np.array([9.0, 10.1, 10.5, 11.0, 12.0, 9.0, 10.5, 10.5])
    found = identities.at_most(t, ammonia, total, "ammonia within total nitrogen")
    assert [(one.span, one.points, one.value) for one in found.breaches] == [(Span(2 * HOUR, 4 * HOUR), 3, 12.0)]
    sums = identities.parts_at_most(t, [ammonia * 0.4, ammonia * 0.4], total)
    assert not sums.found
    assert identities.parts_at_most(t, [ammonia, ammonia], total).breaches[0].points == 8


def test_a_gap_or_a_missing_number_ends_a_breach():
    t = np.arange(8) * HOUR
    t[4:] += 30 * DAY
    part, whole = np.full(8, 12.0), np.full(8, 10.0)
    assert [one.points for one in identities.at_most(t, part, whole, "x").breaches] == [4, 4]
    part[1] = np.nan
    assert [one.points for one in identities.at_most(t, part, whole, "x").breaches] == [4]
    shuffled = np.array([3, 1, 0, 2, 7, 6, 5, 4])
    assert identities.at_most(t[shuffled], part[shuffled], whole, "x") == identities.at_most(t, part, whole, "x")


def test_nothing_expected_and_something_said_is_a_breach():
    finding = identities.at_most(np.arange(3) * HOUR, np.ones(3), np.zeros(3), "x")
    assert finding.found
    assert finding.statistic == 1.0
