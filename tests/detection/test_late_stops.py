"""A mark of stop that comes after its readings is held against them: marked as stopped, but running."""

import pytest

from shared.contracts.detection import Nature, Severity
from shared.contracts.ingest import OutletFactor
from shared.contracts.ingest.marks import MarkEffect
from tests.detection.conftest import COD, World, at, honest, make_outlet
from tests.detection.test_marks import HOUR_MEAN, W1, tell_mark

FLOW = "w00000"
NUMBER = 24 * 8


async def run(world: World, flow: list[float]) -> None:
    factors = [
        OutletFactor(factor=COD, unit="mg/L", span_high=500, resolution=0.1),
        OutletFactor(factor=FLOW, unit="L/s", span_high=100, resolution=0.1),
    ]
    await world.ingest.register(make_outlet(factors=factors, limits=[]))
    rows = [(at(n), {COD: value, FLOW: flow[n]}) for n, value in enumerate(honest(NUMBER))]
    await world.ingest.accept(W1, HOUR_MEAN, rows)
    await world.catch_up()


@pytest.mark.parametrize("looks", [1, 3])
async def test_running_under_a_mark_that_came_late_is_told_once(world: World, looks: int):
    await run(world, honest(NUMBER, 20.0))
    assert await world.anomalies(rule="STOP-RUN") == []
    await tell_mark(world, at(NUMBER - 12), at(NUMBER), effect=MarkEffect.STOPPED)
    await world.catch_up()
    for _ in range(looks):
        await world.run_job("look_back_at_stops")

    (one,) = await world.anomalies(rule="STOP-RUN")
    assert (one.nature, one.severity, one.factor) == (Nature.SUSPECTED_FRAUD, Severity.A, FLOW)
    assert (one.started_at, one.ended_at) == (at(NUMBER - 12), at(NUMBER))


async def test_a_source_that_stood_still_and_other_marks_are_believed(world: World):
    await run(world, [*honest(NUMBER - 12, 20.0), *[0.1, 0.2] * 6])
    await tell_mark(world, at(NUMBER - 12), at(NUMBER), effect=MarkEffect.STOPPED)
    await tell_mark(world, at(10), at(40), effect=MarkEffect.INVALID)
    await tell_mark(world, at(50), at(90), effect=MarkEffect.STOPPED, effective=False)
    await world.catch_up()
    await world.run_job("look_back_at_stops")

    assert await world.anomalies(rule="STOP-RUN") == []
    assert await world.rows(
        "select count(*) from marks where effect = 'stopped' and effective and looked_back = 0"
    ) == [(0,)]


async def test_a_changed_mark_is_looked_at_again(world: World):
    await run(world, honest(NUMBER, 20.0))
    mark = await tell_mark(world, at(NUMBER - 2), at(NUMBER - 1), effect=MarkEffect.STOPPED)
    await world.catch_up()
    await world.run_job("look_back_at_stops")
    assert await world.anomalies(rule="STOP-RUN") == []

    await tell_mark(world, at(NUMBER - 20), at(NUMBER), mark_id=mark, version=2, effect=MarkEffect.STOPPED)
    await world.catch_up()
    await world.run_job("look_back_at_stops")
    (one,) = await world.anomalies(rule="STOP-RUN")
    assert one.started_at == at(NUMBER - 20)
