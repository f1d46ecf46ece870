"""Marks of ingest's feed: what they cover is not judged, and what was found before is explained by them."""

from datetime import datetime
from uuid import UUID, uuid4

from shared.contracts.detection import AnomalyOut
from shared.contracts.ingest import ReadingKind, enterprise_uuid, outlet_uuid
from shared.contracts.ingest.marks import (
    MARK_CHANGED,
    MarkChanged,
    MarkCover,
    MarkEffect,
    MarkKind,
    MarkSource,
    MarkState,
)
from tests.detection.conftest import COD, START, MakeWorld, World, at, honest, hours, make_outlet

HOUR_MEAN = ReadingKind.HOUR
W1 = outlet_uuid("E1", "W1")


async def tell_mark(
    world: World,
    since: datetime,
    until: datetime | None,
    *,
    mark_id: UUID | None = None,
    version: int = 1,
    effect: MarkEffect = MarkEffect.INVALID,
    effective: bool = True,
    factors: tuple[str, ...] = (),
) -> UUID:
    one = mark_id or uuid4()
    data = MarkChanged(
        mark_id=one, no="BJ-1", version=version, event="confirm", enterprise_id=enterprise_uuid("E1"), outlet_id=W1,
        kind=MarkKind.DEVICE, code="maintenance", since=START, until=None, factors=[], effect=effect,
        effective=effective, state=MarkState.ACCEPTED, source=MarkSource.MANUAL, late=False, untrue=False,
        cover=MarkCover(since=since, until=until, factors=list(factors)),
    )  # fmt: skip
    await world.ingest.tell(MARK_CHANGED, f"mark:{one}", data.model_dump(mode="json"), START)
    return one


def over_limit(hours_over: range, number: int = 40) -> list[float | None]:
    return [55.0 + 2 * i if i in hours_over else value for i, value in enumerate(honest(number))]


async def exceedances(world: World) -> list[AnomalyOut]:
    return await world.anomalies(rule="EX-H")


async def test_a_reading_under_a_mark_is_not_judged(world: World):
    await world.ingest.register(make_outlet())
    await tell_mark(world, at(10), at(12))
    await world.ingest.accept(W1, HOUR_MEAN, hours(over_limit(range(10, 13))))
    await world.catch_up()

    assert [(one.started_at, one.points) for one in await exceedances(world)] == [(at(12), 1)]


async def test_a_mark_of_another_factor_covers_nothing(world: World):
    await world.ingest.register(make_outlet())
    await tell_mark(world, at(10), at(13), factors=("w21003",))
    await world.ingest.accept(W1, HOUR_MEAN, hours(over_limit(range(10, 13))))
    await world.catch_up()

    assert [one.points for one in await exceedances(world)] == [3]


async def test_a_mark_handed_in_later_explains_what_was_found(world: World):
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours(over_limit(range(10, 13))))
    await world.catch_up()
    [found] = await exceedances(world)
    assert found.marked_by is None

    mark = await tell_mark(world, at(10), at(13), factors=(COD,))
    await world.catch_up()

    [explained] = await exceedances(world)
    assert (explained.marked_by, explained.version) == (mark, found.version + 1)
    assert ("updated", "EX-H", explained.version) in await world.told()


async def test_half_a_cover_explains_nothing_and_two_halves_do(world: World):
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours(over_limit(range(10, 14))))
    first = await tell_mark(world, at(10), at(12))
    await world.catch_up()
    assert [one.marked_by for one in await exceedances(world)] == [None]

    await tell_mark(world, at(12), None)
    await world.catch_up()

    assert [one.marked_by for one in await exceedances(world)] == [first]


async def test_a_mark_withdrawn_explains_no_longer_and_an_old_version_does_not_bring_it_back(world: World):
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours(over_limit(range(10, 13))))
    mark = await tell_mark(world, at(9), at(14))
    await tell_mark(world, at(9), at(14), mark_id=mark, version=2, effective=False)
    await tell_mark(world, at(9), at(14), mark_id=mark, version=1)
    await world.catch_up()

    assert [one.marked_by for one in await exceedances(world)] == [None]


async def test_an_anomaly_that_outgrows_its_mark_is_not_explained_by_it(world: World):
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours(over_limit(range(10, 12), 12)))
    mark = await tell_mark(world, at(10), at(12))
    await world.catch_up()
    assert [one.marked_by for one in await exceedances(world)] == [mark]

    await world.ingest.accept(W1, HOUR_MEAN, hours([60.0, 61.0, *honest(3)], 12))
    await world.catch_up()

    assert [(one.points, one.marked_by) for one in await exceedances(world)] == [(4, None)]


async def test_silence_in_a_marked_stop_is_explained_until_it_outlasts_the_stop(world: World):
    await world.ingest.register(make_outlet())
    await world.ingest.accept(W1, HOUR_MEAN, hours(honest(10)))
    mark = await tell_mark(world, at(9), at(14), effect=MarkEffect.STOPPED)
    await world.catch_up()
    await world.run_job("look_for_silence", at(13))
    assert [one.marked_by for one in await world.anomalies(rule="MISS")] == [mark]

    await world.run_job("look_for_silence", at(20))
    await world.run_job("refresh_running", at(20))

    assert [one.marked_by for one in await world.anomalies(rule="MISS")] == [None]


async def test_marks_mean_the_same_however_the_feed_is_cut(make_world: MakeWorld):
    stories = []
    for limit, crashes in ((40, frozenset()), (1, frozenset({2, 4})), (3, frozenset({1}))):
        world = await make_world()
        mark = UUID(int=7)
        await world.ingest.register(make_outlet())
        await world.ingest.accept(W1, HOUR_MEAN, hours(over_limit(range(5, 12), 12)))
        await tell_mark(world, at(4), at(13), mark_id=mark)
        await world.ingest.accept(W1, HOUR_MEAN, hours([60.0, 61.0, 62.0], 12))
        await tell_mark(world, at(4), at(15), mark_id=mark, version=2)
        await world.ingest.accept(W1, HOUR_MEAN, hours(honest(20), 15))
        await world.catch_up(limit, crash_at=crashes)
        stories.append([
            (one.rule, one.started_at, one.ended_at, one.points, one.marked_by) for one in await world.anomalies()
        ])  # fmt: skip

    assert stories[0] == stories[1] == stories[2]
    # The hour under the mark's first version is not judged; the two after it are, and its second version explains all.
    assert stories[0][0] == ("EX-H", at(5), at(15), 9, UUID(int=7))
