"""Digits, bunching and peers against data with a known truth."""

import math

import numpy as np
import pytest

from services.detection.domain.mining.digits import honest_shares, pooled_shares, report_digits
from services.detection.domain.mining.limits import Bins, report_bunching
from services.detection.domain.mining.peers import Settings, report_peers
from services.detection.domain.mining.reasons import Gap, say
from services.detection.domain.surveys.finding import Reason, Unjudged
from services.detection.domain.surveys.series import Series, make_series

HOUR = 3600


def hours(v: np.ndarray, first: int = 0) -> Series:
    return make_series((np.arange(len(v)) + first) * HOUR, v)


def honest(number: int, seed: int = 1, mean: float = 60.0, sd: float = 8.0) -> np.ndarray:
    """Unrelated normal values in steps of 0.01."""
    return np.round(np.random.default_rng(seed).normal(mean, sd, number), 2)


# -- digits --------------------------------------------------------------------------------------------


def test_even_digits_are_even_and_invented_ones_are_not():
    even = report_digits(hours(honest(4000)))
    invented = honest(4000)
    last = np.random.default_rng(2).choice([0, 3, 5, 8], len(invented), p=[0.3, 0.2, 0.3, 0.2])
    uneven = report_digits(hours(np.floor(invented * 10) / 10 + last / 100))

    assert not even.judged.found
    assert uneven.judged.found
    assert even.counts is not None
    assert uneven.counts is not None
    assert even.counts.sum() == even.judged.points
    assert uneven.counts[[1, 2, 4, 6, 7, 9]].sum() == 0


def test_digits_are_shown_though_too_coarse_to_be_judged():
    report = report_digits(hours(np.round(honest(2000, sd=8.0))))
    assert report.judged.unjudged is not None
    assert report.judged.unjudged.reason is Reason.TOO_COARSE
    assert report.counts is not None
    assert report.counts.sum() == report.judged.points


def test_pooled_shares_count_each_judged_outlet_once():
    long, short = report_digits(hours(honest(8000))), report_digits(hours(honest(600, 3)))
    pooled = pooled_shares([long, short, report_digits(hours(honest(20)))])
    assert pooled is not None
    assert long.counts is not None
    assert short.counts is not None
    assert pooled == pytest.approx((long.counts / long.counts.sum() + short.counts / short.counts.sum()) / 2)
    assert pooled_shares([]) is None


def test_the_honest_shares_cover_every_spread():
    shares = honest_shares()
    assert [one.low for one in shares[1:]] == [one.high for one in shares[:-1]]
    assert (shares[0].low, shares[-1].high) == (0, None)


# -- bunching ------------------------------------------------------------------------------------------


def shaved(limit: float, seed: int = 5) -> np.ndarray:
    """Values of which those up to 6 % above the limit were moved to just below it."""
    v = honest(8000, seed, mean=limit * 0.97, sd=limit * 0.06)
    over = (v > limit) & (v < limit * 1.06)
    v[over] = limit * (1 - np.random.default_rng(seed).uniform(0.001, 0.019, int(over.sum())))
    return v


def test_shaved_peaks_stand_out_and_bins_add_up():
    v = shaved(50.0)
    report = report_bunching(hours(v), np.full(len(v), 50.0))
    assert isinstance(report, Bins)
    assert report.judged.found
    assert report.judged.statistic > 30
    assert report.counts.sum() == report.judged.points
    assert report.zone.tolist() == [-1, 0, 1, 2]
    below = report.places.tolist().index(-1)
    assert report.counts[below] == report.judged.below
    assert report.expected is not None
    assert report.expected[below] == pytest.approx(report.judged.below_expected)


def test_each_value_is_held_against_the_limit_of_its_time():
    v, other = shaved(50.0), shaved(80.0, 6)
    both = np.concatenate([v, other])
    limits = np.concatenate([np.full(len(v), 50.0), np.full(len(other), 80.0)])
    report = report_bunching(hours(both), limits)
    assert isinstance(report, Bins)
    assert report.judged.found
    one = report_bunching(hours(both), np.full(len(both), 50.0))
    assert isinstance(one, Bins)
    assert one.counts.sum() < report.counts.sum()


def test_honest_values_do_not_bunch_and_no_limit_says_so():
    v = honest(8000, 7, 50.0, 4.0)
    report = report_bunching(hours(v), np.full(len(v), 52.0))
    assert isinstance(report, Bins)
    assert not report.judged.found
    assert report_bunching(hours(v), np.full(len(v), np.nan)) is Gap.NO_LIMIT
    assert report_bunching(hours(v), np.zeros(len(v))) is Gap.NO_LIMIT


# -- peers ---------------------------------------------------------------------------------------------


def test_the_outlet_far_from_its_trade_is_found_and_no_other():
    series = [hours(honest(500, seed, 50 + seed, 3.0)) for seed in range(6)] + [hours(honest(500, 9, 120.0, 3.0))]
    found = report_peers(series)
    assert [one.found for one in found] == [False] * 6 + [True]
    assert found[-1].z > 10
    assert found[0].quantiles == pytest.approx(tuple(np.quantile(series[0].v, [0.05, 0.25, 0.5, 0.75, 0.95])))


def test_peers_that_cannot_be_judged_say_why():
    alone = report_peers([hours(honest(500))])
    assert alone[0].unjudged == Unjudged(Reason.NO_BASELINE, 0, Settings().least_others)
    assert alone[0].quantiles is not None
    short = report_peers([hours(honest(3)), make_series([], [])])
    assert [one.unjudged.reason if one.unjudged else None for one in short] == [Reason.TOO_FEW] * 2
    alike = report_peers([hours(np.full(200, 5.0)) for _ in range(6)])
    assert {one.unjudged.reason if one.unjudged else None for one in alike} == {Reason.NO_VARIATION}
    assert not any(one.found for one in alike)


# -- words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [*Gap, *(Unjudged(reason, 3, 100) for reason in Reason)])
def test_every_reason_has_words_in_both_languages(reason: Gap | Unjudged):
    said = say(reason)
    assert said.zh
    assert said.en
    assert "{" not in said.zh + said.en
    assert said.code == (reason.value if isinstance(reason, Gap) else reason.reason.value)


def test_a_series_without_a_number_is_judged_by_nobody():
    nothing = make_series([0, HOUR], [math.nan, math.nan])
    assert report_digits(nothing).judged.unjudged is not None
    assert report_bunching(nothing, np.empty(0)) is Gap.NO_LIMIT
