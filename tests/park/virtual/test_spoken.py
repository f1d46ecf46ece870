"""An outlet of the virtual park stands where the live park's outlets stand."""

import numpy as np

from park.model import HOUR, MINUTE, OutletModel, grid, rows
from park.virtual.build import START, build
from park.virtual.spoken import spoken

PARK = build(3, 16, hours=24 * 90)


def test_an_outlet_tells_the_hours_and_minutes_of_its_park():
    truth = next(truth for truth in PARK.truths if truth.kind in ("stuck", "zero", "step", "slope_changed"))
    outlet = spoken(PARK, truth.outlet, "123456")
    times = grid(truth.start - 5 * HOUR, truth.start + 4 * HOUR, HOUR)
    part = slice((int(times[0]) - START) // HOUR, (int(times[-1]) - START) // HOUR + 1)

    assert isinstance(outlet, OutletModel)
    assert (len(outlet.mn), outlet.system) == (24, "31" if outlet.medium == "gas" else "32")
    hours, minutes = outlet.hours(times), outlet.minutes(grid(int(times[0]), int(times[-1]) + HOUR, MINUTE))
    assert set(hours) == set(minutes) == {factor.code for factor in outlet.factors}
    for code, values in hours.items():
        column = PARK.outlets[truth.outlet].columns[code]
        assert np.array_equal(values, np.where(column.usable[part], column.v[part], np.nan), equal_nan=True)
        assert len(minutes[code]) == 9 * 60
    assert rows(hours, times)[0][0] == int(times[0])


def test_no_times_give_no_values():
    outlet = spoken(PARK, "V-001/DA001", "123456")

    assert {len(values) for values in outlet.minutes(grid(START + 1, START + 2, HOUR)).values()} == {0}
