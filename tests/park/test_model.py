"""The virtual park: the same time gives the same value, and faults do what they say."""

from datetime import UTC, datetime

import numpy as np
import pytest

from park.demo import LIVE_HORIZON, load
from park.model import HOUR, MINUTE, Event, EventKind, FactorModel, OutletModel, grid, rows, wander

LOADED = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
ZERO = int(LOADED.timestamp())
COD = FactorModel("w01018", "mg/L", base=40, resolution=0.1, upper=80)


def outlet(*events: Event) -> OutletModel:
    return OutletModel("E-1", "DW001", "口", "outlet", "water", "MN", "PW", (COD,), events=events)


def test_any_cut_of_time_gives_the_same_values():
    whole = grid(ZERO, ZERO + 6 * HOUR, MINUTE)
    model = outlet()
    parts = [model.minutes(whole[i : i + 37])["w01018"] for i in range(0, len(whole), 37)]

    assert np.array_equal(np.concatenate(parts), model.minutes(whole)["w01018"])


def test_an_hour_is_the_mean_of_its_minutes():
    model = outlet()
    hours = model.hours(grid(ZERO, ZERO + 3 * HOUR, HOUR))["w01018"]
    minutes = model.minutes(grid(ZERO, ZERO + 3 * HOUR, MINUTE))["w01018"].reshape(3, 60)

    assert np.allclose(hours, minutes.mean(axis=1), atol=0.051)


def test_an_hour_with_fewer_than_45_minutes_is_missing():
    for minutes, present in ((15, True), (16, False)):
        model = outlet(Event(EventKind.DROP, ("w01018",), ZERO, ZERO + minutes * MINUTE))
        assert np.isfinite(model.hours(grid(ZERO, ZERO + HOUR, HOUR))["w01018"])[0] == present


def test_values_keep_to_the_step_of_the_analyser():
    values = outlet().minutes(grid(ZERO, ZERO + HOUR, MINUTE))["w01018"]

    assert np.array_equal(values, np.round(values, 1))


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [(EventKind.HOLD, 0.75, 30.0), (EventKind.SPIKE, 5.0, 200.0), (EventKind.DROP, 1.0, None)],
)
def test_an_event_changes_its_span_only(kind: EventKind, size: float, expected: float | None):
    times = grid(ZERO, ZERO + 3 * HOUR, MINUTE)
    event = Event(kind, ("w01018",), ZERO + HOUR, ZERO + 2 * HOUR, size)
    honest, changed = outlet().minutes(times)["w01018"], outlet(event).minutes(times)["w01018"]
    inside = (times >= event.start) & (times < event.end)

    assert np.array_equal(honest[~inside], changed[~inside])
    assert np.isnan(changed[inside]).all() if expected is None else (changed[inside] == expected).all()


def test_rows_leave_out_what_is_not_sent():
    times = np.array([0, 60, 120])
    values = {"a": np.array([1.0, np.nan, 3.0]), "b": np.array([np.nan, np.nan, 4.0])}

    assert rows(values, times) == [(0, {"a": 1.0}), (120, {"a": 3.0, "b": 4.0})]


def test_wander_is_smooth_and_bounded():
    values = wander(7, np.arange(0, 10 * HOUR, MINUTE), HOUR)

    assert np.abs(values).max() <= 1
    assert np.abs(np.diff(values)).max() < 0.06


def test_the_demo_park_is_whole():
    park = load()

    assert (len(park.enterprises), len(park.outlets)) == (12, 20)
    assert len({outlet.model.mn for outlet in park.outlets.values()}) == 20
    assert all(len(outlet.model.mn) == 24 for outlet in park.outlets.values())
    assert {row["outlet"] for row in (*park.events, *park.live)} <= set(park.outlets)


def test_honest_hours_stay_under_their_limits_and_injected_ones_do_not():
    park = load()
    over: dict[str, int] = {}
    for key, model in park.anchored(LOADED).items():
        hours = model.hours(grid(ZERO - 14 * 24 * HOUR, ZERO - HOUR, HOUR))
        for factor in model.factors:
            if factor.upper is not None and (count := int((hours[factor.code] > factor.upper).sum())):
                over[f"{key} {factor.code}"] = count

    assert set(over) == {f"{row['outlet']} {row['factors'][0]}" for row in park.events if row["kind"] == "raise"}
    assert all(1 <= count <= 6 for count in over.values())


def test_live_events_begin_after_the_history_and_repeat():
    models = load().anchored(LOADED)
    future = [event for event in models["E-004/DA001"].events if event.start > ZERO]

    assert len(future) == LIVE_HORIZON
    assert future[1].start - future[0].start == 31 * HOUR


def test_no_times_give_no_values():
    none = grid(ZERO + 1, ZERO + 2, HOUR)

    assert [len(values) for values in (outlet().hours(none)["w01018"], outlet().minutes(none)["w01018"])] == [0, 0]
