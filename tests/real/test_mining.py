"""The mining bench on real series: what honest data show, and that planted copies come out first.

Measured when written: of 120 windows of 2,000 hours of a turbine that may be judged, 35 have uneven digits. Of 24
years of stacks at limits set at arbitrary quantiles none bunches as it is, 14 once their peaks are shaved.
"""

import csv
import gzip
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from services.detection.domain.mining.digits import report_digits
from services.detection.domain.mining.limits import Bins, report_bunching
from services.detection.domain.mining.pairs import find_twins
from services.detection.domain.mining.peers import report_peers
from services.detection.domain.mining.repeats import find_repeats
from services.detection.domain.mining.shapes import SLACK, fit, frame_of, shape_of
from services.detection.domain.surveys.finding import Unjudged
from services.detection.domain.surveys.series import Series, make_series

FOLDER = Path(__file__).parents[3] / "shared" / "data"
TURBINE = FOLDER / "uci_gas_turbine_co_nox_2011_2015.csv.gz"
STACKS = FOLDER / "epa_cems_2007_4units.csv.gz"
PLANT = FOLDER / "tilburg_wwtp_15min.csv.gz"
UNITS = ("GA_703-2BLR", "GA_703-3BLR", "NC_2727_3", "WV_Mitchell_1")
HOUR = 3600

pytestmark = pytest.mark.skipif(
    not all(file.exists() for file in (TURBINE, STACKS)), reason="real data of ../shared/data is absent"
)


@cache
def read(file: Path) -> list[dict[str, str]]:
    with gzip.open(file, "rt") as lines:
        return list(csv.DictReader(lines))


def hours(v: np.ndarray, first: int = 0) -> Series:
    return make_series((np.arange(len(v)) + first) * HOUR, v)


def turbine(column: str) -> np.ndarray:
    return np.array([float(row[column]) for row in read(TURBINE)])


def stack(unit: str, column: str) -> Series:
    v = np.array([float(row[column]) for row in read(STACKS) if row["source_file"] == unit])
    v[v == -9] = np.nan
    return hours(v)


def stacks(column: str) -> list[Series]:
    return [stack(unit, column) for unit in UNITS]


def test_honest_stacks_are_no_twins_and_a_scaled_copy_comes_first():
    series = [one for column in ("noxrate_lb_mmbtu", "heat_mmbtu_h", "gload_mw") for one in stacks(column)]
    honest = find_twins(series, HOUR)
    # Heat and load of one unit follow one fire; none of them is one series.
    assert max(pair.judged.statistic for pair in honest.pairs) < 0.99
    source = series[2]
    found = find_twins([*series, make_series(source.t, np.round(0.7 * source.v + 1, 4))], HOUR)
    assert (found.pairs[0].one, found.pairs[0].other, found.pairs[0].judged.found) == (2, len(series), True)
    assert found.pairs[0].judged.scale == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize("column", ["NOX", "CO"])
def test_a_year_of_the_turbine_repeats_nothing_and_a_planted_copy_is_the_only_one(column: str):
    v = turbine(column)[:8760]
    assert find_repeats(hours(v), HOUR).total == 0
    v[6000:6048] = v[3000:3048]
    (one,) = find_repeats(hours(v), HOUR).found
    assert (one.exact, one.original.start, one.copy.start, one.points) == (True, 3000 * HOUR, 6000 * HOUR, 48)


def test_a_copy_under_noise_is_told_with_its_distance():
    v = turbine("NOX")[:8760]
    v[6000:6048] = v[3000:3048] + np.random.default_rng(2).normal(0, 0.3, 48)
    (near,) = find_repeats(hours(v), HOUR).found
    assert not near.exact
    assert near.copy.start - near.original.start == 3000 * HOUR
    assert 0.3 < near.distance < 0.9


def test_digits_of_coarse_honest_series_are_shown_and_not_judged():
    judged = fired = coarse = 0
    for column in ("TEY", "CDP", "TAT", "CO", "NOX", "AT", "AP", "AH"):
        for first in range(0, 30_000, 2000):
            report = report_digits(hours(turbine(column)[first : first + 2000]))
            judged += report.judged.unjudged is None
            fired += report.judged.found
            coarse += report.judged.unjudged is not None
            assert report.counts is not None
            assert report.counts.sum() == report.judged.points
    # Honest windows fire: the reason why digits only rank.
    assert (judged, fired, coarse) == (120, 35, 0)


def test_stacks_do_not_bunch_unless_their_peaks_are_shaved():
    honest = shaved = 0
    for series in (*stacks("noxrate_lb_mmbtu"), *stacks("so2mass_lb_h")):
        v = series.v[series.v > 0]
        for limit in (float(np.quantile(v, quantile)) for quantile in (0.5, 0.8, 0.95)):
            less = v.copy()
            over = (v > limit) & (v <= 1.06 * limit)
            less[over] = limit * (1 - np.random.default_rng(3).uniform(0.001, 0.019, int(over.sum())))
            for values in (v, less):
                report = report_bunching(hours(values), np.full(len(values), limit))
                assert isinstance(report, Bins)
                honest += report.judged.found and values is v
                shaved += report.judged.found and values is less
    assert (honest, shaved) == (0, 14)


def test_peers_of_four_stacks_are_too_few_to_say_z_and_their_boxes_stand():
    peers = report_peers(stacks("noxrate_lb_mmbtu"))
    assert [one.unjudged is not None and one.quantiles is not None for one in peers] == [True] * 4


def test_the_shape_of_a_start_up_finds_another_start_up():
    load = stack(UNITS[0], "gload_mw")
    v = np.nan_to_num(np.interp(np.arange(8760) * HOUR, load.t, load.v))
    starts = [i for i in range(60, 8700) if v[i] > 20 and (v[i - 12 : i] <= 20).all() and (v[i : i + 12] > 20).all()]
    assert len(starts) >= 3
    frames = [frame_of(i * HOUR, (i + 12) * HOUR, HOUR, 1e9) for i in starts]
    query = shape_of(hours(v), frames[0], HOUR)
    assert not isinstance(query, Unjudged)

    def apart(frame_start: int) -> float:
        wider = shape_of(hours(v), frame_of(frame_start * HOUR, (frame_start + 12) * HOUR, HOUR, 1e9), HOUR, SLACK)
        assert not isinstance(wider, Unjudged)
        return fit(query, wider).distance

    others = [apart(start) for start in starts[1:]]
    ordinary = [apart(start) for start in range(500, 8000, 250) if min(abs(start - one) for one in starts) > 60]
    assert np.median(others) < 0.7 * np.median(ordinary)


@pytest.mark.skipif(not PLANT.exists(), reason="real data of ../shared/data (water plant) is absent")
def test_a_water_plant_of_quarter_hours_repeats_nothing_exactly():
    rows = read(PLANT)[:20_000]
    for name in ("Q_inf", "NO3", "NH4", "DO_1"):
        v = np.array([float(row[name]) if row[name] else np.nan for row in rows])
        assert find_repeats(make_series(np.arange(len(v)) * 900, v), 900).total == 0, name
