"""Surveys of history at night: once each, the same after a crash, and on demand."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest

from services.detection import nightly
from services.detection.service import survey_desk
from services.detection.service.survey_desk import Run, SurveyDesk, last_night
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.detection.surveys import SurveyIn, SurveyState, SurveyTrigger
from shared.contracts.ingest import Medium, OutletFactor, ReadingKind, enterprise_uuid, outlet_uuid
from tests.detection.conftest import CrashError, MakeWorld, World, make_outlet

FIRST = datetime(2026, 2, 28, 16, tzinfo=UTC)
"""A midnight in the park."""
SO2, NOX, DUST = "a21026", "a21002", "a34013"
DAYS = 75
CODES = ("W1", "W2", "W3")
W1, W2 = outlet_uuid("E1", "W1"), outlet_uuid("E1", "W2")
HOUR = timedelta(hours=1)


def wandering(seed: int, level: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    hours = np.arange(DAYS * 24)

    def wander(size: float, period: float) -> np.ndarray:
        marks = rng.normal(0, size, int(len(hours) / period) + 3)
        return np.interp(hours / period, np.arange(len(marks)), marks)

    course = np.exp(wander(0.12, 90) + wander(0.08, 9) + wander(0.06, 3))
    return np.round(level * course * (1 + 0.006 * rng.normal(size=len(hours))), 2)


def values_of(number: int) -> dict[str, np.ndarray]:
    """The first outlet replays three days of the past, the second has its SO2 cut off; the third is honest."""
    made = {
        code: wandering(10 * number + i, level)
        for i, (code, level) in enumerate(((SO2, 22.0), (NOX, 31.0), (DUST, 4.0)))
    }
    event = slice(66 * 24 + 5, 70 * 24 + 5)
    if number == 0:
        for v in made.values():
            v[event] = v[event.start - 240 : event.stop - 240]
    if number == 1:
        made[SO2][event] = np.minimum(made[SO2][event], np.round(np.quantile(made[SO2][event], 0.5), 2))
    return made


def copied_values() -> dict[str, np.ndarray]:
    """The third outlet with a week of the second's course on its own level, with a little noise."""
    made, source, rng = values_of(2), values_of(1), np.random.default_rng(5)
    event = slice(50 * 24, 57 * 24)
    for code, v in made.items():
        course = source[code][event] / np.median(source[code][event])
        v[event] = np.round(np.median(v) * course * (1 + 0.003 * rng.normal(size=len(course))), 2)
    return made


async def furnish(world: World, days: int = DAYS, *, copied: bool = False) -> None:
    for number, code in enumerate(CODES):
        factors = [
            OutletFactor(factor=one, unit="mg/m3", span_low=0, span_high=400, resolution=0.01)
            for one in (SO2, NOX, DUST)
        ]
        await world.ingest.register(make_outlet(code, medium=Medium.GAS, limits=[], factors=factors))
        made = copied_values() if copied and number == 2 else values_of(number)
        rows = [(FIRST + i * HOUR, {one: float(v[i]) for one, v in made.items()}) for i in range(days * 24)]
        await world.ingest.accept(outlet_uuid("E1", code), ReadingKind.HOUR, rows)
    await world.catch_up()


def night(day: int) -> datetime:
    """Some hours after the midnight that ends a day."""
    return FIRST + timedelta(days=day, hours=3)


async def found(world: World) -> list[tuple[object, ...]]:
    surveys = {"CAP", "REPLAY", "REPLAY-N", "SMOOTH", "RANDOM", "VAR-UP", "PARAM-DATA", "ROWS", "DIGIT"}
    return [
        (
            one.outlet_id,
            one.factor,
            one.rule,
            one.started_at,
            one.ended_at,
            one.points,
            one.state,
            one.explanation.params,
        )
        for one in await world.anomalies()
        if one.rule in surveys
    ]


async def test_a_night_is_surveyed_once_and_tells_what_it_found(world: World):
    await furnish(world)
    await world.run_job("run_surveys", night(DAYS))
    first = await found(world)
    assert {(one[0], one[2]) for one in first} == {(W1, "REPLAY"), (W1, "REPLAY-N"), (W2, "CAP")}
    told = await world.told()

    await world.run_job("run_surveys", night(DAYS))
    assert (await found(world), await world.told()) == (first, told)

    (run,) = (await world.as_(Role.SUPERVISOR).list_survey_runs()).items
    assert (run.trigger, run.state, run.outlets, run.failed) == (SurveyTrigger.NIGHTLY, SurveyState.DONE, 3, 0)
    assert run.night == FIRST + timedelta(days=DAYS)
    assert run.hits > 0
    assert {(gap.rule, gap.why) for gap in run.gaps} == {("BUNCH", "no_limit"), ("FLAG-ABUSE", "no_limit")}


async def test_what_could_not_be_judged_is_kept_with_the_reason(world: World):
    await furnish(world, days=20)
    await world.run_job("run_surveys", night(20))
    (run,) = (await world.as_(Role.SUPERVISOR).list_survey_runs()).items
    gaps = {(gap.rule, gap.why): gap.series for gap in run.gaps}
    assert gaps["DIGIT", "no_baseline"] == 9
    assert gaps["SMOOTH", "no_baseline"] == 9
    (kept,) = await world.rows(f"select unjudged from survey_nights where outlet_id = '{W1}'")
    assert {"factor": SO2, "rule": "SMOOTH", "why": "no_baseline"} in kept[0]


async def test_nights_one_by_one_give_what_a_service_that_was_down_makes_up_for(make_world: MakeWorld):
    steady, late = await make_world(), await make_world()
    for world in (steady, late):
        await furnish(world)
    for day in range(DAYS - 20, DAYS + 1):
        await steady.run_job("run_surveys", night(day))
    await late.run_job("run_surveys", night(DAYS - 20))
    await late.run_job("run_surveys", night(DAYS))

    assert await found(late) == await found(steady)


async def test_killed_in_the_middle_and_run_again_gives_the_same(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(survey_desk, "OUTLETS_A_PAGE", 1)
    clean, killed = await make_world(), await make_world()
    for world in (clean, killed):
        await furnish(world)
    await clean.run_job("run_surveys", night(DAYS))

    keep, count = SurveyDesk.keep, 0

    async def crashing(self: SurveyDesk, run: Run, reports: list[survey_desk.Report]) -> Run:
        nonlocal count
        count += 1
        made = await keep(self, run, reports)
        if count in (2, 4):
            raise CrashError
        return made

    monkeypatch.setattr(SurveyDesk, "keep", crashing)
    for _ in range(2):
        with pytest.raises(CrashError):
            await killed.run_job("run_surveys", night(DAYS))
    await killed.run_job("run_surveys", night(DAYS))

    assert await found(killed) == await found(clean)
    same = "select outlet_id, judged, hits, unjudged from survey_nights order by outlet_id"
    assert await killed.rows(same) == await clean.rows(same)
    (run,) = (await killed.as_(Role.OFFICER).list_survey_runs()).items
    assert (run.outlets, run.state) == (3, SurveyState.DONE)


async def test_what_cannot_be_read_is_made_up_for_the_next_night(world: World, monkeypatch: pytest.MonkeyPatch):
    await furnish(world)

    async def fail(*_args: object) -> object:
        raise ServiceCallError("ingest", 503, "unavailable", "down")

    with monkeypatch.context() as broken:
        broken.setattr(nightly.Readings, "history_of_outlets", fail)
        await world.run_job("run_surveys", night(DAYS - 1))
    (run,) = (await world.as_(Role.SUPERVISOR).list_survey_runs()).items
    assert (run.outlets, run.failed, run.state) == (0, 3, SurveyState.DONE)

    await world.run_job("run_surveys", night(DAYS))
    assert {one[2] for one in await found(world)} == {"REPLAY", "REPLAY-N", "CAP"}


async def test_a_person_has_the_last_night_judged_again(world: World):
    await furnish(world)
    await world.run_job("run_surveys", night(DAYS))
    before = await found(world)
    supervisor = world.as_(Role.SUPERVISOR)
    asked = await supervisor.start_survey_run(SurveyIn(outlet_id=W2))
    assert (asked.state, asked.trigger) == (SurveyState.WAITING, SurveyTrigger.MANUAL)
    assert (await supervisor.start_survey_run(SurveyIn(outlet_id=W2))).id == asked.id
    await world.run_job("run_surveys", night(DAYS))

    assert await found(world) == before
    runs = (await supervisor.list_survey_runs()).items
    done = next(run for run in runs if run.id == asked.id)
    assert (done.state, done.outlets) == (SurveyState.DONE, 1)
    assert await world.rows("select action from audit_entry where action = 'survey.started'") == [("survey.started",)]


async def test_surveys_are_for_staff_and_started_by_those_who_supervise(world: World):
    await furnish(world, days=3)
    for role, enterprise in ((Role.ENTERPRISE, "E1"), (Role.ENTERPRISE, "E2")):
        answer = await world.http("/v1/surveys", role, enterprise=enterprise)
        assert answer.status_code == 403
        with pytest.raises(ServiceCallError) as refusal:
            await world.as_(role, enterprise=enterprise).start_survey_run(SurveyIn())
        assert refusal.value.status == 403
    assert (await world.http("/v1/surveys")).status_code == 401
    with pytest.raises(ServiceCallError) as unknown:
        await world.as_(Role.OFFICER).start_survey_run(SurveyIn(outlet_id=UUID(int=7)))
    assert unknown.value.status == 404
    with pytest.raises(ServiceCallError) as empty:
        await world.as_(Role.OFFICER).start_survey_run(SurveyIn(enterprise_id=enterprise_uuid("E9")))
    assert empty.value.status == 404


def test_the_night_is_over_some_hours_after_midnight_in_the_park():
    midnight = FIRST + timedelta(days=10)
    assert last_night(midnight + timedelta(hours=2)) == midnight
    assert last_night(midnight + timedelta(hours=1, minutes=59)) == midnight - timedelta(days=1)


async def test_the_night_ends_with_a_look_between_outlets_as_the_pure_rule_gives_it(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    await furnish(world, copied=True)
    given: list[tuple[object, ...]] = []
    report = nightly.report_neighbours

    def noted(*args: object) -> object:
        told = report(*args)  # type: ignore[arg-type]
        given.extend((page.outlet.id, hit.series.factor, hit.started_at) for page, hits in told for hit in hits)
        return told

    monkeypatch.setattr(nightly, "report_neighbours", noted)
    await world.run_job("run_surveys", night(DAYS))
    rows = "select outlet_id, factor, started_at, until, value from hits where rule = 'TWINS' order by 1, 2, 3"
    first, told = await world.rows(rows), await world.told()
    assert {row[1] for row in first} == {SO2, NOX, DUST}
    assert outlet_uuid("E1", "W3") in {row[0] for row in first}
    assert {row[:3] for row in first} == set(given)
    assert any(one.rule == "TWINS" for one in await world.anomalies())

    await world.run_job("run_surveys", night(DAYS))
    assert (await world.rows(rows), await world.told()) == (first, told)
    await world.run_job("run_surveys", night(DAYS + 1))
    assert [row[:3] for row in await world.rows(rows)] == [row[:3] for row in first]
