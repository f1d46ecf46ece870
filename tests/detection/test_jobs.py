"""What no reading can tell: silence, and hits that grow graver while they run."""

from uuid import UUID

import pytest

from services.detection.service import watch
from shared.contracts.detection import AnomalyState, Nature, Severity
from shared.contracts.ingest import ReadingKind, outlet_uuid
from tests.detection.conftest import HOUR, World, at, honest, hours, make_outlet, minutes

W1 = outlet_uuid("E1", "W1")
HOUR_MEAN, MINUTE = ReadingKind.HOUR, ReadingKind.MINUTE


async def give_hours(world: World, values: list[float], first: float = 0, outlet_id: UUID = W1) -> None:
    await world.ingest.accept(outlet_id, HOUR_MEAN, hours(values, first))
    await world.catch_up()


async def test_silence_is_raised_once_and_a_later_reading_does_not_double_it(world: World):
    await world.ingest.register(make_outlet())
    await give_hours(world, honest(10))
    await world.run_job("look_for_silence", at(11.4))
    assert await world.anomalies() == []

    await world.run_job("look_for_silence", at(11.6))
    await world.run_job("look_for_silence", at(11.7))
    (one,) = await world.anomalies()
    assert (one.rule, one.nature, one.severity, one.state) == ("MISS", Nature.DEVICE, Severity.C, AnomalyState.OPEN)
    assert (one.started_at, one.ended_at, one.points, one.version) == (at(10), None, 1, 1)

    await world.run_job("look_for_silence", at(15.6))
    await world.run_job("refresh_running", at(15.7))
    (one,) = await world.anomalies()
    assert (one.severity, one.points, one.version) == (Severity.B, 5, 2)

    await give_hours(world, honest(3), 16)
    (one,) = await world.anomalies()
    assert (one.started_at, one.ended_at, one.points, one.version) == (at(10), at(16), 6, 3)
    assert await world.told() == [("opened", "MISS", 1), ("updated", "MISS", 2), ("updated", "MISS", 3)]
    assert await world.rows("select points, running from hits") == [(6, False)]


async def test_what_was_delivered_late_after_all_leaves_an_empty_closed_anomaly(world: World):
    await world.ingest.register(make_outlet())
    await give_hours(world, honest(10))
    await world.run_job("look_for_silence", at(13))
    await give_hours(world, honest(25), 10)

    (one,) = await world.anomalies()
    assert (one.rule, one.state, one.points, one.explanation.code) == (
        "MISS",
        AnomalyState.CLOSED,
        0,
        "missing.backfilled",
    )


async def test_a_service_that_lags_behind_calls_nobody_silent(world: World):
    await world.ingest.register(make_outlet())
    await give_hours(world, honest(10))
    for hour, value in enumerate(honest(20), 10):
        await world.ingest.accept(W1, HOUR_MEAN, hours([value], hour))
    await world.run_job("look_for_silence", at(30.2))
    assert await world.anomalies() == []

    await world.catch_up()
    await world.run_job("look_for_silence", at(31.2))
    assert await world.anomalies() == []
    await world.run_job("look_for_silence", at(31.6))
    assert [(one.rule, one.started_at) for one in await world.anomalies()] == [("MISS", at(30))]


@pytest.mark.parametrize(("silent_for", "raised"), [(0.5, 0), (2.0, 1), (71.0, 1), (73.0, 0)])
async def test_minutes_fall_silent_too_but_not_what_rests_for_days(world: World, silent_for: float, raised: int):
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, MINUTE, minutes(honest(120)))
    await world.catch_up()
    await world.run_job("look_for_silence", at(2) + silent_for * HOUR)

    assert len(await world.anomalies()) == raised


async def test_an_outlet_out_of_use_is_not_called_silent(world: World):
    await world.ingest.register(make_outlet())
    await give_hours(world, honest(10))
    await world.ingest.register(make_outlet(version=2, active=False))
    await world.catch_up()
    await world.run_job("look_for_silence", at(20))

    assert await world.anomalies() == []


async def test_the_jobs_look_at_everything_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watch, "SERIES_A_LOOK", 2)
    monkeypatch.setattr(watch, "OUTLETS_A_LOOK", 2)
    for code in ("W1", "W2", "W3", "W4", "W5"):
        await world.ingest.register(make_outlet(code))
        await give_hours(world, honest(5), outlet_id=outlet_uuid("E1", code))
    await world.run_job("look_for_silence", at(12))
    assert [one.points for one in await world.anomalies()] == [6] * 5

    await world.run_job("look_for_silence", at(14))
    await world.run_job("refresh_running", at(14))
    assert [(one.points, one.version) for one in await world.anomalies()] == [(8, 2)] * 5


async def test_a_constant_value_grows_graver_while_it_runs(world: World):
    await world.ingest.register(make_outlet())
    await give_hours(world, honest(10))
    for hour in range(10, 40):
        await give_hours(world, [33.3], hour)
        if hour == 20:
            await world.run_job("refresh_running", at(21))
    (one,) = await world.anomalies()
    assert (one.rule, one.nature, one.severity, one.points) == ("CONST", Nature.DATA_QUALITY, Severity.C, 11)

    await world.run_job("refresh_running", at(40))
    await world.run_job("refresh_running", at(40))
    (one,) = await world.anomalies()
    assert (one.nature, one.severity, one.points, one.ended_at) == (Nature.SUSPECTED_FRAUD, Severity.B, 30, None)
    assert one.explanation.params["longest_hours"] == pytest.approx(30)
    assert await world.told() == [("opened", "CONST", 1), ("updated", "CONST", 2), ("updated", "CONST", 3)]

    await give_hours(world, honest(15), 40)
    (one,) = await world.anomalies()
    assert (one.state, one.severity, one.points, one.ended_at) == (AnomalyState.CLOSED, Severity.B, 30, at(40))
