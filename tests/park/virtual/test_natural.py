"""Natural events of the park: what went wrong by itself stands in the truth, what marks say rightly does not."""

import numpy as np
import pytest

from park.model import DAY, HOUR
from park.virtual.build import START, build, honest, window
from park.virtual.columns import NO_RECORD, Truth, VirtualPark
from park.virtual.natural import NATURAL, natural_kinds

SEED, OUTLETS = 9, 24


@pytest.fixture(scope="module")
def park() -> VirtualPark:
    return build(SEED, OUTLETS)


def rows_of(truth: Truth) -> slice:
    return slice((truth.start - START) // HOUR, max(0, (truth.end - START) // HOUR))


def test_every_kind_comes_by_itself(park: VirtualPark):
    assert {truth.kind for truth in park.natural} == set(natural_kinds())
    assert {truth.strength for truth in park.natural} == {NATURAL}
    assert all(kind.name_zh and kind.name_en and kind.checks for kind in natural_kinds().values())


def test_every_record_that_is_not_sent_has_its_truth(park: VirtualPark):
    told = {
        key: {code: np.zeros(len(park.t), dtype=bool) for code in park.outlets[key].columns} for key in park.outlets
    }
    for truth in (*park.truths, *park.natural):
        for code in truth.touched:
            told[truth.outlet][code][rows_of(truth)] = True
    for key, outlet in park.outlets.items():
        for code, column in outlet.columns.items():
            assert not ((column.flags == NO_RECORD) & ~told[key][code]).any(), (key, code)


def test_a_lost_link_touches_the_whole_station_and_what_is_computed_from_it(park: VirtualPark):
    lost = [truth for truth in park.natural if truth.kind == "link_loss"]

    assert lost
    for truth in lost:
        columns = park.outlets[truth.outlet].columns
        assert {"load", "power-production"}.isdisjoint(truth.touched)
        assert all((columns[code].flags[rows_of(truth)] == NO_RECORD).any() for code in truth.touched)
    assert max(len(truth.touched) for truth in lost) >= 8


def test_maintenance_rightly_marked_is_no_truth(park: VirtualPark):
    for key, outlet in park.outlets.items():
        marks = [truth for truth in park.natural if truth.outlet == key and truth.kind.startswith("mark_")]
        exact = {(m.start, m.end) for m in outlet.marks if m.kind == "maintenance" and m.care in {"exact", "long"}}
        assert exact.isdisjoint((truth.start, truth.end) for truth in marks)


def test_a_window_tells_the_natural_events_of_its_span():
    plain = honest(SEED, 8, hours=24 * 60)
    since, until = START + 20 * DAY, START + 40 * DAY
    part = window(plain, since, until, list(plain.outlets), HOUR)

    assert part.natural
    assert {(t.outlet, t.kind, t.start) for t in part.natural} == {
        (t.outlet, t.kind, t.start) for t in plain.natural if t.start < until and t.end > since
    }
