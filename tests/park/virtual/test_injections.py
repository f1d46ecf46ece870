"""Injected events: each kind changes what its truth says, and nothing else in the park."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest

from park.model import DAY, HOUR
from park.virtual.build import REPORTING_SEED, START, TUNING_SEED, build, honest, window
from park.virtual.columns import CONVERTED, Column, Role, Truth, VirtualOutlet, VirtualPark
from park.virtual.injections.apply import function_of
from park.virtual.injections.kinds import Kind, Strength, kinds
from park.virtual.injections.placement import BETWEEN
from park.virtual.plan import LOAD, OXYGEN, POWER, TREATMENT_POWER
from shared.contracts.detection import Nature

SEED, OUTLETS = 9, 48


class Parks(NamedTuple):
    plain: VirtualPark
    made: VirtualPark

    def rows(self, truth: Truth) -> slice:
        return slice(*((moment - START) // HOUR for moment in (truth.start, truth.end)))

    def of(self, kind: str) -> list[Truth]:
        return [truth for truth in self.made.truths if truth.kind == kind]

    def values(self, truth: Truth, code: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Honest values, made values, made flags of the span."""
        plain, made = (park.outlets[truth.outlet].columns[code] for park in self)
        rows = self.rows(truth)
        return plain.v[rows], made.v[rows], made.flags[rows]


@pytest.fixture(scope="module")
def parks() -> Parks:
    return Parks(honest(SEED, OUTLETS), build(SEED, OUTLETS))


def changed(plain: Column, made: Column) -> np.ndarray:
    same = (plain.v == made.v) | (np.isnan(plain.v) & np.isnan(made.v))
    return ~(same & (plain.flags == made.flags))


def test_every_kind_of_the_table_has_its_function_and_its_place():
    table = kinds()

    assert len(table) >= 40
    assert {kind.nature for kind in table.values()} == set(Nature)
    assert all(kind.nature is Nature.SUSPECTED_FRAUD for kind in table.values() if kind.fraud)
    for kind in table.values():
        assert callable(function_of(kind))
        assert kind.checks
        assert kind.name_zh
        assert kind.name_en
        assert kind.min_hours >= 1


def test_seeds_for_tuning_and_reporting_differ():
    assert TUNING_SEED != REPORTING_SEED


def test_every_kind_comes_at_every_strength(parks: Parks):
    assert {(truth.kind, truth.strength) for truth in parks.made.truths} == {
        (kind, strength) for kind in kinds() for strength in Strength
    }


def test_the_same_seed_gives_the_same_truth_and_bytes(parks: Parks):
    again = build(SEED, OUTLETS)

    assert again.truths == parks.made.truths
    for key, outlet in again.outlets.items():
        for code, column in outlet.columns.items():
            assert column.v.tobytes() == parks.made.outlets[key].columns[code].v.tobytes()
            assert column.flags.tobytes() == parks.made.outlets[key].columns[code].flags.tobytes()


def test_events_keep_apart_and_leave_a_month_before(parks: Parks):
    by_outlet: dict[str, list[Truth]] = {}
    for truth in parks.made.truths:
        by_outlet.setdefault(truth.outlet, []).append(truth)
        assert truth.start >= START + 30 * DAY
        assert truth.end <= int(parks.made.t[-1]) + HOUR
        assert truth.end - truth.start == kinds()[truth.kind].hours[Strength(truth.strength)] * HOUR
    for truths in by_outlet.values():
        truths.sort(key=lambda truth: truth.start)
        assert all(later.start - earlier.end >= BETWEEN for earlier, later in pairwise(truths))


@pytest.mark.parametrize("kind", kinds().values(), ids=lambda kind: kind.code)
def test_a_kind_changes_its_span_and_factors(parks: Parks, kind: Kind):
    for truth in parks.of(kind.code):
        outlet, rows = parks.plain.outlets[truth.outlet], parks.rows(truth)
        found = {
            code
            for code, column in outlet.columns.items()
            if changed(column, parks.made.outlets[truth.outlet].columns[code])[rows].any()
        }
        assert found == set(truth.touched)
        assert set(truth.factors) <= found
        followers = set(outlet.of(Role.CONVERTED, Role.MASS)) if kind.derived else set()
        assert found - set(truth.factors) <= followers | {TREATMENT_POWER}
        if kind.code != "treatment_off":
            assert TREATMENT_POWER not in found


def test_nothing_changes_outside_the_truths(parks: Parks):
    for key, outlet in parks.plain.outlets.items():
        for code, column in outlet.columns.items():
            allowed = np.zeros(len(parks.plain.t), dtype=bool)
            for truth in parks.made.truths:
                if truth.outlet == key and code in truth.touched:
                    allowed[parks.rows(truth)] = True
            assert not (changed(column, parks.made.outlets[key].columns[code]) & ~allowed).any(), (key, code)


def _limit(outlet: VirtualOutlet, code: str) -> tuple[str, float]:
    judged = code + CONVERTED if code + CONVERTED in outlet.columns else code
    upper = outlet.columns[judged].instrument.upper
    assert upper is not None
    return judged, upper


def _over(parks: Parks, truth: Truth) -> float:
    judged, upper = _limit(parks.made.outlets[truth.outlet], truth.factors[0])
    _, v, flags = parks.values(truth, judged)
    return float((v[flags == ord("N")] > upper).mean())


def _runs(v: np.ndarray) -> int:
    edges = np.flatnonzero(np.concatenate(([True], np.diff(v) != 0, [True])))
    return int(np.diff(edges).max())


def _one(parks: Parks, truth: Truth) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    plain, made, flags = parks.values(truth, truth.factors[0])
    rows = np.isfinite(plain) & (flags == ord("N"))
    return plain[rows], made[rows], flags


def _oxygen_rises(parks: Parks, truth: Truth) -> bool:
    plain, made, _ = parks.values(truth, OXYGEN)
    gas, thin, _ = parks.values(truth, "a21002")
    rows = np.isfinite(plain) & np.isfinite(gas) & (plain != made)
    return bool((made[rows] > plain[rows]).all() and (thin[rows] < gas[rows]).all())


def _replayed(parks: Parks, truth: Truth) -> bool:
    column = parks.plain.outlets[truth.outlet].columns[truth.factors[0]]
    rows, (_, made, flags) = parks.rows(truth), parks.values(truth, truth.factors[0])
    for days in range(1, 20):
        past = slice(rows.start - 24 * days, rows.stop - 24 * days)
        usable = column.usable[past] & (flags == ord("N"))
        if usable.any() and np.array_equal(column.v[past][usable], made[usable]):
            return True
    return False


def _produces(parks: Parks, truth: Truth) -> bool:
    columns = parks.made.outlets[truth.outlet].columns
    rows = parks.rows(truth)
    return bool((columns[LOAD].v[rows] > 0).mean() > 0.95 and columns[POWER].v[rows].min() > 0)


SHOWS: dict[str, Callable[[Parks, Truth], bool]] = {
    "exceed_hour": lambda p, t: _over(p, t) == 1,
    "exceed_day": lambda p, t: _over(p, t) == 1,
    "creep": lambda p, t: _over(p, t) > 0,
    "stuck": lambda p, t: len(np.unique(_one(p, t)[1])) == 1,
    "low_variance": lambda p, t: _one(p, t)[1].std() < 0.3 * _one(p, t)[0].std(),
    "zero": lambda p, t: (_one(p, t)[1] == 0).all(),
    "negative": lambda p, t: (_one(p, t)[1] < 0).all(),
    "spike_single": lambda p, t: (_one(p, t)[0] != _one(p, t)[1]).sum() == 1,
    "spike_double": lambda p, t: (_one(p, t)[0] != _one(p, t)[1]).sum() == 2,
    "spike_cluster": lambda p, t: (_one(p, t)[0] != _one(p, t)[1]).sum() >= 2,
    "step": lambda p, t: np.ptp(_one(p, t)[1] - _one(p, t)[0]) < 0.1 * (_one(p, t)[1] - _one(p, t)[0]).min(),
    "noise_up": lambda p, t: np.abs(np.diff(_one(p, t)[1])).mean() > np.abs(np.diff(_one(p, t)[0])).mean(),
    "over_range": lambda p, t: ord("T") in _one(p, t)[2],
    "missing_factor": lambda p, t: (p.values(t, t.factors[0])[2] == 0).all(),
    "missing_all": lambda p, t: all((p.values(t, code)[2] == 0).all() for code in t.factors),
    "intermittent": lambda p, t: 0.15 < (p.values(t, t.factors[0])[2] == 0).mean() < 0.85,
    "replaced_constant": lambda p, t: len(np.unique(_one(p, t)[1])) == 1,
    "software_cap": lambda p, t: (_one(p, t)[1] == _one(p, t)[1].max()).mean() > 0.3,
    "range_lock": lambda p, t: (_one(p, t)[1] == _one(p, t)[1].max()).mean() > 0.1,
    "slope_changed": lambda p, t: (_one(p, t)[1] < _one(p, t)[0]).all(),
    "intercept_changed": lambda p, t: (_one(p, t)[1] < _one(p, t)[0]).all(),
    "smoothed": lambda p, t: np.diff(_one(p, t)[1], 2).var() < np.diff(_one(p, t)[0], 2).var(),
    "hugging": lambda p, t: _over(p, t) == 0 and _one(p, t)[1].mean() > 0,
    "deleted_bad": lambda p, t: _over(p, t) < 0.01 and (p.values(t, t.factors[0])[2] == 0).mean() > 0.1,
    "dilution": _oxygen_rises,
    "air_inlet": _oxygen_rises,
    "replay_exact": _replayed,
    "oxygen_pinned": lambda p, t: _one(p, t)[1].std() < 0.1,
    "mass_mismatch": lambda p, t: _one(p, t)[1].sum() < 0.95 * _one(p, t)[0].sum(),
    "marked_stopped": lambda p, t: ord("F") in p.values(t, t.factors[0])[2] and _produces(p, t),
    "false_maintenance": lambda p, t: ord("M") in p.values(t, t.factors[0])[2] and _over(p, t) > 0,
    "monitor_off": _produces,
    "furnace_cold": lambda p, t: (_one(p, t)[1] < 850).all(),
    "calibration_overdue": lambda p, t: ord("C") not in p.values(t, t.touched[0])[2],
    "mark_late": lambda p, t: ord("M") in p.values(t, t.factors[0])[2],
}


@pytest.mark.parametrize("kind", SHOWS)
def test_a_kind_shows_what_its_name_says(parks: Parks, kind: str):
    truths = parks.of(kind)
    assert truths
    for truth in truths:
        assert SHOWS[kind](parks, truth), truth


def test_minutes_hold_the_same_events(parks: Parks):
    for kind in ("stuck", "exceed_hour", "missing_all", "air_inlet", "marked_stopped", "intermittent"):
        truth = parks.of(kind)[0]
        since, until = truth.start - 6 * HOUR, truth.end + 6 * HOUR
        made = window(parks.made, since, until, [truth.outlet])
        plain = window(parks.plain, since, until, [truth.outlet])
        inside = (made.t >= truth.start) & (made.t < truth.end)

        assert (len(made.t), made.truths[0].number) == ((until - since) // 60, truth.number)
        for code, column in made.outlets[truth.outlet].columns.items():
            rows = changed(plain.outlets[truth.outlet].columns[code], column)
            assert not rows[~inside].any(), (kind, code)
            assert rows.any() == (code in made.truths[0].touched), (kind, code)
        assert set(truth.factors) <= set(made.truths[0].touched)


def test_a_window_of_hours_is_a_cut_of_the_year(parks: Parks):
    for truth in parks.made.truths[::9]:
        since, until = truth.start - 3 * HOUR, truth.start + 40 * HOUR
        rows = slice((since - START) // HOUR, (until - START) // HOUR)
        part = window(parks.made, since, until, [truth.outlet], HOUR)
        for code, column in part.outlets[truth.outlet].columns.items():
            whole = parks.made.outlets[truth.outlet].columns[code]
            assert np.array_equal(column.v, whole.v[rows], equal_nan=True), (truth, code)
            assert np.array_equal(column.flags, whole.flags[rows]), (truth, code)


def test_a_park_too_short_for_events_has_none():
    assert build(SEED, 8, hours=24 * 20).truths == ()
