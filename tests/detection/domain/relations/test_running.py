"""Worked examples: what the plant does against what its monitoring station says."""

import numpy as np
import pytest

from services.detection.domain.relations import dilution, flow_load, gap, monitor_off, oxygen, stop_run, treatment
from tests.detection.domain.relations.rows import broken, make_rows, mark

POWER, TREATMENT = "power-production", "power-treatment"
GAS = {"a21026": 20.0, "a21002": 40.0, "a00000": 100.0, "a19001": 8.0, POWER: 5000.0}


def test_oxygen_of_air_while_power_is_used():
    values = {"a19001": [20.4, 19.0, 20.4, 20.4], POWER: [4800.0, 4800.0, 100.0, None], "a00000": [100.0] * 4}
    rows = make_rows(values, usual=GAS)

    # Without a meter the flow tells that production runs.
    assert broken(oxygen.RELATION, rows, "a19001") == [1, 0, None, 1]


def test_oxygen_is_not_judged_where_air_is_usual():
    rows = make_rows({"a19001": [20.4], POWER: [4800.0]}, usual={**GAS, "a19001": 20.2})

    assert broken(oxygen.RELATION, rows, "a19001") == [None]


def test_dilution_is_oxygen_above_what_load_lets_expect_with_pollutants_down():
    # Expected 8 % by load with a stray of 0.3: four of them are 1.2 %.
    values = {
        "a19001": [12.0, 9.0, 12.0, 12.0], "a21026": [14.0, 14.0, 30.0, None], "a21002": [28.0, 28.0, 60.0, None],
        "load": [80.0] * 4,
    }  # fmt: skip
    rows = make_rows(values, usual={**GAS, "load": 80.0}, expected={("a19001", "load"): (8.0, 0.3)})

    assert broken(dilution.RELATION, rows, "a19001") == [1, 0, 0, None]


def test_marked_as_stopped_but_power_is_used():
    values = {"a21026": [20.0] * 3, "a00000": [90.0] * 3, "a19001": [8.0] * 3, POWER: [4800.0, 100.0, 4800.0]}
    rows = make_rows(values, {"a21026": "FFN"}, usual=GAS)

    assert broken(stop_run.RELATION, rows, "a00000") == [1, 0, 0]
    assert mark(stop_run.RELATION, rows)["a00000"].value[0] == pytest.approx(0.96)


def test_without_a_meter_flow_and_oxygen_tell_a_fire_from_a_fan():
    rows = make_rows(
        {"a21026": [1.0] * 3, "a00000": [90.0, 90.0, 1.0], "a19001": [8.0, 20.8, 20.8]},
        {"a21026": "FFF", "a00000": "FFF", "a19001": "FFF"},
        usual=GAS,
    )

    assert broken(stop_run.RELATION, rows, "a00000") == [1, 0, 0]


def test_water_that_flows_while_marked_as_stopped():
    rows = make_rows({"w01018": [30.0] * 2, "w00000": [10.0, 0.0]}, {"w01018": "FF"}, usual={"w00000": 12.0})

    assert broken(stop_run.RELATION, rows, "w00000") == [1, 0]


def test_monitor_off_is_every_pollutant_gone_while_power_is_used():
    values = {
        "a21026": [0.0, None, 0.0, 20.0, None], "a21002": [0.5, None, 0.5, 0.0, None],
        "a00000": [100.0, 100.0, 100.0, 100.0, None], POWER: [4800.0, 4800.0, 100.0, 4800.0, 4800.0],
    }  # fmt: skip
    absent = {"a21026": "N.NN.", "a21002": "N.NN.", "a00000": "NNNN."}
    rows = make_rows(values, absent, usual=GAS)

    # The last row has nothing from the station: a lost link, not an analyser that is off.
    assert broken(monitor_off.RELATION, rows, "a21002") == [1, 1, 0, 0, None]


def test_a_mark_says_itself_why_nothing_is_seen():
    rows = make_rows(
        {"a21026": [0.0] * 4, "a21002": [0.0] * 4, POWER: [4800.0] * 4},
        {"a21026": "MCDF", "a21002": "MCDF"},
        usual=GAS,
    )

    assert broken(monitor_off.RELATION, rows, "a21002") == [None] * 4


def test_no_meter_no_judgement():
    rows = make_rows({"a21026": [0.0], "a21002": [0.0], "a00000": [100.0]}, usual=GAS)

    assert broken(monitor_off.RELATION, rows, "a21002") == [None]


def test_flow_against_load():
    # Expected 100 with a stray of 2: the band is 12 %.
    values = {"a00000": [89.0, 87.0, 113.0, 50.0], "load": [80.0, 80.0, 80.0, 5.0]}
    rows = make_rows(values, usual={"load": 80.0}, expected={("a00000", "load"): (100.0, 2.0)})

    assert broken(flow_load.RELATION, rows, "a00000") == [0, 1, 1, None]


def test_treatment_without_power_while_production_runs():
    values = {TREATMENT: [400.0, 20.0, 20.0], POWER: [4800.0, 4800.0, 50.0]}
    rows = make_rows(values, usual=GAS, expected={(TREATMENT, POWER): (420.0, 5.0)})

    assert broken(treatment.RELATION, rows, TREATMENT) == [0, 1, None]


def test_concentration_against_load():
    # Expected 20 mg/m3 with a stray of 10 %: three strays are a factor of 1.35, more than the least of 1.3.
    values = {"a21026": [15.0, 14.0, 26.5, 27.5, 0.0], "load": [80.0] * 5}
    expected = {("ln a21026", "load"): (np.log(20.0), 0.1)}
    rows = make_rows(values, usual={"load": 80.0}, expected=expected)

    assert broken(gap.RELATION, rows, "a21026") == [0, 1, 0, 1, 1]
    assert mark(gap.RELATION, rows)["a21026"].reference[0] == pytest.approx(20.0)


def test_one_pollutant_alone_is_off_only_at_zero():
    rows = make_rows({"a21026": [None, 1.5, 0.1], "a00000": [100.0] * 3, POWER: [4800.0] * 3}, usual=GAS)

    assert broken(monitor_off.RELATION, rows, "a21026") == [0, 0, 1]
