"""Twins among neighbours: a planted copy is told, honest neighbours are not, nights give what a history gives."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest

from services.detection.domain.history import Line
from services.detection.domain.hits import Hit
from services.detection.domain.surveying import neighbours
from services.detection.domain.surveying.likeness import likeness, pairs
from services.detection.domain.surveying.neighbours import find_neighbour_hits, survey_neighbours
from services.detection.domain.surveying.sheet import DAY
from tests.detection.domain.makers import T0, make_rules
from tests.detection.domain.surveys.test_nights import DAYS, EVENT, HOURS, Values, make_lines, make_values

RULES = make_rules()
POLLUTANTS = ("a34013", "a21026", "a21002")
IDS = [UUID(int=number + 1) for number in range(6)]
COPY, SOURCE = 4, 1


def make_outlet(number: int, values: dict[str, Values]) -> list[Line]:
    return [replace(line, key=replace(line.key, outlet_id=IDS[number])) for line in make_lines(values)]


def make_park(factors: tuple[str, ...] = POLLUTANTS, noise: float = 0.005) -> list[list[Line]]:
    """Six outlets; the fifth sends the course of the second on its own level for a week. What an outlet emits
    follows its own load, and flow goes on to tell that.
    """
    made = [make_values(seed) for seed in range(len(IDS))]
    own = np.random.default_rng(4)
    for values in made:
        daily = 1 + 0.1 * np.cos(2 * np.pi * np.arange(HOURS) / 24)
        load = np.exp(np.interp(np.arange(HOURS) / 3, np.arange(HOURS), own.normal(0, 0.15, HOURS)))
        for factor in (*POLLUTANTS, "a00000"):
            values[factor] = np.round(values[factor] * daily * load, 2)
    rng = np.random.default_rng(9)
    for factor in factors:
        there, here = made[SOURCE][factor][EVENT], made[COPY][factor]
        course = there / np.median(there) * (1 + noise * rng.normal(size=len(there)))
        here[EVENT] = np.round(np.median(here) * course, 2)
    return [make_outlet(number, values) for number, values in enumerate(made)]


def places(hits: list[Hit]) -> set[tuple[int, str]]:
    return {(IDS.index(hit.series.outlet_id), hit.series.factor) for hit in hits}


def test_a_copy_on_another_level_with_noise_is_told_of_the_outlet_that_departed_from_its_past():
    hits = find_neighbour_hits(RULES, make_park())
    assert places(hits) == {(COPY, factor) for factor in POLLUTANTS}
    begin, end = (datetime.fromtimestamp(T0 + 3600 * at, UTC) for at in (EVENT.start, EVENT.stop))
    assert {hit.rule for hit in hits} == {"TWINS"}
    assert all(hit.started_at < end and hit.until > begin and hit.value >= hit.reference for hit in hits)


def test_honest_neighbours_with_one_daily_cycle_are_left_alone():
    assert find_neighbour_hits(RULES, make_park(factors=())) == []


def test_one_factor_of_several_makes_no_twins():
    assert find_neighbour_hits(RULES, make_park(factors=POLLUTANTS[:1])) == []


def test_a_single_factor_is_held_to_a_stricter_bound():
    values = np.array([[[-1.0, 0.9], [0.9, -1.0]]])
    bounds, alone = np.array([0.85]), np.array([0.97])
    assert not pairs(values, bounds, alone)[1].any()
    assert pairs(np.where(values > 0, 0.98, values), bounds, alone)[1].sum() == 2


def test_too_few_steps_or_none_that_move_say_nothing():
    rng = np.random.default_rng(3)
    steps = np.tile(rng.normal(size=96), (2, 1))
    assert likeness(steps)[0, 1] == pytest.approx(1.0)
    gaps = steps.copy()
    gaps[0, :50] = np.nan
    assert likeness(gaps)[0, 1] == -1.0
    still = np.where(np.arange(96) < 70, 0.0, steps)
    assert likeness(still)[0, 1] == -1.0
    assert likeness(np.zeros((2, 96)))[0, 1] == -1.0


def test_what_a_whole_group_does_together_makes_no_twins():
    rng = np.random.default_rng(3)
    assert (likeness(np.tile(rng.normal(size=96), (8, 1))) == -1.0).all()


def test_a_night_tells_a_bounded_number_of_pairs(monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(neighbours, "MOST_PAIRS", 2)
    monkeypatch.setattr(neighbours, "_evidence", lambda _group, pair, *_rest: asked.append(pair) or 1.0)
    values = make_values()
    park = [make_outlet(number, values) for number in range(4)]
    at = datetime.fromtimestamp(T0 + 100 * DAY, UTC)
    assert survey_neighbours(RULES, park, nights=(at, at)).hits
    assert len(asked) == 2 * (neighbours.MEMORY + 1)


def test_outlets_of_another_trade_are_not_compared():
    park = make_park()
    park[COPY] = [replace(line, traits=replace(line.traits, trade="cement")) for line in park[COPY]]
    assert find_neighbour_hits(RULES, park) == []


def test_nights_one_by_one_give_what_a_history_gives():
    park = make_park()
    running: list[Hit] = []
    last: dict[str, Hit] = {}
    for day in range(95, DAYS + 1):
        at = datetime.fromtimestamp(T0 + day * DAY, UTC)
        outcome = survey_neighbours(RULES, park, nights=(at, at), running=running)
        again = survey_neighbours(RULES, park, nights=(at, at), running=running)
        assert again == outcome
        running = list(outcome.running.values())
        last |= {hit.key: hit for hit in outcome.hits}
    whole = {hit.key: hit for hit in find_neighbour_hits(RULES, park)}
    assert last == whole
    assert whole
