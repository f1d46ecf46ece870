"""Worked examples: what follows from other factors of the same row."""

import pytest

from services.detection.domain.relations import conversion, mass, parts
from tests.detection.domain.relations.rows import broken, make_rows, mark

ZS = "a21026-Zs"


def test_converted_value_is_recomputed_from_oxygen():
    # Coal: 40 mg/m3 at 8 % O2 and a reference of 6 % is 40 x 15 / 13 = 46.15.
    rows = make_rows({"a21026": [40.0] * 3, "a19001": [8.0] * 3, ZS: [46.15, 46.9, 44.0]})

    assert broken(conversion.RELATION, rows, ZS) == [0, 0, 1]
    assert mark(conversion.RELATION, rows)[ZS].reference == pytest.approx(46.1538, abs=1e-4)


def test_a_trade_with_several_reference_oxygens_is_held_against_the_nearest():
    # Oil or gas, 3 %: 40 x 18 / 13 = 55.38; a gas turbine, 15 %: 40 x 6 / 13 = 18.46.
    rows = make_rows({"a21026": [40.0] * 3, "a19001": [8.0] * 3, ZS: [55.38, 18.46, 50.0]})

    assert broken(conversion.RELATION, rows, ZS) == [0, 0, 1]


def test_conversion_judges_nothing_without_reference_and_nothing_near_air():
    strange = make_rows({"a21026": [40.0], "a19001": [8.0], ZS: [99.0]}, trade="paper")
    near_air = make_rows({"a21026": [40.0] * 4, "a19001": [19.5, 21.0, 22.0, None], ZS: [99.0] * 4})
    marked = make_rows({"a21026": [40.0] * 2, "a19001": [8.0] * 2, ZS: [99.0] * 2}, {"a19001": "CM"})

    assert mark(conversion.RELATION, strange) == {}
    assert broken(conversion.RELATION, near_air, ZS) == [None] * 4
    assert broken(conversion.RELATION, marked, ZS) == [None] * 2


def test_mass_is_concentration_times_flow_times_the_hour():
    # 20 mg/m3 x 50 m3/s x 3600 s = 3.6 kg; 30 mg/L x 10 L/s x 3600 s = 1.08 kg.
    gas = make_rows({"a21026": [20.0] * 3, "a00000": [50.0] * 3, "a21026-Cou": [3.6, 3.7, 3.3]})
    water = make_rows({"w01018": [30.0], "w00000": [10.0], "w01018-Cou": [1.08]})

    assert broken(mass.RELATION, gas, "a21026-Cou") == [0, 0, 1]
    assert broken(mass.RELATION, water, "w01018-Cou") == [0]


def test_mass_reads_the_units_that_are_registered():
    # 20 mg/m3 x 180,000 m3/h = 3.6 kg = 3,600 g.
    units = {"a00000": "m³/h", "a21026-Cou": "g"}
    rows = make_rows({"a21026": [20.0], "a00000": [180_000.0], "a21026-Cou": [3600.0]}, units=units)
    unknown = make_rows({"a21026": [20.0], "a00000": [5.0], "a21026-Cou": [9.0]}, units={"a00000": "Nm"})

    assert broken(mass.RELATION, rows, "a21026-Cou") == [0]
    assert mark(mass.RELATION, unknown) == {}


def test_mass_allows_what_the_last_digits_leave_open():
    # 0.01 mg/m3 x 1 m3/s x 3600 s = 0.000036 kg, sent as 0.00004 in steps of 0.00001.
    values = {"a21026": [0.01], "a00000": [1.0], "a21026-Cou": [0.00004]}

    assert broken(mass.RELATION, make_rows(values), "a21026-Cou") == [1]
    assert broken(mass.RELATION, make_rows(values, resolution=0.00001), "a21026-Cou") == [0]


def test_ammonia_above_total_nitrogen_accuses_the_stranger_of_the_two():
    usual = {"w21003": 2.0, "w21001": 10.0}
    low_total = make_rows({"w21003": [2.0, 2.0], "w21001": [1.5, 10.0]}, usual=usual)
    high_part = make_rows({"w21003": [14.0], "w21001": [10.0]}, usual=usual)

    assert broken(parts.RELATION, low_total, "w21001") == [1, 0]
    assert broken(parts.RELATION, low_total, "w21003") == [0, 0]
    assert broken(parts.RELATION, high_part, "w21003") == [1]


def test_parts_within_a_tenth_are_in_order():
    rows = make_rows({"w01017": [10.5, 11.5], "w01018": [10.0, 10.0]})

    assert broken(parts.RELATION, rows, "w01017") == [0, 1]


def test_volumes_have_no_mass_and_metals_only_with_their_units():
    volume = make_rows({"w00000": [10.0], "w00000-Cou": [36.0], "a19001": [8.0], "a19001-Zs": [9.0]})
    # 50 ug/L x 10 L/s x 3600 s = 1.8 g.
    values = {"w20115": [50.0], "w00000": [10.0], "w20115-Cou": [1.8]}
    bare, told = make_rows(values), make_rows(values, units={"w20115": "μg/L", "w20115-Cou": "g"})

    assert mark(mass.RELATION, volume) == mark(conversion.RELATION, volume) == mark(mass.RELATION, bare) == {}
    assert broken(mass.RELATION, told, "w20115-Cou") == [0]
