"""Surveys on real series: what honest turbines and stacks do, and what injected fraud does to them.

Measured when written: the turbine has no exact copy of 12 hours in five years of NOx or CO, nearest noisy
neighbour 2.6 (NOx) and 2.3 (CO) of a year against 1.47. Of windows of 2,000 hours of four stacks at limits
set at arbitrary quantiles, 5 of 140 bunch at z > 30 (median z 1.9, 95 % 74). Last digits of 28 of 57
windows of 2,000 hours with sd/r of 30 and more are uneven at 1e-6: evidence to rank by, never to act on.
Heat and load, the last five months held against the first seven: one honest unit of four loses its
correlation with the season, and two weeks of heat sent again are found on two of four.
"""

import csv
import gzip
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from services.detection.domain.surveys import noisy_replay, replay
from services.detection.domain.surveys.bunching import survey_bunching
from services.detection.domain.surveys.correlation import survey_correlation
from services.detection.domain.surveys.last_digit import survey_last_digit
from services.detection.domain.surveys.series import Series, make_series
from services.detection.domain.surveys.smoothness import survey_smoothness
from services.detection.domain.surveys.twins import survey_twins

FOLDER = Path(__file__).parents[3] / "shared" / "data"
TURBINE = FOLDER / "uci_gas_turbine_co_nox_2011_2015.csv.gz"
STACKS = FOLDER / "epa_cems_2007_4units.csv.gz"
UNITS = ("GA_703-2BLR", "GA_703-3BLR", "NC_2727_3", "WV_Mitchell_1")
HOUR = 3600

pytestmark = pytest.mark.skipif(
    not (TURBINE.exists() and STACKS.exists()), reason="real data of ../shared/data (gas turbine, stacks) is absent"
)


@cache
def read(file: Path) -> list[dict[str, str]]:
    with gzip.open(file, "rt") as lines:
        return list(csv.DictReader(lines))


def turbine(column: str) -> np.ndarray:
    return np.array([float(row[column]) for row in read(TURBINE)])


def hours(v: np.ndarray) -> Series:
    return make_series(np.arange(len(v)) * HOUR, v)


def stack(unit: str, column: str, first: int = 0, end: int = 8760) -> Series:
    v = np.array([float(row[column]) for row in read(STACKS) if row["source_file"] == unit])
    v[v == -9] = np.nan
    return make_series(np.arange(first, min(end, len(v))) * HOUR, v[first:end])


@pytest.mark.parametrize("column", ["NOX", "CO"])
@pytest.mark.parametrize("window", [12, 24])
def test_replay_into_the_turbine(column: str, window: int):
    v = turbine(column)
    chosen = replay.Settings(window)
    assert not replay.survey_replay(hours(v), HOUR, settings=chosen).found
    v[6000:6048] = v[3000:3048]
    found = replay.survey_replay(hours(v), HOUR, settings=chosen)
    assert found.statistic == {12: 37, 24: 25}[window]
    assert [(one.copy.start, one.points) for one in found.pairs] == [(6000 * HOUR, 48)]


def test_noise_hides_a_replay_from_the_exact_search_only():
    v = turbine("NOX")[:8760]
    assert not noisy_replay.survey_noisy_replay(hours(v), HOUR).found
    v[6000:6048] = v[3000:3048] + np.random.default_rng(1).normal(0, 0.3, 48)
    assert not replay.survey_replay(hours(v), HOUR, settings=replay.Settings(12)).found
    found = noisy_replay.survey_noisy_replay(hours(v), HOUR)
    assert 0.3 < found.statistic < 0.9
    assert len(found.pairs) == 1
    assert found.pairs[0].copy.start - found.pairs[0].original.start == 3000 * HOUR


def test_start_up_peaks_of_carbon_monoxide_are_no_replay():
    assert not noisy_replay.survey_noisy_replay(hours(turbine("CO")[:8760]), HOUR).found


def test_bunching_of_stacks_at_arbitrary_limits():
    scores, fired, judged = [], 0, 0
    for unit in UNITS:
        for column in ("noxrate_lb_mmbtu", "so2mass_lb_h"):
            for first in (0, 2000, 4000):
                v = stack(unit, column, first, first + 2000).v
                v = v[v > 0]
                for quantile in (0.5, 0.8, 0.95) if len(v) > 1000 else ():
                    found = survey_bunching(hours(v), float(np.quantile(v, quantile)))
                    judged += found.unjudged is None
                    fired += found.found
                    scores.append(found.statistic)
    assert judged >= 50
    assert abs(float(np.nanmedian(scores))) < 5
    assert fired <= 0.08 * judged


def test_smoothed_nox_is_found():
    v = turbine("NOX")
    before, after = hours(v[:7000]), v[7000:9000]
    assert not survey_smoothness(hours(after), before, HOUR).found
    assert survey_smoothness(hours(np.convolve(after, np.ones(5) / 5, "valid")), before, HOUR).statistic < 0.7


def test_heat_sent_again_for_two_weeks_no_longer_follows_the_load():
    unit = UNITS[0]
    past = (stack(unit, "heat_mmbtu_h", 0, 5000), stack(unit, "gload_mw", 0, 5000))
    heat, load = stack(unit, "heat_mmbtu_h", 5000), stack(unit, "gload_mw", 5000)
    assert not survey_correlation((heat, load), past).found
    v = heat.v.copy()
    v[800:1136] = v[300:636]
    lost = survey_correlation((make_series(heat.t, v), load), past)
    assert lost.found
    assert lost.statistic < 0


@pytest.mark.parametrize("column", ["gload_mw", "noxrate_lb_mmbtu"])
def test_units_of_plants_are_no_twins(column: str):
    for one, other in combinations(UNITS, 2):
        found = survey_twins(stack(one, column), stack(other, column), HOUR)
        assert found.unjudged is None
        assert found.statistic < 0.7


def test_digits_of_a_stack_are_even_where_the_instrument_gives_them_so():
    even = survey_last_digit(stack("NC_2727_3", "noxmass_lb_h"))
    assert not even.found
    assert even.entropy > 3.3
    # Loads are whole megawatts that operators choose: honest, and uneven.
    assert survey_last_digit(stack("NC_2727_3", "gload_mw")).found
